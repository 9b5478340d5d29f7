// What a primary does with the requests that it should order.
#include <algorithm>
#include <deque>
#include <utility>

#include "messages/wire/codec.h"
#include "test/end_to_end/double/replica_attack.h"

namespace tagma::end_to_end {
namespace {

const Submit* submit_of(const Received& received) { return std::get_if<Submit>(&received.message); }

/// P1: half of the backups are shown another valid batch, another half for each slot, and are told of votes for it.
class Equivocates final : public ReplicaAttack {
 public:
  explicit Equivocates(const Surroundings& surroundings) : surroundings_(surroundings) {}

  void bend(sim::Outgoing outgoing, std::vector<sim::Outgoing>& out) override {
    if (auto* proposal = std::get_if<PrePrepare>(&outgoing.message)) {
      show_second(outgoing.to, *proposal);
    } else if (auto* prepare = std::get_if<Prepare>(&outgoing.message)) {
      vote_for_second(outgoing.to, *prepare);
    } else if (auto* commit = std::get_if<Commit>(&outgoing.message)) {
      vote_for_second(outgoing.to, *commit);
    }
    out.push_back(std::move(outgoing));
  }

 private:
  struct Split {
    View view = 0;
    Digest first;
    SharedBatch second;
    Digest second_digest;
  };
  static constexpr std::size_t kept_max = 1'024;

  [[nodiscard]] bool sees_second(Seq seq, ReplicaId to) const {
    const auto n = surroundings_.membership().n();
    const auto rank = (to + n - surroundings_.self() - 1) % n;  // among the backups
    return (rank + seq) % 2 == 0;
  }

  void show_second(ReplicaId to, PrePrepare& proposal) {
    if (proposal.batch->is_null() || !sees_second(proposal.seq, to)) return;
    auto& split = splits_[proposal.seq];
    if (split.second == nullptr || split.view != proposal.view) split = split_of(proposal);
    proposal.batch = split.second;
    fire();
    if (splits_.size() > kept_max) splits_.erase(splits_.begin());
  }

  /// The same bundles in another order, at another time: nothing about it is wrong but that it is a second one.
  [[nodiscard]] Split split_of(const PrePrepare& proposal) const {
    const Batch& first = *proposal.batch;
    auto bundles = first.bundles;
    std::rotate(bundles.begin(), bundles.begin() + (bundles.size() > 1 ? 1 : 0), bundles.end());
    Split split;
    split.view = proposal.view;
    split.first = surroundings_.authenticator.digest(first.bytes);
    split.second = std::make_shared<const Batch>(
        wire::encode_batch(first.proposed_time_us + 1, std::move(bundles), first.rejoins));
    split.second_digest = surroundings_.authenticator.digest(split.second->bytes);
    return split;
  }

  template <typename Vote>
  void vote_for_second(ReplicaId to, Vote& vote) const {
    const auto found = splits_.find(vote.seq);
    if (found == splits_.end() || found->second.view != vote.view || vote.digest != found->second.first) return;
    if (sees_second(vote.seq, to)) vote.digest = found->second.second_digest;
  }

  Surroundings surroundings_;
  std::map<Seq, Split> splits_;
};

/// P5: what one client asks for is never proposed.
class Censors final : public ReplicaAttack {
 public:
  Censors(const AttackOptions& options, const Surroundings& surroundings)
      : surroundings_(surroundings), victim_(options.victim.value_or(0)) {}

  [[nodiscard]] bool hears(const Received& received, Deeds& /*deeds*/) override {
    const auto* submit = submit_of(received);
    if (submit == nullptr || submit->bundle->content.client != victim_) return true;
    // As a backup it does not hear it either, but takes nothing from anybody by that.
    if (surroundings_.situation.leads(surroundings_.membership(), surroundings_.self())) fire();
    return false;
  }

 private:
  Surroundings surroundings_;
  ClientId victim_;
};

/// P7: bundle by bundle, however many wait: its core hears of the next one when the one before was proposed.
class ProposesTiny final : public ReplicaAttack {
 public:
  explicit ProposesTiny(const Surroundings& surroundings) : surroundings_(surroundings) {}

  [[nodiscard]] bool hears(const Received& received, Deeds& /*deeds*/) override {
    if (submit_of(received) == nullptr) return true;
    if (!surroundings_.situation.leads(surroundings_.membership(), surroundings_.self())) return true;
    if (waiting_.size() < waiting_max) waiting_.push_back(received);
    return false;
  }

  void bend(sim::Outgoing outgoing, std::vector<sim::Outgoing>& out) override {
    const auto* proposal = std::get_if<PrePrepare>(&outgoing.message);
    // Once for each slot, and where there was more to propose.
    if (proposal != nullptr && proposal->seq > highest_) {
      highest_ = proposal->seq;
      proposed_ = true;
      if (!waiting_.empty() && proposal->batch->bundles.size() == 1) fire();
    }
    out.push_back(std::move(outgoing));
  }

  [[nodiscard]] std::vector<Received> release(bool ends) override {
    std::vector<Received> released;
    const auto now_us = surroundings_.situation.now_us;
    const bool leads = surroundings_.situation.leads(surroundings_.membership(), surroundings_.self());
    if (ends || !leads) {
      released.assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.end()));
      waiting_.clear();
      return released;
    }
    // One that was ordered before is never proposed again: the next one does not wait for it for ever.
    if (waiting_.empty() || (!proposed_ && now_us - released_us_ < patience_us)) return released;
    released.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
    released_us_ = now_us;
    proposed_ = false;
    return released;
  }

 private:
  static constexpr std::size_t waiting_max = 10'000;
  static constexpr MonotonicUs patience_us = 5'000;

  Surroundings surroundings_;
  std::deque<Received> waiting_;
  Seq highest_ = 0;
  bool proposed_ = true;
  MonotonicUs released_us_ = 0;
};

}  // namespace

std::unique_ptr<ReplicaAttack> make_proposal_attack(std::string_view name, const AttackOptions& options,
                                                    const Surroundings& surroundings) {
  if (name == "equivocate") return std::make_unique<Equivocates>(surroundings);
  if (name == "censor") return std::make_unique<Censors>(options, surroundings);
  if (name == "tiny_batches") return std::make_unique<ProposesTiny>(surroundings);
  return nullptr;
}

}  // namespace tagma::end_to_end
