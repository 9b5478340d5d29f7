#include "docker/drills/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <system_error>

#include "messages/assert.h"

namespace tagma::drills {
namespace {

constexpr MonotonicNs second_ns = 1'000'000'000;

void control(int epoll, int operation, int descriptor, std::uint32_t events, void* told) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = told;
  if (::epoll_ctl(epoll, operation, descriptor, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
}

/// Of an eventfd or a timer; that nothing waits is no harm.
void drain(int descriptor) {
  std::uint64_t count = 0;
  static_cast<void>(!::read(descriptor, &count, sizeof count));
}

}  // namespace

EventLoop::EventLoop()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      commands_descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
  TAGMA_ASSERT(epoll_ >= 0 && commands_descriptor_ >= 0 && timer_ >= 0, "a drill needs a few descriptors");
  control(epoll_, EPOLL_CTL_ADD, commands_descriptor_, EPOLLIN, &commands_descriptor_);
  control(epoll_, EPOLL_CTL_ADD, timer_, EPOLLIN, &timer_);
}

EventLoop::~EventLoop() {
  ::close(timer_);
  ::close(commands_descriptor_);
  ::close(epoll_);
}

void EventLoop::add(int descriptor, std::uint32_t events, Watched& watched) const {
  control(epoll_, EPOLL_CTL_ADD, descriptor, events, &watched);
}

void EventLoop::change(int descriptor, std::uint32_t events, Watched& watched) const {
  control(epoll_, EPOLL_CTL_MOD, descriptor, events, &watched);
}

void EventLoop::remove(int descriptor) const { control(epoll_, EPOLL_CTL_DEL, descriptor, 0, nullptr); }

void EventLoop::wake(Watched& watched, std::optional<MonotonicNs> at_ns) {
  if (watched.wake_at_ns_ == at_ns) return;
  if (watched.wake_at_ns_) wakes_.erase({*watched.wake_at_ns_, &watched});
  if (at_ns) wakes_.insert({*at_ns, &watched});
  watched.wake_at_ns_ = at_ns;
}

void EventLoop::arm_timer() {
  const MonotonicNs first_ns = wakes_.empty() ? 0 : wakes_.begin()->first;
  if (first_ns == armed_ns_) return;
  armed_ns_ = first_ns;
  itimerspec when{};
  when.it_value.tv_sec = static_cast<time_t>(first_ns / second_ns);
  when.it_value.tv_nsec = static_cast<long>(first_ns % second_ns);
  ::timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr);
}

void EventLoop::tell_times(MonotonicNs now_ns) {
  // Who wants to be woken at once again waits for the next turn.
  for (auto left = wakes_.size(); left > 0 && !wakes_.empty() && wakes_.begin()->first <= now_ns; --left) {
    Watched& watched = *wakes_.begin()->second;
    wake(watched, std::nullopt);
    watched.on_time(now_ns);
  }
}

void EventLoop::turn() {
  arm_timer();
  std::array<epoll_event, 64> events{};
  const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
  if (count < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "epoll_wait");
  const auto happened = std::span(events).first(static_cast<std::size_t>(std::max(count, 0)));
  for (const epoll_event& event : happened) {
    if (event.data.ptr == &commands_descriptor_) drain(commands_descriptor_);  // before the commands are looked at
    if (event.data.ptr != &timer_) continue;
    drain(timer_);
    armed_ns_ = 0;
  }
  // Released first, and commands obeyed first: what arrives in this turn is subject to both.
  const MonotonicNs now_ns = monotonic_ns();
  tell_times(now_ns);
  execute_commands();
  for (const epoll_event& event : happened) {
    if (event.data.ptr == &commands_descriptor_ || event.data.ptr == &timer_) continue;
    static_cast<Watched*>(event.data.ptr)->on_ready(event.events, now_ns);
  }
}

void EventLoop::execute_commands() {
  std::deque<std::packaged_task<void()>> commands;
  {
    const std::lock_guard lock(mutex_);
    commands.swap(commands_);
  }
  for (auto& command : commands) command();
}

void EventLoop::perform(std::function<void()> command) {
  std::packaged_task<void()> task(std::move(command));
  auto done = task.get_future();
  {
    const std::lock_guard lock(mutex_);
    commands_.push_back(std::move(task));
  }
  const std::uint64_t one = 1;
  static_cast<void>(!::write(commands_descriptor_, &one, sizeof one));
  done.get();
}

}  // namespace tagma::drills
