// One replica as a child process whose log lines pass through here into its log file.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tagma/result.h"

namespace tagma::cli {

/// A log file that never grows beyond a bound: when full it becomes PATH.1 and a new one begins.
class LogFile {
 public:
  static constexpr std::size_t bytes_max = 16UL * 1024 * 1024;

  [[nodiscard]] static Result<LogFile> open(const std::string& path);
  LogFile(LogFile&& other) noexcept;
  LogFile& operator=(LogFile&& other) noexcept;
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
  ~LogFile();

  /// A full disk loses log lines but stops nothing.
  void write(std::string_view text);

 private:
  LogFile(std::string path, int descriptor, std::size_t size);
  void rotate();
  std::string path_;
  int descriptor_ = -1;
  std::size_t size_ = 0;
};

/// A direct child in a process group of its own, which dies with the thread that started it.
struct PipedChild {
  pid_t pid = -1;
  int output = -1;  ///< what it writes; does not block. The caller's to close
};
/// `arguments` starts with the name that the program sees as its own. `errors_too`: its standard error comes through
/// the pipe as well, else it is this process's.
[[nodiscard]] Result<PipedChild> start_piped(const std::string& executable, const std::vector<std::string>& arguments,
                                             bool errors_too);

/// A direct child that dies with this process, whatever kills it. Start it from a thread that lives as long as it
/// shall: the kernel ties it to that thread. Not thread-safe.
class ChildProcess {
 public:
  /// `arguments` starts with the name that the program sees as its own.
  [[nodiscard]] static Result<ChildProcess> start(const std::string& executable,
                                                  const std::vector<std::string>& arguments,
                                                  const std::string& log_path);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  /// Kills it if it lives and waits for its end.
  ~ChildProcess();

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Its output pipe; -1 once it is closed.
  [[nodiscard]] int output() const { return output_; }
  /// Whether one of its lines had the word "ready".
  [[nodiscard]] bool is_ready() const { return ready_; }
  /// The last line that it wrote.
  [[nodiscard]] const std::string& last_line() const { return last_line_; }
  [[nodiscard]] bool has_ended() const { return status_.has_value(); }
  /// Its wait status, once it has ended.
  [[nodiscard]] std::optional<int> wait_status() const { return status_; }

  /// Takes over what it wrote and notices its end, without waiting.
  void pump();
  void signal(int number);

 private:
  ChildProcess(pid_t pid, int output, LogFile log) : pid_(pid), output_(output), log_(std::move(log)) {}
  void take_lines(std::string_view text);

  pid_t pid_ = -1;  ///< -1 once moved from
  int output_ = -1;
  LogFile log_;
  std::string partial_line_;  ///< bounded
  std::string last_line_;
  bool ready_ = false;
  std::optional<int> status_;
};

/// Whether the text has `word` with no letter or digit beside it.
[[nodiscard]] bool has_word(std::string_view text, std::string_view word);

/// "ended with status 2", "was killed by signal 9 (Killed)".
[[nodiscard]] std::string describe_end(int wait_status);

}  // namespace tagma::cli
