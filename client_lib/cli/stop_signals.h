// Ctrl-C and its like as something to wait for instead of something that interrupts.
#pragma once

#include <csignal>

namespace tagma::cli {

/// While it lives, SIGINT, SIGTERM and SIGHUP are held back and remembered. Make it before any other thread starts, so
/// that all threads inherit the mask. One at a time.
class StopSignals {
 public:
  StopSignals();
  /// Restores the former handling. A signal that requested() has reported is gone by then.
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// Becomes readable when a signal arrives.
  [[nodiscard]] int descriptor() const { return descriptor_; }
  /// Whether one has arrived since the construction.
  [[nodiscard]] bool requested();
  /// The newest one that requested() has seen; 0 if there was none.
  [[nodiscard]] int newest() const { return newest_; }

 private:
  int descriptor_ = -1;
  bool requested_ = false;
  int newest_ = 0;
  sigset_t former_mask_{};
  struct sigaction former_interrupt_ {};
  struct sigaction former_terminate_ {};
};

}  // namespace tagma::cli
