// The loop's only blocking call.
#pragma once

#include <optional>

#include "replica/core/config.h"

namespace tagma::runtime {

/// Waits on the descriptors of sockets that have said that nothing waits, and on the descriptor that asks to stop.
/// One system call, where zmq_poll makes two and asks every socket again. Single-threaded.
class Waiter {
 public:
  /// `stop_descriptor` becomes readable when the loop shall end, and stays so.
  explicit Waiter(int stop_descriptor);
  ~Waiter();
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  void add(int descriptor) const;
  /// Until something happens or `timeout_us` have passed; for ever without. Returns whether to stop.
  [[nodiscard]] bool wait(std::optional<MonotonicUs> timeout_us);

 private:
  int epoll_ = -1;
  int stop_descriptor_;
  bool fine_timeouts_ = true;  ///< whether the kernel knows epoll_pwait2
};

}  // namespace tagma::runtime
