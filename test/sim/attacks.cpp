#include "test/sim/attacks.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "messages/wire/codec.h"
#include "tagma/limits.h"

namespace tagma::sim {
namespace {

constexpr Seq seq_max = std::numeric_limits<Seq>::max();

bool is_vote(const Message& message) {
  return std::holds_alternative<Prepare>(message) || std::holds_alternative<Commit>(message);
}

ReplicaId another(const AttackScene& scene, Random& random) {
  return static_cast<ReplicaId>((scene.self + 1 + random.below(scene.n - 1)) % scene.n);
}

/// Up to f others.
std::set<ReplicaId> some_others(const AttackScene& scene, Random& random) {
  std::set<ReplicaId> others;
  const auto count = 1 + random.below(scene.faults);
  while (others.size() < count) {
    const auto id = static_cast<ReplicaId>(random.below(scene.n));
    if (id != scene.self) others.insert(id);
  }
  return others;
}

/// P2: what f replicas need to vote is kept from them.
class Starves final : public Attack {
 public:
  Starves(const AttackScene& scene, Coverage& coverage, Random& random)
      : Starves(scene, coverage, some_others(scene, random)) {}
  Starves(const AttackScene& scene, Coverage& coverage, std::set<ReplicaId> victims)
      : Attack("row P2: some are starved", scene, coverage), victims_(std::move(victims)) {}

  void bend(Outgoing outgoing, std::vector<Outgoing>& out) override {
    const bool needed = is_vote(outgoing.message) || std::holds_alternative<PrePrepare>(outgoing.message) ||
                        std::holds_alternative<BatchBody>(outgoing.message);
    if (needed && victims_.contains(outgoing.to)) return fired();
    out.push_back(std::move(outgoing));
  }

 private:
  std::set<ReplicaId> victims_;
};

/// P3: every proposal is held back for a part of the timeout.
class Dawdles final : public Attack {
 public:
  Dawdles(const AttackScene& scene, Coverage& coverage, Random& random)
      : Dawdles(scene, coverage, random.one_of<std::uint32_t>({50, 90, 99})) {}
  Dawdles(const AttackScene& scene, Coverage& coverage, std::uint32_t percent)
      : Attack("row P3: proposals are held back", scene, coverage),
        delay_us_(scene.view_change_timeout_us * VirtualUs{percent} / 100) {}

  void bend(Outgoing outgoing, std::vector<Outgoing>& out) override {
    if (std::holds_alternative<PrePrepare>(outgoing.message)) {
      outgoing.delay_us += delay_us_;
      fired();
    }
    out.push_back(std::move(outgoing));
  }

 private:
  VirtualUs delay_us_;
};

/// P4: others are served while one client waits, whatever the others' requests do to its time.
class ServesOthers final : public Attack {
 public:
  ServesOthers(const AttackScene& scene, Coverage& coverage, Random& random)
      : Attack("row P4: others are served, one client waits", scene, coverage),
        victim_(static_cast<ClientId>(random.below(scene.clients))) {}

  [[nodiscard]] bool hears(const Message& message) override {
    if (const auto* submit = std::get_if<Submit>(&message)) {
      if (!is_of_victim(*submit->bundle)) return true;
      waits_ = true;
      return false;
    }
    // Somebody else leads, and serves it.
    const auto* proposal = std::get_if<PrePrepare>(&message);
    if (proposal != nullptr) waits_ = waits_ && !serves(*proposal->batch, true);
    return true;
  }

  void bend(Outgoing outgoing, std::vector<Outgoing>& out) override {
    const auto* proposal = std::get_if<PrePrepare>(&outgoing.message);
    // Once for each slot, and not where it is sent again.
    if (proposal != nullptr && proposal->seq > highest_) {
      highest_ = proposal->seq;
      if (waits_ && serves(*proposal->batch, false)) fired();
    }
    out.push_back(std::move(outgoing));
  }

 private:
  [[nodiscard]] bool is_of_victim(const SignedBundle& bundle) const { return bundle.content.client == victim_; }
  [[nodiscard]] bool serves(const Batch& batch, bool victim) const {
    return std::any_of(batch.bundles.begin(), batch.bundles.end(),
                       [&](const SignedBundle& bundle) { return is_of_victim(bundle) == victim; });
  }

  ClientId victim_;
  bool waits_ = false;
  Seq highest_ = 0;
};

/// X3: a primary lets a group's member wait, in league with members that lie, so that its vote may come after the
/// deadline.
class DelaysVotes final : public Attack {
 public:
  DelaysVotes(const AttackScene& scene, Coverage& coverage, Random& random)
      : Attack("row X3: a member's vote is held back", scene, coverage),
        victim_(scene.members[random.below(scene.members.size())]),
        random_(random.next()) {}

  [[nodiscard]] bool hears(const Message& message) override {
    const auto* submit = std::get_if<Submit>(&message);
    if (submit == nullptr || submit->bundle->content.client != victim_ || random_.chance(100'000)) return true;
    fired();
    return false;
  }

 private:
  ClientId victim_;
  Random random_;
};

/// P7: counts what the core, which was configured for it, does.
class TinyBatches final : public Attack {
 public:
  TinyBatches(const AttackScene& scene, Coverage& coverage)
      : Attack("row P7: one operation a batch", scene, coverage) {}

  void bend(Outgoing outgoing, std::vector<Outgoing>& out) override {
    const auto* proposal = std::get_if<PrePrepare>(&outgoing.message);
    if (proposal != nullptr && proposal->batch->bundles.size() == 1) fired();
    out.push_back(std::move(outgoing));
  }
};

/// P8: some slots are never proposed to anybody.
class LeavesHoles final : public Attack {
 public:
  LeavesHoles(const AttackScene& scene, Coverage& coverage, Random& random)
      : Attack("row P8: slots are left out", scene, coverage),
        every_(random.one_of<Seq>({3, 7, 20})),
        first_(random.below(every_)) {}

  void bend(Outgoing outgoing, std::vector<Outgoing>& out) override {
    const auto* proposal = std::get_if<PrePrepare>(&outgoing.message);
    if (proposal != nullptr && proposal->seq % every_ == first_) return fired();
    out.push_back(std::move(outgoing));
  }

 private:
  Seq every_;
  Seq first_;
};

/// P9, B14: proposals, votes and decisions for slots and views at and beyond every limit.
class FarNumbers final : public Attack {
 public:
  FarNumbers(const AttackScene& scene, Coverage& coverage, Random& random)
      : Attack("row P9, B14: numbers at the limits", scene, coverage), random_(random.next()) {}

  void act(Seq executed, std::vector<Outgoing>& out, std::vector<OutgoingBytes>& /*bytes*/) override {
    if (!random_.chance(100'000)) return;
    fired();
    const auto seq = random_.one_of<Seq>({0, executed, executed + 1, executed + scene().window,
                                          executed + scene().window + 1, 1ULL << 63U, seq_max - 1, seq_max});
    const auto view = random_.one_of<View>({0, scene().self, 1'000'000, std::numeric_limits<View>::max()});
    Digest digest;
    digest.bytes[7] = static_cast<std::uint8_t>(random_.below(3));
    const auto kind = random_.below(4);
    for (ReplicaId to = 0; to < scene().n; ++to) {
      if (to == scene().self) continue;
      switch (kind) {
        case 0: out.push_back({to, PrePrepare{view, seq, std::make_shared<const Batch>()}}); break;
        case 1: out.push_back({to, Prepare{view, seq, digest}}); break;
        case 2: out.push_back({to, Commit{view, seq, digest}}); break;
        default: out.push_back({to, Decided{seq, digest}}); break;
      }
    }
  }

 private:
  Random random_;
};

/// P10: some of its proposals become as large as is allowed, by repeating the requests in them, or larger.
class HugeBatches final : public Attack {
 public:
  HugeBatches(const AttackScene& scene, Coverage& coverage, Random& random)
      : Attack("row P10: a batch at or above a cap", scene, coverage), random_(random.next()) {}

  void bend(Outgoing outgoing, std::vector<Outgoing>& out) override {
    auto* proposal = std::get_if<PrePrepare>(&outgoing.message);
    if (proposal != nullptr && !proposal->batch->bundles.empty()) {
      auto& huge = huge_[proposal->seq];  // the same for all
      if (huge == nullptr) huge = random_.chance(60'000) ? enlarged(*proposal->batch) : proposal->batch;
      if (huge != proposal->batch) fired();
      proposal->batch = huge;
      if (huge_.size() > kept_max) huge_.erase(huge_.begin());
    }
    out.push_back(std::move(outgoing));
  }

 private:
  static constexpr std::size_t kept_max = 64;
  /// What a bundle takes beside its body and signature, and more.
  static constexpr std::size_t place_bytes_max = 64;

  [[nodiscard]] SharedBatch enlarged(const Batch& batch) {
    if (random_.chance(200'000)) {
      auto longer = batch;
      longer.bytes.resize(limits::batch_bytes_max + 1);
      return std::make_shared<const Batch>(std::move(longer));
    }
    if (random_.chance(200'000)) {
      auto bundle = batch.bundles.back();
      // As many empty operations as a bundle's bytes have room for; nobody has signed them.
      bundle.content.operations.assign(31'000, {});
      bundle.body = wire::encode_bundle_body(bundle.content);
      return std::make_shared<const Batch>(wire::encode_batch(batch.proposed_time_us, {bundle}, {}));
    }
    const auto bundles_max = limits::batch_bundles_max + random_.below(2);
    std::vector<SignedBundle> bundles;
    std::size_t bytes = 0;
    while (bundles.size() < bundles_max) {
      const auto& bundle = batch.bundles[bundles.size() % batch.bundles.size()];
      bytes += bundle.body.size() + bundle.signature.size() + place_bytes_max;
      if (bytes > limits::batch_bytes_max - place_bytes_max) break;
      bundles.push_back(bundle);
    }
    return std::make_shared<const Batch>(wire::encode_batch(batch.proposed_time_us, std::move(bundles), {}));
  }

  Random random_;
  std::map<Seq, SharedBatch> huge_;
};

/// P15: votes for batches that some never get.
class KeepsBodies final : public Attack {
 public:
  KeepsBodies(const AttackScene& scene, Coverage& coverage, Random& random)
      : Attack("row P15: a digest without its batch", scene, coverage),
        part_ppm_(random.one_of<std::uint32_t>({200'000, 600'000})),
        random_(random.next()) {}

  void bend(Outgoing outgoing, std::vector<Outgoing>& out) override {
    const bool body =
        std::holds_alternative<PrePrepare>(outgoing.message) || std::holds_alternative<BatchBody>(outgoing.message);
    if (body && random_.chance(part_ppm_)) return fired();
    out.push_back(std::move(outgoing));
  }

 private:
  std::uint32_t part_ppm_;
  Random random_;
};

/// B11: as much as it can send of what is well-formed and of no use.
class Floods final : public Attack {
 public:
  Floods(const AttackScene& scene, Coverage& coverage, Random& random)
      : Attack("row B11: a flood of what is of no use", scene, coverage), random_(random.next()) {}

  void act(Seq executed, std::vector<Outgoing>& out, std::vector<OutgoingBytes>& /*bytes*/) override {
    if (!random_.chance(30'000)) return;
    fired();
    constexpr int messages = 60;
    const auto victim = another(scene(), random_);
    for (int at = 0; at < messages; ++at) {
      Digest digest;
      digest.bytes[2] = static_cast<std::uint8_t>(random_.below(256));
      const Seq seq = executed + random_.below(scene().window);
      if (random_.chance(400'000)) {
        out.push_back({victim, FetchBatch{seq, digest}});
      } else if (random_.chance(300'000)) {
        out.push_back({victim, BatchBody{executed + 1, some_batch()}});
      } else {
        out.push_back({victim, Commit{random_.below(3), seq, digest}});
      }
    }
  }

 private:
  /// No two are alike.
  [[nodiscard]] SharedBatch some_batch() {
    Bundle content;
    content.cluster = scene().cluster;
    content.session = content.first = 1 + random_.below(1'000'000);
    content.operations.emplace_back("x");
    const SignedBundle bundle{content, wire::encode_bundle_body(content), "forged"};
    return std::make_shared<const Batch>(wire::encode_batch(1, {bundle}, {}));
  }

  Random random_;
};

/// B12, B13: what it said before is said again, in views and at checkpoints that have passed.
class Replays final : public Attack {
 public:
  Replays(const AttackScene& scene, Coverage& coverage, Random& random)
      : Attack("row B12, B13: old messages again", scene, coverage), random_(random.next()) {}

  void bend(Outgoing outgoing, std::vector<Outgoing>& out) override {
    if (random_.chance(50'000)) earlier_.push_back(outgoing);
    if (earlier_.size() > kept_max) earlier_.pop_front();
    out.push_back(std::move(outgoing));
  }

  void act(Seq /*executed*/, std::vector<Outgoing>& out, std::vector<OutgoingBytes>& /*bytes*/) override {
    if (earlier_.empty() || !random_.chance(200'000)) return;
    fired();
    auto again = earlier_[random_.below(earlier_.size())];
    if (random_.chance(300'000)) again.to = another(scene(), random_);
    out.push_back(std::move(again));
  }

 private:
  static constexpr std::size_t kept_max = 200;
  std::deque<Outgoing> earlier_;
  Random random_;
};

/// B16: COMMITs for some, and nothing more of the slot for anybody.
class CommitsToSome final : public Attack {
 public:
  CommitsToSome(const AttackScene& scene, Coverage& coverage, Random& random)
      : Attack("row B16: a COMMIT to some, then silence", scene, coverage), favoured_(some_others(scene, random)) {}

  void bend(Outgoing outgoing, std::vector<Outgoing>& out) override {
    const bool of_slot = std::holds_alternative<Decided>(outgoing.message) ||
                         std::holds_alternative<BatchBody>(outgoing.message) ||
                         (std::holds_alternative<Commit>(outgoing.message) && !favoured_.contains(outgoing.to));
    if (of_slot) return fired();
    out.push_back(std::move(outgoing));
  }

 private:
  std::set<ReplicaId> favoured_;
};

/// B17: bytes that are no message, from a member.
class Malformed final : public Attack {
 public:
  Malformed(const AttackScene& scene, Coverage& coverage, Random& random)
      : Attack("row B17: malformed bytes", scene, coverage), random_(random.next()) {}

  void bend(Outgoing outgoing, std::vector<Outgoing>& out) override {
    if (random_.chance(20'000)) sample_ = wire::encode(outgoing.message);
    out.push_back(std::move(outgoing));
  }

  void act(Seq /*executed*/, std::vector<Outgoing>& /*out*/, std::vector<OutgoingBytes>& bytes) override {
    if (sample_.empty() || !random_.chance(100'000)) return;
    fired();
    Bytes spoilt = sample_;
    for (auto left = 1 + random_.below(6); left > 0; --left) {
      spoilt[random_.below(spoilt.size())] = static_cast<char>(random_.below(256));
    }
    if (random_.chance(300'000)) spoilt.resize(random_.below(spoilt.size() + 1));
    bytes.push_back({another(scene(), random_), spoilt});
  }

 private:
  Bytes sample_;
  Random random_;
};

/// X1: whom all who are faulty leave out; the same for all of them in a run. Nobody where the seed does not draw it.
std::set<ReplicaId> draw_left_out(const SimOptions& options, Random& random) {
  std::set<ReplicaId> left_out;
  if (!random.chance(600'000) || options.liars.size() < options.f || !options.is_liar(0)) return left_out;
  // With just a quorum left on lossy links, those who flood leave the others too few slots in a run's time.
  if (options.faulty_clients > 0) return left_out;
  while (left_out.size() < options.f) {
    const auto id = static_cast<ReplicaId>(random.below(options.n));
    if (!options.is_liar(id)) left_out.insert(id);
  }
  return left_out;
}

std::vector<ClientId> correct_members(const SimOptions& options) {
  std::vector<ClientId> members;
  for (const auto& group : options.groups) {
    for (std::size_t member = 0; member < group.correct.size(); ++member) {
      if (group.correct[member]) members.push_back(group.definition.members[member]);
    }
  }
  return members;
}

constexpr std::uint32_t drawn_ppm = 150'000;

template <typename Kind>
void draw(std::vector<std::unique_ptr<Attack>>& attacks, Random& random, const AttackScene& scene, Coverage& coverage) {
  Random own(random.next());  // so that what one draws does not change the others
  if (random.chance(drawn_ppm)) attacks.push_back(std::make_unique<Kind>(scene, coverage, own));
}

}  // namespace

bool proposes_tiny_batches(std::uint64_t seed, ReplicaId self) {
  return Random(seed + self, "tiny batches").chance(drawn_ppm);
}

std::unique_ptr<Attack> make_attack(std::string_view name, const AttackScene& scene, const AttackChoice& choice,
                                    Coverage& coverage, Random& random) {
  if (name == "starve") {
    if (!choice.victim) return std::make_unique<Starves>(scene, coverage, random);
    return std::make_unique<Starves>(scene, coverage, std::set{*choice.victim});
  }
  if (name == "slow") {
    if (!choice.percent) return std::make_unique<Dawdles>(scene, coverage, random);
    return std::make_unique<Dawdles>(scene, coverage, *choice.percent);
  }
  if (name == "holes") return std::make_unique<LeavesHoles>(scene, coverage, random);
  if (name == "far_numbers") return std::make_unique<FarNumbers>(scene, coverage, random);
  if (name == "huge_batches") return std::make_unique<HugeBatches>(scene, coverage, random);
  if (name == "keep_bodies") return std::make_unique<KeepsBodies>(scene, coverage, random);
  if (name == "replay") return std::make_unique<Replays>(scene, coverage, random);
  if (name == "commits_to_some") return std::make_unique<CommitsToSome>(scene, coverage, random);
  if (name == "malformed") return std::make_unique<Malformed>(scene, coverage, random);
  return nullptr;
}

Attacks::Attacks(const SimOptions& options, ReplicaId self, const Membership& membership, Coverage& coverage) {
  const AttackScene scene{.self = self,
                          .n = options.n,
                          .faults = options.f,
                          .view_change_timeout_us = options.core.view_change_timeout_us,
                          .window = options.core.window,
                          .cluster = membership.cluster,
                          .clients = options.client.clients,
                          .members = correct_members(options)};
  Random random(options.seed + self, "attacks");
  // First those that withhold or make up, then those that repeat what is left, last the delay.
  draw<Starves>(attacks_, random, scene, coverage);
  draw<LeavesHoles>(attacks_, random, scene, coverage);
  draw<KeepsBodies>(attacks_, random, scene, coverage);
  draw<CommitsToSome>(attacks_, random, scene, coverage);
  draw<FarNumbers>(attacks_, random, scene, coverage);
  draw<Floods>(attacks_, random, scene, coverage);
  draw<Replays>(attacks_, random, scene, coverage);
  draw<Malformed>(attacks_, random, scene, coverage);
  draw<Dawdles>(attacks_, random, scene, coverage);
  draw<ServesOthers>(attacks_, random, scene, coverage);
  draw<HugeBatches>(attacks_, random, scene, coverage);
  Random votes(options.seed + self, "votes held back");
  if (!scene.members.empty() && votes.chance(2 * drawn_ppm)) {
    attacks_.push_back(std::make_unique<DelaysVotes>(scene, coverage, votes));
  }
  Random left_out(options.seed, "left out");
  left_out_ = draw_left_out(options, left_out);
  messages_left_ = left_out.one_of<std::uint64_t>({200, 500, 3'000});
  if (proposes_tiny_batches(options.seed, self)) attacks_.push_back(std::make_unique<TinyBatches>(scene, coverage));
}

Attacks::~Attacks() = default;

std::vector<Outgoing> Attacks::bend(ReplicaId to, const Message& message) {
  std::vector<Outgoing> passing{{to, message}};
  for (const auto& attack : attacks_) {
    std::vector<Outgoing> out;
    for (auto& outgoing : passing) attack->bend(std::move(outgoing), out);
    passing = std::move(out);
  }
  return passing;
}

bool Attacks::hears(const Message& message) {
  return std::all_of(attacks_.begin(), attacks_.end(), [&](const auto& attack) { return attack->hears(message); });
}

void Attacks::act(Seq executed, std::vector<Outgoing>& out, std::vector<OutgoingBytes>& bytes) {
  for (const auto& attack : attacks_) attack->act(executed, out, bytes);
}

bool Attacks::lets_leave(const Principal& to) {
  if (left_out_.empty()) return true;
  if (messages_left_ == 0) return false;
  --messages_left_;
  return to.kind != PrincipalKind::replica || !left_out_.contains(to.id);
}

}  // namespace tagma::sim
