#include "replica/core/slot_log.h"

#include <utility>

namespace tagma {

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
