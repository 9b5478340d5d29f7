#include "replica/runtime/worker.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include "messages/assert.h"

namespace tagma::runtime {

Worker::Worker(const char* name) : event_descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (event_descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  thread_ = std::thread([this] { run(); });
  static_cast<void>(::pthread_setname_np(thread_.native_handle(), name));
}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
  ::close(event_descriptor_);
}

void Worker::begin(std::function<void()> task) {
  TAGMA_ASSERT(!busy_, "one task at a time");
  busy_ = true;
  {
    const std::lock_guard lock(mutex_);
    task_ = std::move(task);
    done_ = false;
  }
  changed_.notify_all();
}

bool Worker::finished() {
  if (!busy_) return false;
  {
    const std::lock_guard lock(mutex_);
    if (!done_) return false;
  }
  take_event();
  busy_ = false;
  return true;
}

void Worker::wait() {
  if (!busy_) return;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return done_; });
  }
}

void Worker::take_event() const {
  std::uint64_t count = 0;
  static_cast<void>(::read(event_descriptor_, &count, sizeof count));
}

void Worker::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || task_ != nullptr; });
    if (task_ == nullptr) return;
    const auto task = std::exchange(task_, nullptr);
    lock.unlock();
    task();
    lock.lock();
    done_ = true;
    // Under the mutex, so that nobody who sees `done_` finds the descriptor silent.
    const std::uint64_t one = 1;
    static_cast<void>(::write(event_descriptor_, &one, sizeof one));
    changed_.notify_all();
  }
}

}  // namespace tagma::runtime
