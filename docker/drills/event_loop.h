// One thread that waits for descriptors, for the clock and for commands of other threads.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "docker/drills/fault_link.h"

namespace tagma::drills {

/// What an event loop tells about its descriptor or its time.
class Watched {
 public:
  Watched() = default;
  virtual ~Watched() = default;
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  /// `events` of epoll. May come once more in the turn in which the descriptor was removed.
  virtual void on_ready(std::uint32_t events, MonotonicNs now_ns) = 0;
  virtual void on_time(MonotonicNs now_ns) = 0;

 private:
  friend class EventLoop;
  std::optional<MonotonicNs> wake_at_ns_;
};

/// All members but perform() belong to the thread that turns the loop.
class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  void add(int descriptor, std::uint32_t events, Watched& watched) const;
  void change(int descriptor, std::uint32_t events, Watched& watched) const;
  void remove(int descriptor) const;
  /// When on_time() shall be called; nothing: not at all. Replaces what was asked before.
  void wake(Watched& watched, std::optional<MonotonicNs> at_ns);

  /// Waits until something happens and tells it. What is watched must outlive the turn.
  void turn();

  /// Has the loop's thread execute the command, and waits for it. Passes on what the command throws. From any other
  /// thread.
  void perform(std::function<void()> command);

 private:
  void arm_timer();
  void execute_commands();
  void tell_times(MonotonicNs now_ns);

  int epoll_ = -1;
  int commands_descriptor_ = -1;  ///< an eventfd
  int timer_ = -1;
  MonotonicNs armed_ns_ = 0;  ///< 0: not at all
  std::set<std::pair<MonotonicNs, Watched*>> wakes_;

  std::mutex mutex_;  ///< guards commands_
  std::deque<std::packaged_task<void()>> commands_;
};

}  // namespace tagma::drills
