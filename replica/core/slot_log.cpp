#include "replica/core/slot_log.h"

#include <utility>

namespace tagma {

VoteSet<Ballot>::Outcome add_ballot(VoteSet<Ballot>& votes, ReplicaId member, const Ballot& ballot) {
  const auto* held = votes.find(member);
  if (held != nullptr && held->view > ballot.view) return VoteSet<Ballot>::Outcome::repeated;
  if (held != nullptr && held->view < ballot.view) votes.erase(member);
  return votes.add(member, ballot);
}

void DecidedBatches::add(Seq seq, Entry entry) {
  auto& kept = entries_[seq];
  bytes_ += entry.batch.size() - kept.batch.size();
  kept = std::move(entry);
  while (entries_.size() > 1 && (entries_.size() > count_max_ || bytes_ > bytes_max_)) {
    const auto oldest = entries_.begin();
    bytes_ -= oldest->second.batch.size();
    entries_.erase(oldest);
  }
}

const DecidedBatches::Entry* DecidedBatches::find(Seq seq) const {
  const auto entry = entries_.find(seq);
  return entry == entries_.end() ? nullptr : &entry->second;
}

}  // namespace tagma
