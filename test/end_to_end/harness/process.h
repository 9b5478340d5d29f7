// A child process of a test: its output is gathered, it can be signalled and awaited, and it is gone when the object
// is.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace tagma::end_to_end {

using Deadline = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// That long from now, several times as long in builds with sanitizers. Deadlines bound a failing test; a passing one
/// never waits for them.
[[nodiscard]] Deadline in(milliseconds duration);

/// Becomes `command` (an absolute path and its arguments); where that fails the process ends with status 127.
[[noreturn]] void execute(const std::vector<std::string>& command);

/// How a process ended and what it said.
struct Finished {
  int exit_status = -1;  ///< -1 if a signal ended it, -2 if it had to be killed because the deadline passed
  std::string output;    ///< standard output
  std::string errors;    ///< standard error

  /// Everything on one page, for the message of a failed check.
  [[nodiscard]] std::string all() const;
};

/// A running child in a process group of its own. The destructor kills the whole group and reaps the child. It dies
/// with the test, should that be killed.
class Process {
 public:
  /// Starts `command` (an absolute path and its arguments) with an empty standard input. Throws if it cannot.
  explicit Process(const std::vector<std::string>& command);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Standard output and error so far.
  [[nodiscard]] const std::string& output() const { return output_; }
  [[nodiscard]] const std::string& errors() const { return errors_; }

  /// Reads on until `text` stands in either stream. False if the deadline or the end of both streams came first.
  [[nodiscard]] bool await_text(const std::string& text, Deadline deadline);
  /// Whether the process has not ended yet.
  [[nodiscard]] bool running();
  void signal(int number) const;
  /// Waits for the end and the rest of the output; kills the group when the deadline has passed.
  [[nodiscard]] Finished finish(Deadline deadline);

 private:
  void read_some(Deadline deadline);
  void drain(int& descriptor, std::string& into);
  bool reap(bool block);

  pid_t pid_ = -1;
  int output_pipe_ = -1;  ///< -1 once its end was read
  int error_pipe_ = -1;
  bool reaped_ = false;
  int wait_status_ = 0;
  std::string output_;
  std::string errors_;
};

/// Runs a command to its end.
[[nodiscard]] Finished run(const std::vector<std::string>& command, milliseconds limit = seconds(30));

/// Asks `condition` again and again, with a short rest between, until it holds or the deadline has passed.
[[nodiscard]] bool await(const std::function<bool()>& condition, Deadline deadline);

/// One process of the machine, as /proc shows it.
struct Seen {
  pid_t pid = 0;
  pid_t parent = 0;
  std::vector<std::string> arguments;
};

/// Running processes that have `text` somewhere in their arguments, this one aside.
[[nodiscard]] std::vector<Seen> processes_naming(const std::string& text);

}  // namespace tagma::end_to_end
