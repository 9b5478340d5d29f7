#include "client_lib/cli/key_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

namespace tagma::cli {
namespace {

constexpr std::chrono::milliseconds look_again{50};

}  // namespace

KeyLock::KeyLock(const std::string& key_file, std::chrono::milliseconds wait_max, const std::function<void()>& waiting)
    : descriptor_(::open(key_file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (descriptor_ < 0) return;
  const auto end = std::chrono::steady_clock::now() + wait_max;
  for (bool told = false; ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0;) {
    if (errno != EWOULDBLOCK) return;
    taken_by_another_ = std::chrono::steady_clock::now() >= end;
    if (taken_by_another_) return;
    if (!told) waiting();
    told = true;
    std::this_thread::sleep_for(look_again);
  }
}

KeyLock::~KeyLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace tagma::cli
