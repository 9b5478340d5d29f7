// Durability "sync" and "async": the log and the checkpointed state on disks, each on a thread of its own.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "checkpoint/log.h"
#include "checkpoint/state_store.h"
#include "replica/runtime/storage.h"
#include "replica/runtime/worker.h"

namespace tagma::runtime {

/// The state store as its writer sees it, and as the loop does (refresh). The writer's functions are called on a thread
/// of its own, one at a time; what they do is durable on return, or nothing has changed; they throw StateDamaged.
struct StateTarget {
  std::function<std::variant<Digest, DiskFailure>(Seq seq, const Overlay& overlay)> write;
  std::function<std::variant<StagedPieces, StagedDiscarded, DiskFailure>()> staged;
  std::function<std::optional<DiskFailure>(const std::vector<VerifiedPiece>& pieces)> stage;
  std::function<std::variant<Digest, RootDiffers, DiskFailure>(const InstallState& what)> install;
  /// Called on the writer's thread where a write has met damage, before anybody is told of it: what it leaves durably
  /// has the next start set the state aside, which may find nothing wrong by reading. Returns why it could not.
  std::function<std::optional<std::string>(const std::string& reason)> leave_mark;
  /// Called on the loop's thread after each change of the state: from now on reads see it.
  std::function<void()> refresh;
};

struct DiskStorageOptions {
  /// Persists count as durable before they are (durability "async"), as long as what is not durable is neither older
  /// than `lag_max_us` nor larger than `lag_max_bytes`.
  bool ahead_of_disk = false;
  MonotonicUs lag_max_us = 100'000;
  std::uint64_t lag_max_bytes = 32UL * 1024 * 1024;
  /// What is free where log and state are; may be empty.
  std::function<std::uint64_t()> free_bytes = {};
  MonotonicUs idle_us = 50'000;    ///< idle for so long, the log writes down that it is synced
  MonotonicUs retry_us = 500'000;  ///< between tries while there is no room
  /// A group takes no further record once it has so many bytes: a disk that is slow or full lets more gather than a log
  /// takes at once.
  std::uint64_t group_bytes_max = 64UL * 1024 * 1024;
};

/// Group commit: what gathers while one group is being synced goes into the next one, or the next ones if it is much.
class DiskStorage final : public Storage {
 public:
  DiskStorage(tagma::Log log, StateTarget target, DiskStorageOptions options);
  ~DiskStorage() override;

  void persist(PersistNumber number, Record record) override;
  void remember(Record record) override;
  void write_checkpoint(Seq seq, std::shared_ptr<const Overlay> overlay) override;
  void transfer(TransferJob job) override;
  void collect(Seq up_to) override;
  void commit(MonotonicUs now_us) override;
  [[nodiscard]] std::optional<Event> next_event() override;
  [[nodiscard]] bool ready() override;
  [[nodiscard]] std::vector<int> descriptors() const override;
  [[nodiscard]] std::optional<MonotonicUs> wake_at_us() const override;
  [[nodiscard]] std::optional<std::string> stalled() const override;
  [[nodiscard]] std::vector<std::string> take_notices() override { return std::exchange(notices_, {}); }
  [[nodiscard]] std::optional<std::string> failure() const override { return failure_; }
  void show(Counters& counters) override;
  void close() override;
  [[nodiscard]] bool all_durable() const override { return durable_ == pushed_; }

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
  };
  /// Something to do with the state store.
  struct StateJob {
    std::variant<Checkpoint, ReadStaged, StagePieces, InstallState> what;
    std::variant<std::monostate, Event, DiskFailure> outcome;
    std::optional<std::string> damage;
    MonotonicUs took_us = 0;
  };
  /// That there is no room.
  struct Lack {
    std::string reason;
    std::uint64_t needed_bytes = 0;  ///< about, or at least; 0: not known
    std::uint64_t free_bytes = 0;
    std::uint64_t told_bytes = 0;  ///< free when the log was told last
  };
  using JobOutcome = std::variant<Event, DiskFailure>;

  void take_group();
  void take_state_job();
  void note_checkpoint(const StateJob& job);
  void begin_group();
  void begin_state_job();
  /// On the log's thread.
  void write_last(const Group& group);
  [[nodiscard]] static GroupResult write_group(tagma::Log& log, const Group& group);
  // On the state's thread.
  void perform_job(StateJob& job) const;
  [[nodiscard]] std::string damage_met(const StateJob& job, const std::string& reason) const;
  [[nodiscard]] JobOutcome perform(const Checkpoint& job) const;
  [[nodiscard]] JobOutcome perform(const ReadStaged& job) const;
  [[nodiscard]] JobOutcome perform(const StagePieces& job) const;
  [[nodiscard]] JobOutcome perform(const InstallState& job) const;
  /// Whether it may be tried again later; if not, this replica stops.
  [[nodiscard]] bool survives(const DiskFailure& failure, bool of_log);
  void note_lack(const DiskFailure& failure, bool of_log);
  /// After a try that has found room.
  void found_room(bool for_log);
  [[nodiscard]] std::uint64_t free_bytes() const { return options_.free_bytes ? options_.free_bytes() : 0; }
  /// What is free and what is needed.
  [[nodiscard]] std::string amounts(const Lack& lack, bool of_log) const;
  [[nodiscard]] bool may_run_ahead() const;
  /// The group of the oldest persist that is not durable; null if all are.
  [[nodiscard]] const Group* oldest_group() const;
  [[nodiscard]] std::uint64_t waiting_bytes() const;

  tagma::Log disk_log_;  ///< its worker's while that is busy
  StateTarget target_;
  DiskStorageOptions options_;
  MonotonicUs now_us_ = 0;

  std::deque<Group> gathered_;  ///< the last one grows
  Group running_;               ///< its worker's while that is busy
  GroupResult result_;          ///< the same
  PersistNumber pushed_ = 0;
  PersistNumber durable_ = 0;   ///< <= pushed_
  PersistNumber reported_ = 0;  ///< <= durable_, unless it may run ahead of the disk
  Seq collect_ = 0;
  bool marked_ = true;  ///< the log says of itself that it is synced
  MonotonicUs idle_since_us_ = 0;
  MonotonicUs retry_group_at_us_ = 0;  ///< 0: not stalled
  MonotonicUs retry_state_at_us_ = 0;  ///< 0: not stalled

  std::deque<StateJob> state_jobs_;   ///< the first one is its worker's while that is busy
  std::optional<Event> state_event_;  ///< that tells the end of a job

  std::optional<Lack> log_lack_;
  std::optional<Lack> state_lack_;
  std::vector<std::string> notices_;
  std::optional<std::string> failure_;
  std::uint64_t groups_ = 0;
  std::uint64_t records_ = 0;
  MonotonicUs sync_us_ = 0;
  MonotonicUs lag_max_seen_us_ = 0;
  std::uint64_t checkpoints_ = 0;
  MonotonicUs checkpoints_us_ = 0;
  MonotonicUs checkpoint_max_seen_us_ = 0;

  Worker log_worker_{"tagma-log"};
  Worker state_worker_{"tagma-state"};
};

}  // namespace tagma::runtime
