// One simulated machine: a replica core with its clocks, its disk and its inbox. It does what replica/runtime does, in
// virtual time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "checkpoint/memory_state_store.h"
#include "replica/core/effect_sequencer.h"
#include "replica/core/replica_core.h"
#include "test/checkers/caps_oracle.h"
#include "test/checkers/execution_oracle.h"
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
  virtual void reply(ReplicaId from, ClientId to, const Message& message) = 0;
  virtual void executed(ReplicaId replica, const checkers::Executed& what) = 0;
  /// The core asked for this record to be made durable.
  virtual void recording(ReplicaId replica, const Record& record) = 0;
  virtual void durable(ReplicaId replica, const Record& record) = 0;
  virtual void checkpoint(ReplicaId replica, Seq seq, const Digest& root, std::uint64_t content_hash) = 0;
  virtual void alarm(ReplicaId replica, const std::string& reason) = 0;
  virtual void counted(ReplicaId replica, std::string_view reason) = 0;
  /// After every step of the core.
  virtual void stepped(ReplicaId replica, std::size_t effects) = 0;
};

class ReplicaNode {
 public:
  ReplicaNode(const SimOptions& options, ReplicaId id, const Membership& membership, Authenticator& authenticator,
              Scheduler& scheduler, ReplicaHost& host);

  /// Schedules the start.
  void boot();
  /// Stops for ever: what was not durable is gone.
  void crash();
  void receive(const Sender& from, const Message& message);

  [[nodiscard]] bool running() const { return started_ && !crashed_; }
  [[nodiscard]] bool crashed() const { return crashed_; }
  [[nodiscard]] CoreView view() const { return core_->view(); }
  [[nodiscard]] std::optional<Digest> executed_digest(Seq seq) const { return core_->executed_digest(seq); }
  [[nodiscard]] std::size_t effects_waiting() const { return sequencer_.waiting(); }
  /// A hash over all keys and values as execution sees them.
  [[nodiscard]] std::uint64_t content_hash() const;
  [[nodiscard]] const CoreConfig& config() const { return config_; }
  /// For the adversary that rides on this machine.
  [[nodiscard]] TimeUs wall_us() const { return clock_.wall_us(scheduler_.now_us()); }

 private:
  void step(Event event);
  void perform(Effects effects);
  void perform(Persist&& effect);
  void perform(Send&& effect) { host_.send(id_, effect.to, effect.message); }
  void perform(Reply&& effect) { host_.reply(id_, effect.client, effect.message); }
  void perform(Answer&&) {}  // no administrator asks here
  void perform(WriteCheckpoint&& effect);
  void perform(WakeAt&& effect);
  void perform(CollectLog&&) {}
  void perform(Alarm&& effect) { host_.alarm(id_, effect.reason); }
  void perform(Counted&& effect) { host_.counted(id_, effect.reason); }
  void sync();
  void drain_soon();
  void write_checkpoint(Seq seq);

  CoreConfig config_;
  DiskOptions disk_;
  MachineClock clock_;
  VirtualUs start_us_ = 0;
  ReplicaId id_;
  Scheduler& scheduler_;
  ReplicaHost& host_;
  Random random_;
  ServiceRegistry services_;
  MemoryStateStore store_;
  std::unique_ptr<ReplicaCore> core_;
  EffectSequencer sequencer_;

  bool started_ = false;
  bool crashed_ = false;
  bool drain_scheduled_ = false;
  bool syncing_ = false;
  std::uint64_t wake_generation_ = 0;
  VirtualUs checkpoint_free_us_ = 0;  ///< checkpoints are written one after another
  std::vector<Persist> unsynced_;
};

}  // namespace tagma::sim
