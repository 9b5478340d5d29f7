#include "replica/runtime/storage.h"

#include <utility>

namespace tagma::runtime {

std::optional<Event> MemoryStorage::next_event() {
  if (committed_ > reported_) {
    reported_ = committed_;
    return Event(Persisted{reported_});
  }
  if (jobs_.empty()) return std::nullopt;
  // One at a time: the core drops the written overlay on this event, and then the next one is the oldest.
  const auto job = std::move(jobs_.front());
  jobs_.pop_front();
  return std::visit([this](const auto& what) { return perform(what); }, job);
}

Event MemoryStorage::perform(const Checkpoint& job) {
  return CheckpointWritten{job.seq, store_.apply(job.seq, *job.overlay)};
}

Event MemoryStorage::perform(const ReadStaged& /*job*/) { return StagedRead{.staged = store_.staged(), .damage = {}}; }

Event MemoryStorage::perform(const StagePieces& job) {
  store_.stage(job.pieces);
  return PiecesStaged{};
}

Event MemoryStorage::perform(const InstallState& job) {
  return StateInstalled{job.seq, job.root, store_.install(job.seq, job.root, job.cover)};
}

}  // namespace tagma::runtime
