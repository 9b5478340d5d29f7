// Notices when an event loop's thread does not get round to its work.
#pragma once

#include "docker/drills/event_loop.h"
#include "docker/drills/fault_proxy.h"

namespace tagma::drills {

/// A drill's verdict is about the cluster, so it has to be told when it was the drill that stood still. All members
/// belong to the loop's thread.
class Heartbeat final : public Watched {
 public:
  static constexpr std::chrono::milliseconds every{50};

  explicit Heartbeat(EventLoop& loop) : loop_(loop) {}

  void start();
  /// The longest since start() or since it was taken last; of length zero where no beat has come yet.
  [[nodiscard]] ProxyStall take_longest();

  void on_ready(std::uint32_t events, MonotonicNs now_ns) override;
  void on_time(MonotonicNs now_ns) override;

 private:
  void next_beat(MonotonicNs now_ns);

  EventLoop& loop_;
  MonotonicNs due_ns_ = 0;
  MonotonicNs cpu_at_beat_ns_ = 0;  ///< of the thread, when the beat that is awaited was asked for
  ProxyStall longest_;
};

}  // namespace tagma::drills
