#include "client_lib/cli/progress_line.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <ostream>

namespace tagma::cli {

std::size_t width_without_wrap(int terminal) {
  constexpr std::size_t width_max = 79;
  winsize size{};
  if (ioctl(terminal, TIOCGWINSZ, &size) != 0 || size.ws_col < 2) return width_max;
  return std::min<std::size_t>(size.ws_col - 1U, width_max);
}

ProgressLine::ProgressLine(const Streams& streams, std::chrono::milliseconds interval)
    : streams_(streams),
      interval_(streams.err_is_terminal ? std::chrono::milliseconds(100) : interval),
      next_(std::chrono::steady_clock::now() + interval_) {}

ProgressLine::~ProgressLine() { clear(); }

void ProgressLine::update(std::string_view text) {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_) return;
  next_ = now + interval_;
  if (streams_.err_is_terminal) {
    streams_.err << "\r\x1b[K" << text.substr(0, width_without_wrap(STDERR_FILENO)) << std::flush;
    shown_ = true;
  } else {
    streams_.err << text << std::endl;
  }
}

void ProgressLine::clear() {
  if (shown_) streams_.err << "\r\x1b[K" << std::flush;
  shown_ = false;
}

}  // namespace tagma::cli
