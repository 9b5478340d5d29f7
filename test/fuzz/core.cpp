// The pure core towards members that lie: four cores of which one is silent, while in its name, and in the clients',
// the input's messages come, any valid ones. The input also decides what is delivered when, twice or never.
//
// Promises: no assertion of the core breaks; the three correct cores never execute different batches at one slot, and
// never raise an alarm (one liar is what n = 4 tolerates).
#include "messages/assert.h"
#include "messages/validate.h"
#include "replica/core/replica_core.h"
#include "test/fuzz/input.h"
#include "test/fuzz/message_maker.h"
#include "test/fuzz/target.h"
#include "test/unit/core/core_cluster.h"

namespace tagma::fuzz {
namespace {

constexpr std::uint32_t n = 4;
constexpr int steps_max = 200;

class Story {
 public:
  explicit Story(Input& input) : input_(input), cluster_(n), liar_(input.byte() % n) {
    for (auto& node : cluster_.nodes) node->now.wall_us = wall_us;
    gather();
  }

  void step() {
    const auto to = static_cast<ReplicaId>(input_.byte() % n);
    switch (input_.byte() % 12) {
      case 0: cluster_.pass(static_cast<MonotonicUs>(1'000) << input_.byte() % 12U); break;
      case 1: deliver_some(to); break;
      case 2:
      case 3: deliver_all(); break;
      case 4: submit(to); break;
      case 5: replay(to); break;
      case 6: node(to).persist_at_once = input_.flag(); break;
      case 7: node(to).persist_all(); break;
      default: lie(to); break;
    }
    gather();
    check();
  }

 private:
  static constexpr TimeUs wall_us = 1'700'000'000'000'000;

  struct Letter {
    ReplicaId from = 0;
    std::optional<ReplicaId> to;
    Message message;
  };

  test::Node& node(ReplicaId id) { return cluster_[id]; }

  /// Takes what the correct ones have sent.
  void gather() {
    for (ReplicaId from = 0; from < n; ++from) {
      for (auto& send : node(from).take_sent()) {
        if (from != liar_) letters_.push_back({from, send.to, std::move(send.message)});
      }
    }
  }

  void give(ReplicaId to, const Letter& letter) {
    if (to == liar_ || to == letter.from || (letter.to && *letter.to != to)) return;
    node(to).step(Received{test::replica_sender(letter.from), letter.message});
    node(to).step(InputDrained{});
  }

  /// Everything not yet delivered to everybody, in order.
  void deliver_all() {
    for (; delivered_ < letters_.size(); ++delivered_) {
      for (ReplicaId to = 0; to < n; ++to) give(to, letters_[delivered_]);
      gather();
    }
  }

  /// The next few letters to one of them only; for the others they are lost.
  void deliver_some(ReplicaId to) {
    for (auto count = 1 + input_.byte() % 8; count > 0 && delivered_ < letters_.size(); --count) {
      give(to, letters_[delivered_++]);
      gather();
    }
  }

  void replay(ReplicaId to) {
    if (letters_.empty()) return;
    const auto letter = letters_[letters_.size() - 1 - input_.below(letters_.size())];
    give(to, letter);
  }

  /// A client's honest request, or one that breaks the order of its session.
  void submit(ReplicaId to) {
    const auto client = static_cast<ClientId>(input_.byte() % 5U);
    const auto kind = input_.byte();
    auto& next = next_[client];
    const RequestNumber first = kind % 4 == 3 ? 1 + input_.byte() % 8U : next + 1;
    static const std::vector<std::string> payloads{"set a=1", "get a", "fail", "set b=2", "time", "long", "?"};
    std::vector<std::string> chosen;
    for (auto count = 1 + kind / 4 % 3; count > 0; --count) chosen.push_back(payloads[input_.byte() % payloads.size()]);
    const auto bundle =
        test::toy_bundle(node(0).config.membership, client, 1 + kind / 16 % 3U, first, chosen, first - 1);
    next = std::max(next, first + chosen.size() - 1);
    bundles_.push_back(*bundle);
    const Message message = Submit{bundle};
    for (ReplicaId id = 0; id < n; ++id) {
      if (id == liar_ || (kind >= 128 && id != to)) continue;
      node(id).step(Received{test::client_sender(client), message});
      node(id).step(InputDrained{});
    }
  }

  /// A number near to those that matter, or any.
  std::uint64_t near_number(std::uint64_t base) {
    const auto choice = input_.byte();
    if (choice == 255) return input_.number();
    return base + choice % 24U;
  }

  Digest some_digest() {
    const auto choice = input_.byte();
    for (std::size_t back = 0; back < 32 && back < letters_.size(); ++back) {
      const auto& message = letters_[letters_.size() - 1 - (back + choice) % letters_.size()].message;
      if (const auto* prepare = std::get_if<Prepare>(&message)) return prepare->digest;
      if (const auto* commit = std::get_if<Commit>(&message)) return commit->digest;
    }
    return input_.digest();
  }

  SharedBatch some_batch() {
    const auto choice = input_.byte();
    if (choice % 8 == 0) return std::make_shared<const Batch>();
    std::vector<SignedBundle> bundles;
    for (auto count = 1 + choice / 8 % 4; count > 0 && !bundles_.empty(); --count) {
      bundles.push_back(bundles_[input_.below(bundles_.size())]);
      if (choice >= 224) bundles.back().signature[0] = static_cast<char>(bundles.back().signature[0] ^ 1);
    }
    if (bundles.empty()) return std::make_shared<const Batch>();
    const auto time_us = choice % 8 == 1 ? static_cast<TimeUs>(input_.number() >> 1U) : wall_us;
    return std::make_shared<const Batch>(wire::encode_batch(time_us, std::move(bundles)));
  }

  CheckpointVote some_vote(ReplicaId replica, Seq seq, const Digest& root) {
    const auto& membership = node(0).config.membership;
    CheckpointVote vote;
    vote.content = {membership.cluster, membership.epoch, replica, 0, seq, root};
    vote.body = wire::encode_checkpoint_body(vote.content);
    test::ToyAuthenticator authenticator(test::toy_key({PrincipalKind::replica, liar_}));
    vote.signature = authenticator.sign(wire::checkpoint_statement(vote.body));
    return vote;
  }

  Digest some_root() {
    const auto id = static_cast<ReplicaId>(input_.byte() % n);
    if (id == liar_) return input_.digest();
    return node(id).core.view().state_digest;
  }

  CheckpointCertificate some_certificate(Seq seq) {
    CheckpointCertificate certificate;
    const auto root = some_root();
    for (const auto& letter : letters_) {
      const auto* vote = std::get_if<CheckpointVote>(&letter.message);
      if (vote == nullptr || vote->content.seq != seq || certificate.votes.size() == n) continue;
      certificate.votes.push_back(*vote);
    }
    for (auto count = input_.byte() % 4U; count > 0; --count) {
      certificate.votes.push_back(some_vote(static_cast<ReplicaId>(input_.byte() % n), seq, root));
    }
    return certificate;
  }

  /// What a liar would say: of the right shape, near to the truth.
  Message lying_message(ReplicaId to) {
    const auto view = to == liar_ ? CoreView{} : node(to).core.view();
    const auto kind = input_.byte() % 12;
    const View in_view = input_.byte() < 224 ? 0 : input_.number();
    const Seq seq = near_number(kind < 8 ? view.executed : view.certificate);
    switch (kind) {
      case 0:
      case 1: return PrePrepare{in_view, seq, some_batch()};
      case 2: return Prepare{in_view, seq, some_digest()};
      case 3: return Commit{in_view, seq, some_digest()};
      case 4: return Decided{seq, some_digest()};
      case 5: return FetchBatch{seq, some_digest()};
      case 6: return BatchBody{seq, some_batch()};
      case 7: {
        Status status{.view = in_view, .certificate = near_number(0), .executed = seq, .slots = {}};
        Seq last = status.certificate;
        for (auto count = input_.byte() % 8U; count > 0; --count) {
          last += 1 + input_.byte() % 3U;
          status.slots.push_back({last, input_.flag(), input_.byte(), input_.byte()});
        }
        return status;
      }
      case 8: return some_vote(liar_, seq, some_root());
      case 9: return some_certificate(seq / 4 * 4);
      default: return MessageMaker(input_).message();
    }
  }

  void lie(ReplicaId to) {
    const bool as_client = input_.byte() % 8 == 7;
    const Sender from = as_client ? test::client_sender(input_.byte() % 5U) : test::replica_sender(liar_);
    const auto message = lying_message(to);
    if (to == liar_) return;
    // What the runtime lets through to the core.
    if (validate(message) || !may_send(from.principal.kind, message)) return;
    node(to).step(Received{from, message});
    if (input_.flag()) node(to).step(InputDrained{});
  }

  void check() {
    for (ReplicaId id = 0; id < n; ++id) {
      if (id == liar_) continue;
      TAGMA_ASSERT(node(id).alarms.empty(), "one liar makes no correct replica raise an alarm");
      const auto executed = node(id).core.view().executed;
      for (; checked_[id] < executed; ++checked_[id]) {
        const auto digest = node(id).core.executed_digest(checked_[id] + 1);
        if (!digest) continue;  // collected already
        const auto [first, fresh] = executed_.try_emplace(checked_[id] + 1, *digest);
        TAGMA_ASSERT(fresh || first->second == *digest, "correct replicas execute the same batch at a slot");
      }
    }
  }

  Input& input_;
  test::Cluster cluster_;
  ReplicaId liar_;
  std::vector<Letter> letters_;
  std::size_t delivered_ = 0;  ///< of the letters
  std::vector<SignedBundle> bundles_;
  std::map<ClientId, RequestNumber> next_;
  std::array<Seq, n> checked_{};
  std::map<Seq, Digest> executed_;
};

}  // namespace

void judge(ByteView bytes) {
  Input input(bytes);
  Story story(input);
  for (int steps = 0; steps < steps_max && !input.empty(); ++steps) story.step();
}

}  // namespace tagma::fuzz
