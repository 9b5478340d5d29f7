#include "replica/runtime/waiter.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <system_error>

namespace tagma::runtime {

Waiter::Waiter(int stop_descriptor) : epoll_(::epoll_create1(EPOLL_CLOEXEC)), stop_descriptor_(stop_descriptor) {
  if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  add(stop_descriptor);
}

Waiter::~Waiter() { ::close(epoll_); }

void Waiter::add(int descriptor) const {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = descriptor;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
}

bool Waiter::wait(std::optional<MonotonicUs> timeout_us) {
  std::array<epoll_event, 16> events{};
  const int capacity = static_cast<int>(events.size());
  int count = -1;
  if (fine_timeouts_) {
    timespec timeout{};
    if (timeout_us) {
      timeout.tv_sec = static_cast<time_t>(*timeout_us / 1'000'000);
      timeout.tv_nsec = static_cast<long>(*timeout_us % 1'000'000) * 1'000;
    }
    count = ::epoll_pwait2(epoll_, events.data(), capacity, timeout_us ? &timeout : nullptr, nullptr);
    if (count < 0 && errno == ENOSYS) fine_timeouts_ = false;
  }
  if (!fine_timeouts_) {
    constexpr MonotonicUs longest_ms = 60'000;
    const int timeout_ms = timeout_us ? static_cast<int>(std::min((*timeout_us + 999) / 1'000, longest_ms)) : -1;
    count = ::epoll_wait(epoll_, events.data(), capacity, timeout_ms);
  }
  if (count < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "epoll_wait");
  return std::any_of(events.begin(), events.begin() + std::max(count, 0),
                     [this](const epoll_event& event) { return event.data.fd == stop_descriptor_; });
}

}  // namespace tagma::runtime
