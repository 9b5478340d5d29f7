// Durability "sync" and "async": the log and the checkpointed state on disks, each on a thread of its own.
#pragma once

#include <functional>
#include <variant>

#include "checkpoint/log.h"
#include "replica/runtime/storage.h"
#include "replica/runtime/worker.h"

namespace tagma::runtime {

/// The state store as its writer sees it (write) and as the loop does (refresh).
struct CheckpointTarget {
  /// Called on a thread of its own. Durable on return, or nothing has changed. Throws StateDamaged.
  std::function<std::variant<Digest, DiskFailure>(Seq seq, const Overlay& overlay)> write;
  /// Called on the loop's thread after each write: from now on reads see it.
  std::function<void()> refresh;
};

struct DiskStorageOptions {
  /// Persists count as durable before they are (durability "async"), as long as what is not durable is neither older
  /// than `lag_max_us` nor larger than `lag_max_bytes`.
  bool ahead_of_disk = false;
  MonotonicUs lag_max_us = 100'000;
  std::uint64_t lag_max_bytes = 32UL * 1024 * 1024;
  MonotonicUs idle_us = 50'000;    ///< idle for so long, the log writes down that it is synced
  MonotonicUs retry_us = 500'000;  ///< between tries while there is no room
};

/// Group commit: everything that gathers while one group is being synced goes into the next one.
class DiskStorage final : public Storage {
 public:
  DiskStorage(tagma::Log log, CheckpointTarget target, DiskStorageOptions options);
  ~DiskStorage() override;

  void persist(PersistNumber number, Record record) override;
  void remember(Record record) override;
  void write_checkpoint(Seq seq, std::shared_ptr<const Overlay> overlay) override;
  void collect(Seq up_to) override;
  void commit(MonotonicUs now_us) override;
  [[nodiscard]] std::optional<Event> next_event() override;
  [[nodiscard]] bool ready() override;
  [[nodiscard]] std::vector<int> descriptors() const override;
  [[nodiscard]] std::optional<MonotonicUs> wake_at_us() const override;
  [[nodiscard]] std::optional<std::string> stalled() const override { return stalled_; }
  [[nodiscard]] std::optional<std::string> failure() const override { return failure_; }
  void show(Counters& counters) override;
  void close() override;

 private:
  /// One group, or a mark if it has no record.
  struct Group {
    std::vector<Record> records;
    PersistNumber number = 0;  ///< highest persist in it
    std::uint64_t bytes = 0;   ///< of its records, about
    MonotonicUs since_us = 0;  ///< when the turn of its oldest persist ended; 0: not yet
    Seq collect = 0;
  };
  struct GroupResult {
    DiskOutcome outcome;
    MonotonicUs sync_us = 0;
    tagma::Log::Size size;
  };
  struct Checkpoint {
    Seq seq = 0;
    std::shared_ptr<const Overlay> overlay;
    std::variant<std::monostate, Digest, DiskFailure> outcome;
    std::optional<std::string> damage;
  };

  void take_group();
  void take_checkpoint();
  void begin_group();
  void begin_checkpoint();
  /// On the log's thread.
  [[nodiscard]] static GroupResult write_group(tagma::Log& log, const Group& group);
  /// Whether it may be tried again later; if not, this replica stops.
  [[nodiscard]] bool survives(const DiskFailure& failure, const std::string& what);
  [[nodiscard]] bool may_run_ahead() const;

  tagma::Log disk_log_;  ///< its worker's while that is busy
  CheckpointTarget target_;
  DiskStorageOptions options_;
  MonotonicUs now_us_ = 0;

  Group gathered_;
  Group running_;       ///< its worker's while that is busy
  GroupResult result_;  ///< the same
  PersistNumber pushed_ = 0;
  PersistNumber durable_ = 0;   ///< <= pushed_
  PersistNumber reported_ = 0;  ///< <= durable_, unless it may run ahead of the disk
  Seq collect_ = 0;
  bool marked_ = true;  ///< the log says of itself that it is synced
  MonotonicUs idle_since_us_ = 0;
  MonotonicUs retry_group_at_us_ = 0;       ///< 0: not stalled
  MonotonicUs retry_checkpoint_at_us_ = 0;  ///< 0: not stalled

  std::deque<Checkpoint> checkpoints_;  ///< the first one is its worker's while that is busy
  std::optional<CheckpointWritten> written_;

  std::optional<std::string> stalled_;
  std::optional<std::string> failure_;
  std::uint64_t groups_ = 0;
  std::uint64_t records_ = 0;
  MonotonicUs sync_us_ = 0;
  MonotonicUs lag_max_seen_us_ = 0;

  Worker log_worker_;
  Worker checkpoint_worker_;
};

}  // namespace tagma::runtime
