// Progress for a person who waits: one line that is rewritten on a terminal, a plain line now and then elsewhere.
#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>

#include "client_lib/cli/command.h"

namespace tagma::cli {

/// How many characters a line of this terminal may have, at most 79: one that wraps cannot be rewritten. Of what is no
/// terminal, or does not know its size, 79.
[[nodiscard]] std::size_t width_without_wrap(int terminal);

class ProgressLine {
 public:
  /// `interval` is the time between plain lines; on a terminal the line is rewritten up to ten times a second.
  ProgressLine(const Streams& streams, std::chrono::milliseconds interval);
  /// Erases the line from a terminal.
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// Shows the text if it is time to.
  void update(std::string_view text);
  /// Erases the line from a terminal, so that something else may be written.
  void clear();

 private:
  const Streams& streams_;
  std::chrono::milliseconds interval_;
  std::chrono::steady_clock::time_point next_;
  bool shown_ = false;  ///< an unfinished line stands on the terminal
};

}  // namespace tagma::cli
