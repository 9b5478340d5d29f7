// A program at a terminal of its own: keys in, what it shows out.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "test/end_to_end/harness/process.h"

namespace tagma::end_to_end {

/// The keys that have no letter.
namespace keys {
inline const std::string enter = "\r";
inline const std::string tab = "\t";
inline const std::string up = "\033[A";
inline const std::string ctrl_c = "\003";
inline const std::string ctrl_d = "\004";
inline const std::string ctrl_u = "\025";
}  // namespace keys

/// The program is the leader of a session of its own; the destructor kills it with all that it started there.
class Terminal {
 public:
  /// Starts `command` (an absolute path and its arguments), with these variables beside those of the test.
  Terminal(const std::vector<std::string>& command, const std::map<std::string, std::string>& environment);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(const std::string& text) const;
  /// Reads on until `text` is shown behind what was awaited before, which is then seen. False when the deadline or the
  /// program's end came first. Control sequences of the terminal are left out of what is shown.
  [[nodiscard]] bool await_text(const std::string& text, Deadline deadline = in(seconds(20)));
  /// What was shown and not awaited yet, for the message of a failed check.
  [[nodiscard]] std::string unseen() const { return shown_.substr(seen_); }
  /// Everything shown so far.
  [[nodiscard]] const std::string& shown() const { return shown_; }
  /// Waits for the program's end; its exit status, -1 if a signal ended it or the deadline has passed.
  [[nodiscard]] int finish(Deadline deadline = in(seconds(20)));
  /// Whether the terminal is as it was given to the program: signals by key, whole lines.
  [[nodiscard]] bool restored() const;

 private:
  bool read_some(Deadline deadline);

  pid_t pid_ = -1;
  int terminal_ = -1;
  bool reaped_ = false;
  std::string raw_;  ///< the beginning of a control sequence that is not whole yet
  std::string shown_;
  std::size_t seen_ = 0;
};

}  // namespace tagma::end_to_end
