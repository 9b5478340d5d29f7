#include "test/checkers/vote_oracle.h"

#include <algorithm>
#include <string>

namespace tagma::checkers {
namespace {

std::string place(ReplicaId replica, View view, Seq seq, const Digest& digest) {
  return "replica " + std::to_string(replica) + " at view " + std::to_string(view) + " slot " + std::to_string(seq) +
         " batch " + to_hex(digest.view()).substr(0, 8);
}

template <typename Map, typename Key>
const std::set<ReplicaId>* voters_of(const Map& votes, const Key& key) {
  const auto found = votes.find(key);
  return found == votes.end() ? nullptr : &found->second;
}

bool contains(const std::set<ReplicaId>* voters, ReplicaId replica) {
  return voters != nullptr && voters->count(replica) != 0;
}

}  // namespace

bool VoteOracle::has_quorum(const std::set<ReplicaId>* voters) const {
  return (voters == nullptr ? 0 : voters->size()) + faulty_.size() >= quorum_;
}

void VoteOracle::one_digest(std::map<Vote, Digest>& votes, ReplicaId replica, View view, Seq seq, const Digest& digest,
                            std::string_view what) {
  const auto [known, first] = votes.emplace(Vote{replica, seq, view}, digest);
  if (!first && known->second != digest) {
    verdict_.report(Oracle::durable_votes, std::string(what) +
                                               " contradicts an earlier one: " + place(replica, view, seq, digest) +
                                               " after " + to_hex(known->second.view()).substr(0, 8));
  }
}

void VoteOracle::pre_prepared(ReplicaId replica, View view, Seq seq, const Digest& digest) {
  if (!correct(replica)) return;
  one_digest(recorded_digest_, replica, view, seq, digest, "a durable PRE-PREPARE record");
  remembers(replica, view, seq, digest);
  pre_prepared_[{seq, view, digest}].insert(replica);
}

void VoteOracle::prepared(ReplicaId replica, View view, Seq seq, const Digest& digest) {
  if (correct(replica)) prepared_[{seq, view, digest}].insert(replica);
}

void VoteOracle::checkpoint_durable(ReplicaId replica, Seq seq, const Digest& root) {
  if (!correct(replica)) return;
  checkpoints_[{seq, root}].insert(replica);
  checkpoints_held_[{seq, root}].insert(replica);
}

void VoteOracle::read_back(ReplicaId replica, const std::vector<Record>& records, Seq collected) {
  if (!correct(replica)) return;
  std::set<Ballot> pre_prepared;
  std::set<Ballot> prepared;
  for (const auto& record : records) {
    if (const auto* accepted = std::get_if<RecordPrePrepared>(&record)) {
      pre_prepared.insert({accepted->seq, accepted->view, accepted->digest});
    } else if (const auto* known = std::get_if<RecordPrepared>(&record)) {
      prepared.insert({known->seq, known->view, known->digest});
    }
  }
  const Seq from = std::max(collected, forgotten_up_to_.contains(replica) ? forgotten_up_to_.at(replica) : 0) + 1;
  const auto compare = [&](const std::map<Ballot, std::set<ReplicaId>>& durable, const std::set<Ballot>& found) {
    for (auto at = durable.lower_bound({from, 0, Digest{}}); at != durable.end(); ++at) {
      if (!at->second.contains(replica) || found.contains(at->first)) continue;
      const auto& [seq, view, digest] = at->first;
      verdict_.report(Oracle::durable_votes,
                      "a durable record is not there any more: " + place(replica, view, seq, digest));
    }
  };
  compare(pre_prepared_, pre_prepared);
  compare(prepared_, prepared);
}

void VoteOracle::loses_state(ReplicaId replica) {
  for (auto& [checkpoint, holders] : checkpoints_held_) holders.erase(replica);
}

void VoteOracle::remembers(ReplicaId replica, View view, Seq seq, const Digest& digest) {
  const auto forgotten = forgotten_up_to_.find(replica);
  if (forgotten != forgotten_up_to_.end() && seq <= forgotten->second) {
    verdict_.report(Oracle::durable_votes,
                    "a vote on a slot on which an earlier life, forgotten since, may have voted: " +
                        place(replica, view, seq, digest));
  }
  auto& highest = voted_up_to_[replica];
  highest = std::max(highest, seq);
}

void VoteOracle::claims_prepared(ReplicaId replica, View view, Seq seq, const Digest& digest) {
  if (!correct(replica)) return;
  if (!has_quorum(voters_of(pre_prepared_, Ballot{seq, view, digest}))) {
    verdict_.report(Oracle::durable_votes,
                    "prepared without a quorum of durable records: " + place(replica, view, seq, digest));
  }
}

void VoteOracle::claims_stable(ReplicaId replica, Seq seq, const Digest& root) {
  if (!correct(replica)) return;
  if (!has_quorum(voters_of(checkpoints_, std::pair{seq, root}))) {
    verdict_.report(Oracle::durable_votes, "replica " + std::to_string(replica) + " holds checkpoint " +
                                               std::to_string(seq) +
                                               " for stable without a quorum of durable checkpoints");
  }
}

void VoteOracle::view_durable(ReplicaId replica, View view) {
  auto& highest = durable_view_[replica];
  highest = std::max(highest, view);
}

void VoteOracle::votes_in(ReplicaId replica, View view, Seq seq, const Digest& digest) {
  const auto left = left_view_.find(replica);
  if (left == left_view_.end() || view >= left->second) return;
  verdict_.report(Oracle::durable_votes,
                  "a vote in a view that was left by a VIEW-CHANGE: " + place(replica, view, seq, digest));
}

void VoteOracle::sent_pre_prepare(ReplicaId replica, View view, Seq seq, const Digest& digest) {
  if (correct(replica)) one_digest(proposed_digest_, replica, view, seq, digest, "a PRE-PREPARE");
}

void VoteOracle::all_claimed(ReplicaId replica, const ViewChangeStatement& statement,
                             const std::map<Ballot, std::set<ReplicaId>>& durable,
                             const std::vector<SlotClaim>& claims) {
  const auto& votes = statement.certificate.votes;
  const Seq certificate = votes.empty() ? 0 : votes.front().content.seq;
  const Seq from = std::max(certificate, forgotten_up_to_.contains(replica) ? forgotten_up_to_.at(replica) : 0) + 1;
  for (auto at = durable.lower_bound({from, 0, Digest{}}); at != durable.end(); ++at) {
    if (!at->second.contains(replica)) continue;
    const auto& [seq, view, digest] = at->first;
    const bool claimed = std::any_of(claims.begin(), claims.end(), [slot = seq, least = view](const SlotClaim& claim) {
      return claim.seq == slot && claim.view >= least;
    });
    if (claimed || view >= statement.view || is_dropped(statement, at->first)) continue;
    verdict_.report(Oracle::durable_votes,
                    "a VIEW-CHANGE leaves a durable record out: " + place(replica, view, seq, digest));
  }
}

bool VoteOracle::is_dropped(const ViewChangeStatement& statement, const Ballot& ballot) const {
  const auto& [seq, view, digest] = ballot;
  return std::any_of(statement.dropped_by.begin(), statement.dropped_by.end(),
                     [&, slot = seq, least = view, batch = digest](const NewViewName& name) {
                       const auto known = new_views_.find(name);
                       if (name.view <= least || known == new_views_.end()) return false;
                       if (!known->second) return true;
                       const auto* choice = known->second->find(slot);
                       return choice == nullptr || *choice != batch;
                     });
}

void VoteOracle::all_durable(ReplicaId replica, const std::vector<SlotClaim>& claims, bool prepared) {
  for (const auto& claim : claims) {
    const Ballot ballot{claim.seq, claim.view, claim.digest};
    if (contains(voters_of(prepared_, ballot), replica)) continue;
    if (!prepared && contains(voters_of(pre_prepared_, ballot), replica)) continue;
    verdict_.report(Oracle::durable_votes,
                    "a VIEW-CHANGE claims what is not durable: " + place(replica, claim.view, claim.seq, claim.digest));
  }
}

void VoteOracle::saw_new_view(const NewViewName& name, std::optional<ViewChoices> choices) {
  new_views_.emplace(name, voters_changed_ ? std::nullopt : std::move(choices));
}

void VoteOracle::voters_change() {
  voters_changed_ = true;
  for (auto& [name, choices] : new_views_) choices.reset();
}

void VoteOracle::sent_view_change(ReplicaId replica, const ViewChangeStatement& statement) {
  if (!correct(replica)) return;
  const auto durable = durable_view_.find(replica);
  if (durable == durable_view_.end() || durable->second < statement.view) {
    verdict_.report(Oracle::durable_votes, "replica " + std::to_string(replica) + " sent a VIEW-CHANGE for view " +
                                               std::to_string(statement.view) + " before its record");
  }
  auto& left = left_view_[replica];
  left = std::max(left, statement.view);
  all_claimed(replica, statement, prepared_, statement.prepared);
  all_claimed(replica, statement, pre_prepared_, statement.recorded);
  all_durable(replica, statement.prepared, true);
  all_durable(replica, statement.recorded, false);
}

void VoteOracle::sent_prepare(ReplicaId replica, View view, Seq seq, const Digest& digest) {
  if (!correct(replica)) return;
  one_digest(prepare_digest_, replica, view, seq, digest, "a PREPARE");
  votes_in(replica, view, seq, digest);
  remembers(replica, view, seq, digest);
  if (!contains(voters_of(pre_prepared_, Ballot{seq, view, digest}), replica)) {
    verdict_.report(Oracle::durable_votes, "a PREPARE left before its record: " + place(replica, view, seq, digest));
  }
}

void VoteOracle::sent_commit(ReplicaId replica, View view, Seq seq, const Digest& digest) {
  if (!correct(replica)) return;
  one_digest(commit_digest_, replica, view, seq, digest, "a COMMIT");
  votes_in(replica, view, seq, digest);
  remembers(replica, view, seq, digest);
  if (!contains(voters_of(prepared_, Ballot{seq, view, digest}), replica)) {
    verdict_.report(Oracle::durable_votes, "a COMMIT left before its record: " + place(replica, view, seq, digest));
  }
}

void VoteOracle::sent_checkpoint(ReplicaId replica, Seq seq, const Digest& root) {
  if (!correct(replica)) return;
  if (!contains(voters_of(checkpoints_held_, std::pair{seq, root}), replica)) {
    verdict_.report(Oracle::durable_votes, "replica " + std::to_string(replica) + " voted for checkpoint " +
                                               std::to_string(seq) + " before it was durable");
  }
}

void VoteOracle::executed(ReplicaId replica, Seq seq, const Digest& digest) {
  if (!correct(replica)) return;
  const auto [known, first] = supported_.emplace(seq, digest);
  if (!first && known->second == digest) return;
  for (auto ballot = prepared_.lower_bound({seq, 0, Digest{}}); ballot != prepared_.end(); ++ballot) {
    if (std::get<0>(ballot->first) != seq) break;
    if (std::get<2>(ballot->first) == digest && has_quorum(&ballot->second)) return;
  }
  verdict_.report(Oracle::durable_votes, "executed without a quorum of durable COMMITs of one view: replica " +
                                             std::to_string(replica) + " slot " + std::to_string(seq) + " batch " +
                                             to_hex(digest.view()).substr(0, 8));
}

}  // namespace tagma::checkers
