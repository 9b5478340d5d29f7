// The dull loop: input to the core, effects to the world.
#pragma once

#include "crypto/authenticator.h"
#include "replica/core/replica_core.h"
#include "replica/runtime/effect_performer.h"
#include "replica/runtime/interposer.h"
#include "replica/runtime/storage.h"
#include "replica/runtime/transport.h"

namespace tagma::runtime {

/// Runs one core until asked to stop. Single-threaded.
///
/// A turn: replicas' messages first, then clients' within a budget, then what has become durable and releases, then
/// one frame per destination. The loop blocks only when a whole turn found nothing to do.
class ReplicaLoop {
 public:
  /// All references outlive the loop, and so does the interposer, which is null in the product.
  ReplicaLoop(const CoreConfig& config, Authenticator& authenticator, const ServiceRegistry& services,
              const StateReader& store, const std::vector<Record>& records, Storage& storage, Transport& transport,
              Counters& counters, Log& log, Interposer* interposer = nullptr);

  /// Until `stop_descriptor` is readable, or the storage has failed. What has gathered is durable on return, if it can
  /// be.
  void run(int stop_descriptor);

  /// Whether the core raised an alarm.
  [[nodiscard]] bool alarmed() const { return performer_.alarm().has_value(); }
  [[nodiscard]] const ReplicaCore& core() const { return core_; }

 private:
  [[nodiscard]] bool turn();
  [[nodiscard]] bool serve_replicas();
  [[nodiscard]] bool serve_clients();
  [[nodiscard]] bool look_after_links();
  void hear(Received received);
  void let_interposer_act();
  void step(Event event);
  void settle();
  [[nodiscard]] bool storage_due();
  void finish_persists();
  void report_readiness();
  void report_alarm();
  void report_storage();
  [[nodiscard]] std::optional<MonotonicUs> timeout_us();

  Transport& transport_;
  Counters& counters_;
  Log& log_;
  std::uint32_t links_needed_;  ///< a quorum without this replica
  ReplicaCore core_;
  Storage& storage_;
  Interposer* interposer_;
  EffectPerformer performer_;

  Now now_;               ///< read once or a few times per turn
  bool stepped_ = false;  ///< the core had an event in this turn
  bool ready_ = false;
  bool alarm_logged_ = false;
  bool stall_logged_ = false;
  MonotonicUs links_looked_at_us_ = 0;
};

}  // namespace tagma::runtime
