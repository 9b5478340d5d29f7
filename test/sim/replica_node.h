// One simulated machine: a replica core with its clocks, its disk and its inbox. It does what replica/runtime does, in
// virtual time. The process on it may crash and return; the disk stays.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "checkpoint/log.h"
#include "checkpoint/memory_state_store.h"
#include "replica/core/effect_sequencer.h"
#include "replica/core/replica_core.h"
#include "test/checkers/caps_oracle.h"
#include "test/checkers/execution_oracle.h"
#include "test/fakes/fake_disk.h"
#include "test/sim/options.h"
#include "test/sim/random.h"
#include "test/sim/scheduler.h"

namespace tagma::sim {

/// What a machine does to the world.
class ReplicaHost {
 public:
  ReplicaHost() = default;
  ReplicaHost(const ReplicaHost&) = delete;
  ReplicaHost& operator=(const ReplicaHost&) = delete;
  virtual ~ReplicaHost() = default;

  virtual void send(ReplicaId from, std::optional<ReplicaId> to, const Message& message) = 0;
  virtual void reply(ReplicaId from, ClientId to, SessionId session, const Message& message) = 0;
  virtual void executed(ReplicaId replica, const checkers::Executed& what) = 0;
  /// The core asked for this record to be made durable.
  virtual void recording(ReplicaId replica, const Record& record) = 0;
  virtual void durable(ReplicaId replica, const Record& record) = 0;
  virtual void checkpoint(ReplicaId replica, Seq seq, const Digest& root, std::uint64_t content_hash) = 0;
  virtual void alarm(ReplicaId replica, const std::string& reason) = 0;
  /// `replica` has evidence against `against`, or holds nothing against it any more.
  virtual void distrusts(ReplicaId replica, ReplicaId against, bool distrusted) = 0;
  virtual void counted(ReplicaId replica, std::string_view reason) = 0;
  /// After every step of the core.
  virtual void stepped(ReplicaId replica, std::size_t effects) = 0;
  /// A voted reply left although a record that was asked for before it is not on the disk.
  virtual void replied_early(ReplicaId replica) = 0;
  /// The log is needed no more up to `up_to`; the state of `base` is on the disk.
  virtual void collected(ReplicaId replica, Seq up_to, Seq base) = 0;
  /// The log turned out to be damaged: the new process knows nothing of what was promised.
  virtual void forgot(ReplicaId replica) = 0;
  /// What a new process found in the log, which was collected up to this slot.
  virtual void read_back(ReplicaId replica, const std::vector<Record>& records, Seq collected) = 0;
  /// A new process found the state of `base` and the log on the disk; `life` is 1 for the first one to return.
  virtual void returned(ReplicaId replica, std::uint64_t life, Seq base, std::uint64_t torn_bytes) = 0;
  /// The state after `seq` was fetched from others and is on the disk; what was executed above the old one is given up.
  virtual void installed(ReplicaId replica, Seq seq) = 0;
  /// The process stopped by itself since its disk failed.
  virtual void disk_failed(ReplicaId replica, const std::string& reason) = 0;
};

class ReplicaNode {
 public:
  ReplicaNode(const SimOptions& options, ReplicaId id, const Membership& membership, Authenticator& authenticator,
              Scheduler& scheduler, ReplicaHost& host);

  /// Schedules the start.
  void boot();
  /// Stops for ever: what was not durable is gone.
  void crash();
  /// How a process ends that will return.
  enum class Stop : std::uint8_t {
    killed,      ///< what it wrote stays
    power_lost,  ///< of what was not synced, any part stays
    sync_fails,  ///< the next sync fails, and the process stops by itself then
  };
  /// Ends the process; a new one is started `down_us` later.
  void stop(Stop how, VirtualUs down_us);
  /// What the disk of a process that has ended has lost, which the next process will notice.
  enum class Loss : std::uint8_t { everything, log, state };
  void lose(Loss what);
  /// Bytes of the log change on the platter, below what is known to be synced; the next process may find that. For a
  /// running process, which is to be stopped next.
  void damage_log_at_stop() { damages_log_ = true; }
  void receive(const Sender& from, const Message& message);

  [[nodiscard]] bool running() const { return core_ != nullptr && !down_; }
  [[nodiscard]] bool crashed() const { return crashed_; }  ///< for ever
  [[nodiscard]] CoreView view() const { return core_ == nullptr ? CoreView{} : core_->view(); }
  [[nodiscard]] std::optional<Digest> executed_digest(Seq seq) const { return core_->executed_digest(seq); }
  [[nodiscard]] std::size_t effects_waiting() const { return sequencer_.waiting(); }
  /// A hash over all keys and values as execution sees them.
  [[nodiscard]] std::uint64_t content_hash() const;
  [[nodiscard]] const CoreConfig& config() const { return config_; }
  /// For the adversary that rides on this machine.
  /// The machine's wall clock is put forward or back, the monotonic one goes on.
  void move_clock(TimeUs by_us) { clock_.wall_skew_us += by_us; }
  [[nodiscard]] CoreHeld held() const { return core_->held(); }
  [[nodiscard]] TimeUs wall_us() const { return clock_.wall_us(scheduler_.now_us()); }

 private:
  /// What goes into the log; without a number it is remembered only.
  struct Unsynced {
    PersistNumber number = 0;
    Record record;
  };

  void start();
  [[nodiscard]] std::vector<Record> open_log();
  void end_process();
  void damage_log();
  void begin_life();
  /// Performs `action` after a while, unless the process has ended by then.
  void later(VirtualUs delay_us, std::function<void()> action);
  void later_at(VirtualUs at_us, std::function<void()> action);
  void step(Event event);
  void perform(Effects effects);
  void perform(Persist&& effect);
  void perform(Remember&& effect) { unsynced_.push_back({0, std::move(effect.record)}); }
  void perform(Send&& effect) { host_.send(id_, effect.to, effect.message); }
  void perform(Reply&& effect);
  void perform(Answer&&) {}  // no administrator asks here
  void perform(WriteCheckpoint&& effect);
  void perform(ReadStaged&& effect);
  void perform(StagePieces&& effect);
  void perform(InstallState&& effect);
  void perform(SetClient&&) {}  // keys come with messages here, and every connection is admitted
  void perform(Notice&&) {}
  void perform(Distrust&& effect) { host_.distrusts(id_, effect.replica, effect.distrusted); }
  void perform(WakeAt&& effect);
  void perform(CollectLog&& effect);
  void perform(Alarm&& effect) { host_.alarm(id_, effect.reason); }
  void perform(Counted&& effect) { host_.counted(id_, effect.reason); }
  void sync();
  [[nodiscard]] DiskOutcome commit(std::size_t gathered);
  void synced(std::size_t gathered);
  /// Notes which persists each reply must wait for, by a count of its own: the sequencer is under test too.
  void note_promises(const Effects& effects);
  void drain_soon();
  void write_checkpoint(Seq seq);
  void tell_checkpoint(Seq seq, const Digest& root);
  /// After what the state store takes for a job, behind the jobs before it.
  void later_in_store(std::function<void()> job);

  CoreConfig config_;
  DiskOptions disk_;
  MachineClock clock_;
  VirtualUs start_us_ = 0;
  ReplicaId id_;
  Authenticator& authenticator_;
  Scheduler& scheduler_;
  ReplicaHost& host_;
  Random random_;
  ServiceRegistry services_;

  // The disk: it outlives the process.
  std::optional<fakes::FakeDisk> files_;
  std::optional<MemoryStateStore> store_;  ///< a checkpoint is written whole or not at all
  std::uint64_t losses_ = 0;
  bool damages_log_ = false;
  Seq collected_ = 0;

  // The process.
  std::uint64_t life_ = 0;  ///< how many processes have ended here
  std::optional<Log> log_;
  std::unique_ptr<ReplicaCore> core_;  ///< of the last process, if there was one
  EffectSequencer sequencer_;
  bool down_ = false;
  bool crashed_ = false;
  bool drain_scheduled_ = false;
  bool syncing_ = false;
  std::size_t gathered_ = 0;  ///< of unsynced_: what the running sync makes durable
  VirtualUs down_us_ = 0;     ///< how long the process that stops by itself stays away
  std::uint64_t wake_generation_ = 0;
  VirtualUs store_free_us_ = 0;  ///< the state store does one job after another
  std::vector<Unsynced> unsynced_;
  PersistNumber emitted_ = 0;                 ///< the core's last persist
  PersistNumber durable_ = 0;                 ///< the last one that is on the disk
  std::deque<PersistNumber> replies_behind_;  ///< of each reply that has not left: the persist before it
};

}  // namespace tagma::sim
