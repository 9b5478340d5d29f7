// What a source of the state, or a voter for a checkpoint, lies about.
#include <algorithm>
#include <utility>

#include "messages/wire/codec.h"
#include "test/end_to_end/double/replica_attack.h"
#include "test/fakes/state_pieces.h"

namespace tagma::end_to_end {
namespace {

/// B8: the parts of the state that somebody asks for are flipped, truncated, grown, reordered, repeated, in turn.
class SpoilsState final : public ReplicaAttack {
 public:
  void bend(sim::Outgoing outgoing, std::vector<sim::Outgoing>& out) override {
    auto* parts = std::get_if<StateParts>(&outgoing.message);
    if (parts != nullptr && !parts->pieces.empty()) {
      spoil_piece(*parts);
      fire();
    } else if (parts != nullptr && !parts->nodes.empty() && !parts->nodes.front().children.empty()) {
      auto& digest = parts->nodes.front().children.front().digest;
      digest = flipped(digest);
      fire();
    }
    out.push_back(std::move(outgoing));
  }

 private:
  void spoil_piece(StateParts& parts) {
    auto& piece = parts.pieces.front();
    const auto way = way_++ % ways;
    if (way == repeat_pieces) return parts.pieces.push_back(piece), void();
    test::change_entries(piece.entries, [way](test::EntryList& list) {
      // What is too short to be changed in this way grows.
      if (list.empty() || (way == reorder && list.size() < 2) || way == grow) {
        list.emplace_back("a key", "of a liar");
      } else if (way == flip) {
        auto& value = list.front().second;
        if (value.empty()) value.push_back('\0');
        value.back() = static_cast<char>(value.back() ^ 1);
      } else if (way == truncate) {
        list.pop_back();
      } else if (way == reorder) {
        std::swap(list.front(), list.back());
      } else {
        list.push_back(list.back());
      }
    });
  }

  enum Way : std::uint32_t { flip, truncate, grow, reorder, repeat_entries, repeat_pieces, ways };
  std::uint32_t way_ = 0;
};

/// B9: whoever asks is granted a lease, and then gets nothing, or once in a while one piece.
class DripsState final : public ReplicaAttack {
 public:
  explicit DripsState(const Surroundings& surroundings) : surroundings_(surroundings) {}

  void bend(sim::Outgoing outgoing, std::vector<sim::Outgoing>& out) override {
    auto* parts = std::get_if<StateParts>(&outgoing.message);
    if (parts == nullptr || (parts->pieces.empty() && parts->nodes.empty())) {
      out.push_back(std::move(outgoing));
      return;
    }
    fire();
    auto& next_us = next_us_[outgoing.to];
    const auto now_us = surroundings_.situation.now_us;
    if (now_us < next_us) return;
    next_us = now_us + drip_us;
    if (parts->pieces.size() > 1) parts->pieces.resize(1);
    if (!parts->pieces.empty()) parts->nodes.clear();
    out.push_back(std::move(outgoing));
  }

 private:
  static constexpr MonotonicUs drip_us = 3'000'000;
  Surroundings surroundings_;
  std::map<ReplicaId, MonotonicUs> next_us_;
};

/// B6: CHECKPOINTs for a state that is not there, and for slots that nobody has reached.
class VotesForWrongState final : public ReplicaAttack {
 public:
  explicit VotesForWrongState(const Surroundings& surroundings) : surroundings_(surroundings) {}

  void bend(sim::Outgoing outgoing, std::vector<sim::Outgoing>& out) override {
    auto* vote = std::get_if<CheckpointVote>(&outgoing.message);
    if (vote != nullptr && vote->content.replica == surroundings_.self()) {
      auto content = vote->content;
      content.root = flipped(content.root);
      *vote = signed_vote(content);
      fire();
    }
    out.push_back(std::move(outgoing));
  }

  void act(Deeds& deeds) override {
    const auto& situation = surroundings_.situation;
    if (situation.now_us < next_us_) return;
    next_us_ = situation.now_us + ahead_every_us;
    const Seq interval = surroundings_.config.checkpoint_interval;
    const Seq last = situation.core.executed - situation.core.executed % interval;
    CheckpointStatement content{surroundings_.membership().cluster,
                                surroundings_.membership().epoch,
                                surroundings_.self(),
                                situation.core.incarnation,
                                last + interval * (1 + ahead_++ % ahead_max),
                                {}};
    content.root.bytes[6] = 1;
    deeds.to_all.emplace_back(signed_vote(content));
    fire();
  }

 private:
  static constexpr MonotonicUs ahead_every_us = 200'000;
  static constexpr Seq ahead_max = 1'000;

  [[nodiscard]] CheckpointVote signed_vote(const CheckpointStatement& content) const {
    CheckpointVote vote;
    vote.content = content;
    vote.body = wire::encode_checkpoint_body(content);
    vote.signature = surroundings_.authenticator.sign(wire::checkpoint_statement(vote.body));
    return vote;
  }

  Surroundings surroundings_;
  MonotonicUs next_us_ = 0;
  Seq ahead_ = 0;
};

}  // namespace

std::unique_ptr<ReplicaAttack> make_state_attack(std::string_view name, const AttackOptions& /*options*/,
                                                 const Surroundings& surroundings) {
  if (name == "bad_state") return std::make_unique<SpoilsState>();
  if (name == "drip_state") return std::make_unique<DripsState>(surroundings);
  if (name == "wrong_checkpoint") return std::make_unique<VotesForWrongState>(surroundings);
  return nullptr;
}

}  // namespace tagma::end_to_end
