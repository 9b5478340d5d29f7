#include "client_lib/cli/stop_signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace tagma::cli {

StopSignals::StopSignals() {
  // A shell starts background jobs with SIGINT ignored; an ignored signal is never held back but lost. SIGHUP stays as
  // it was, since nohup ignores it on purpose.
  struct sigaction fallback {};
  fallback.sa_handler = SIG_DFL;
  sigaction(SIGINT, &fallback, &former_interrupt_);
  sigaction(SIGTERM, &fallback, &former_terminate_);
  sigset_t held;
  sigemptyset(&held);
  sigaddset(&held, SIGINT);
  sigaddset(&held, SIGTERM);
  sigaddset(&held, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &held, &former_mask_);
  descriptor_ = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK);
  if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
}

StopSignals::~StopSignals() {
  static_cast<void>(requested());
  close(descriptor_);
  pthread_sigmask(SIG_SETMASK, &former_mask_, nullptr);
  sigaction(SIGINT, &former_interrupt_, nullptr);
  sigaction(SIGTERM, &former_terminate_, nullptr);
}

bool StopSignals::requested() {
  signalfd_siginfo info{};
  while (read(descriptor_, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    requested_ = true;
    newest_ = static_cast<int>(info.ssi_signo);
  }
  return requested_;
}

}  // namespace tagma::cli
