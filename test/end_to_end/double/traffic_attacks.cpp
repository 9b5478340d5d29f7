// What is said too much, wrongly to clients, or not at all.
#include <utility>

#include "messages/wire/codec.h"
#include "tagma/operation.h"
#include "test/end_to_end/double/replica_attack.h"

namespace tagma::end_to_end {
namespace {

/// B1: clients are told what never happened, at once and for several slots, as all who are in league would tell it.
class RepliesWrongly final : public ReplicaAttack {
 public:
  explicit RepliesWrongly(const Surroundings& surroundings) : surroundings_(surroundings) {}

  [[nodiscard]] bool hears(const Received& received, Deeds& deeds) override {
    const auto* submit = std::get_if<Submit>(&received.message);
    if (submit == nullptr || received.from.principal.kind == PrincipalKind::replica) return true;
    const Bundle& bundle = submit->bundle->content;
    Replies replies{surroundings_.membership().epoch, 0, bundle.client, bundle.session, {}};
    // The slot is part of the match: it tries which one it may be.
    constexpr Seq guesses = 8;
    for (Seq seq = 1; seq <= guesses; ++seq) {
      replies.entries.clear();
      RequestNumber number = bundle.first;
      for (const auto& operation : bundle.operations) {
        replies.entries.push_back({number, surroundings_.authenticator.digest(operation),
                                   surroundings_.situation.core.executed + seq, Outcome::executed, lie(number)});
        ++number;
      }
      deeds.replies.push_back({bundle.client, bundle.session, replies});
    }
    fire();
    return true;
  }

  [[nodiscard]] bool bend_reply(Message& message) override {
    auto* replies = std::get_if<Replies>(&message);
    if (replies == nullptr) return true;
    for (auto& entry : replies->entries) entry.result = lie(entry.number);
    fire();
    return true;
  }

 private:
  /// Of the number alone, so that all liars tell the same.
  static Bytes lie(RequestNumber number) { return encode_reply({ReplyStatus::ok, "lie " + std::to_string(number)}); }

  Surroundings surroundings_;
};

/// B11: well-formed, authentic and of no use, so many a second to everybody.
class Floods final : public ReplicaAttack {
 public:
  Floods(const AttackOptions& options, const Surroundings& surroundings)
      : surroundings_(surroundings), rate_(options.rate), random_(options.seed + surroundings.self(), "real flood") {}

  void act(Deeds& deeds) override {
    const auto now_us = surroundings_.situation.now_us;
    const auto passed_us = last_us_ == 0 ? MonotonicUs{0} : std::min(now_us - last_us_, burst_us_max);
    last_us_ = now_us;
    owed_millionths_ += static_cast<std::uint64_t>(passed_us) * rate_;
    for (; owed_millionths_ >= 1'000'000; owed_millionths_ -= 1'000'000) {
      deeds.to_all.push_back(junk());
      fire();
    }
  }

 private:
  static constexpr MonotonicUs burst_us_max = 100'000;

  [[nodiscard]] Message junk() {
    const Seq executed = surroundings_.situation.core.executed;
    // A vote in the present view would take the place of its own later one, and two that differ would contradict each
    // other: those are other attacks.
    const View later_view = surroundings_.situation.core.view + 1 + random_.below(1'000);
    Digest digest;
    digest.bytes[2] = static_cast<std::uint8_t>(random_.below(256));
    const Seq seq = executed + 1 + random_.below(surroundings_.config.window);
    switch (random_.below(6)) {
      case 0: return FetchBatch{seq, digest};
      case 1: return BatchBody{executed + 1, some_batch()};
      case 2: return Prepare{later_view, seq, {}};
      case 3: return Status{surroundings_.situation.core.view, true, true, 0, 0, {}};
      case 4: return StateLeaseQuery{random_.next(), 0};
      default: return Commit{later_view, seq, {}};
    }
  }

  /// No two are alike, and nobody has signed what is in them.
  [[nodiscard]] SharedBatch some_batch() {
    Bundle content;
    content.cluster = surroundings_.membership().cluster;
    content.session = content.first = 1 + random_.below(1'000'000);
    content.operations.emplace_back("x");
    const SignedBundle bundle{content, wire::encode_bundle_body(content), "forged"};
    return std::make_shared<const Batch>(wire::encode_batch(1, {bundle}, {}));
  }

  Surroundings surroundings_;
  std::uint64_t rate_;
  sim::Random random_;
  MonotonicUs last_us_ = 0;
  std::uint64_t owed_millionths_ = 0;
};

/// Says nothing to anybody, and hears all.
class Silent final : public ReplicaAttack {
 public:
  void bend(sim::Outgoing /*outgoing*/, std::vector<sim::Outgoing>& /*out*/) override { fire(); }
  [[nodiscard]] bool bend_reply(Message& /*message*/) override {
    fire();
    return false;
  }
};

}  // namespace

std::unique_ptr<ReplicaAttack> make_traffic_attack(std::string_view name, const AttackOptions& options,
                                                   const Surroundings& surroundings) {
  if (name == "wrong_replies") return std::make_unique<RepliesWrongly>(surroundings);
  if (name == "flood") return std::make_unique<Floods>(options, surroundings);
  if (name == "silent") return std::make_unique<Silent>();
  return nullptr;
}

}  // namespace tagma::end_to_end
