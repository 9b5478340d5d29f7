#include "client_lib/cli/closed_loop.h"

#include <utility>

#include "messages/assert.h"

namespace tagma::cli {

ClosedLoop::ClosedLoop(std::unique_ptr<Client> client, std::uint32_t window)
    : client_(std::move(client)), window_(window) {}

ClosedLoop::~ClosedLoop() {
  stop();
  client_.reset();  // ends what is outstanding, by callbacks into this object
}

void ClosedLoop::start(Next next, Done done) {
  const std::lock_guard lock(mutex_);
  TAGMA_ASSERT(stopped_ && outstanding_ == 0, "a closed loop is started anew only when it is idle");
  next_ = std::move(next);
  done_ = std::move(done);
  stopped_ = false;
  fill();
}

void ClosedLoop::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  if (outstanding_ == 0) idle_.notify_all();
}

bool ClosedLoop::wait_idle(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return idle_.wait_for(lock, timeout, [this] { return stopped_ && outstanding_ == 0; });
}

void ClosedLoop::fill() {
  filling_ = true;
  while (!stopped_ && outstanding_ < window_) {
    auto step = next_();
    if (!step) {
      stopped_ = true;
      break;
    }
    ++outstanding_;
    client_->submit(step->operation, [this, tag = step->tag](const CallResult& result) { finish(tag, result); });
  }
  filling_ = false;
  if (stopped_ && outstanding_ == 0) idle_.notify_all();
}

void ClosedLoop::finish(std::uint64_t tag, const CallResult& result) {
  const std::lock_guard lock(mutex_);
  --outstanding_;
  done_(tag, result);
  if (!filling_) fill();
}

}  // namespace tagma::cli
