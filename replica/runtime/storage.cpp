#include "replica/runtime/storage.h"

#include <utility>

namespace tagma::runtime {

std::optional<Event> MemoryStorage::next_event() {
  if (committed_ > reported_) {
    reported_ = committed_;
    return Event(Persisted{reported_});
  }
  if (checkpoints_.empty()) return std::nullopt;
  // One at a time: the core drops the written overlay on this event, and then the next one is the oldest.
  const auto checkpoint = std::move(checkpoints_.front());
  checkpoints_.pop_front();
  return Event(CheckpointWritten{checkpoint.seq, store_.apply(checkpoint.seq, *checkpoint.overlay)});
}

}  // namespace tagma::runtime
