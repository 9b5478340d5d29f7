#include "client_lib/cli/progress_line.h"

#include <ostream>

namespace tagma::cli {
namespace {
constexpr std::size_t width_max = 79;  // a line that wraps cannot be rewritten
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
    streams_.err << "\r\x1b[K" << text.substr(0, width_max) << std::flush;
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
