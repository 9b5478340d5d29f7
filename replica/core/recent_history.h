// What the newest slots and checkpoints of this replica were, for whoever asks where two replicas parted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "messages/inspection.h"

namespace tagma {

/// The newest executed slots and the newest own checkpoints; bounded, the oldest make room. 64 bytes per slot.
class RecentHistory {
 public:
  /// `roots_max` is at most limits::history_roots_max.
  RecentHistory(std::size_t slots_max, std::size_t roots_max) : slots_max_(slots_max), roots_max_(roots_max) {}

  /// Begins anew behind `seq`, whose state was found on disk or came from others.
  void begin_after(Seq seq) {
    executed_ = seq;
    slots_.clear();
    while (!roots_.empty() && roots_.back().seq >= seq) roots_.pop_back();
  }
  /// Slots come in order and without gaps.
  void executed(Seq seq, const SlotHistory& slot);
  /// Checkpoints come in order.
  void checkpoint(Seq seq, const Digest& root);

  /// Of the slots [first, first + count) what is remembered, and all roots. Nonce and interval are the caller's to set.
  [[nodiscard]] History tell(Seq first, std::uint32_t count) const;

 private:
  std::size_t slots_max_;
  std::size_t roots_max_;
  Seq executed_ = 0;
  std::deque<SlotHistory> slots_;  ///< the last one is that of executed_
  std::deque<CheckpointRoot> roots_;
};

}  // namespace tagma
