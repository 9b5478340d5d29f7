#include "client_lib/cli/child_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

namespace tagma::cli {
namespace {

constexpr std::size_t line_bytes_max = 4'096;
constexpr int exec_failed_status = 127;

/// Between fork and exec: only calls that are safe there. Never returns.
[[noreturn]] void become(const char* executable, char* const* arguments, int output, bool errors_too, pid_t parent) {
  // Its own process group: Ctrl-C on the terminal goes to the parent alone, which then stops its children in order.
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(exec_failed_status);  // the parent died before the line above
  struct sigaction fallback {};
  fallback.sa_handler = SIG_DFL;
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) sigaction(number, &fallback, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing >= 0) dup2(nothing, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  if (errors_too) dup2(output, STDERR_FILENO);
  execv(executable, arguments);
  constexpr std::string_view complaint = "cannot execute the program\n";
  static_cast<void>(!write(STDERR_FILENO, complaint.data(), complaint.size()));
  _exit(exec_failed_status);
}

}  // namespace

LogFile::LogFile(std::string path, int descriptor, std::size_t size)
    : path_(std::move(path)), descriptor_(descriptor), size_(size) {}

LogFile::LogFile(LogFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_) {}

LogFile& LogFile::operator=(LogFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  return *this;
}

LogFile::~LogFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

Result<LogFile> LogFile::open(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (descriptor < 0) return Refused{path + ": cannot be written: " + std::strerror(errno)};
  struct stat information {};
  const bool known = fstat(descriptor, &information) == 0;
  return LogFile(path, descriptor, known ? static_cast<std::size_t>(information.st_size) : 0);
}

void LogFile::rotate() {
  if (std::rename(path_.c_str(), (path_ + ".1").c_str()) != 0) return;
  const int next = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (next < 0) return;
  close(descriptor_);
  descriptor_ = next;
  size_ = 0;
}

void LogFile::write(std::string_view text) {
  if (size_ + text.size() > bytes_max) rotate();
  if (size_ + text.size() > 2 * bytes_max) return;  // it could not be rotated: rather lose lines than fill the disk
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    size_ += static_cast<std::size_t>(written);
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

Result<PipedChild> start_piped(const std::string& executable, const std::vector<std::string>& arguments,
                               bool errors_too) {
  std::array<int, 2> pipe_ends{};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) return Refused{std::string("no pipe: ") + std::strerror(errno)};
  fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK);

  std::vector<std::string> words = arguments;
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) become(executable.c_str(), pointers.data(), pipe_ends[1], errors_too, parent);
  const int error = errno;
  close(pipe_ends[1]);
  if (pid < 0) {
    close(pipe_ends[0]);
    return Refused{std::string("no process: ") + std::strerror(error)};
  }
  return PipedChild{pid, pipe_ends[0]};
}

Result<ChildProcess> ChildProcess::start(const std::string& executable, const std::vector<std::string>& arguments,
                                         const std::string& log_path) {
  auto log = LogFile::open(log_path);
  if (!log) return Refused{log.reason()};
  const auto child = start_piped(executable, arguments, true);
  if (!child) return Refused{child.reason()};
  return ChildProcess(child->pid, child->output, std::move(*log));
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      output_(std::exchange(other.output_, -1)),
      log_(std::move(other.log_)),
      partial_line_(std::move(other.partial_line_)),
      last_line_(std::move(other.last_line_)),
      ready_(other.ready_),
      status_(other.status_) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(output_, other.output_);
  std::swap(log_, other.log_);
  std::swap(partial_line_, other.partial_line_);
  std::swap(last_line_, other.last_line_);
  std::swap(ready_, other.ready_);
  std::swap(status_, other.status_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0 && !status_) {
    kill(pid_, SIGKILL);
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
  }
  if (output_ >= 0) close(output_);
}

void ChildProcess::take_lines(std::string_view text) {
  log_.write(text);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view part = text.substr(0, end);
    partial_line_.append(part.substr(0, line_bytes_max - std::min(line_bytes_max, partial_line_.size())));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
    ready_ = ready_ || has_word(partial_line_, "ready");
    if (!partial_line_.empty()) last_line_ = std::move(partial_line_);
    partial_line_.clear();
  }
}

void ChildProcess::pump() {
  // The end is looked at first: what a dead child has written is then in the pipe, all of it.
  if (!status_) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) status_ = status;
  }
  std::array<char, 16'384> buffer;  // NOLINT: read() fills it
  while (output_ >= 0) {
    const ssize_t size = read(output_, buffer.data(), buffer.size());
    if (size > 0) {
      take_lines({buffer.data(), static_cast<std::size_t>(size)});
    } else if (size == 0 || (errno != EINTR && errno != EAGAIN)) {
      close(output_);
      output_ = -1;
    } else if (errno == EAGAIN) {
      break;
    }
  }
}

void ChildProcess::signal(int number) {
  if (pid_ > 0 && !status_) kill(pid_, number);
}

bool has_word(std::string_view text, std::string_view word) {
  const auto is_letter = [&](std::size_t place) {
    return place < text.size() && std::isalnum(static_cast<unsigned char>(text[place])) != 0;
  };
  for (std::size_t place = text.find(word); place != std::string_view::npos; place = text.find(word, place + 1)) {
    if ((place == 0 || !is_letter(place - 1)) && !is_letter(place + word.size())) return true;
  }
  return false;
}

std::string describe_end(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    const int number = WTERMSIG(wait_status);
    return "was killed by signal " + std::to_string(number) + " (" + strsignal(number) + ")";
  }
  return "ended with status " + std::to_string(WEXITSTATUS(wait_status));
}

}  // namespace tagma::cli
