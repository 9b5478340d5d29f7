#include "test/end_to_end/harness/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>

namespace tagma::end_to_end {
namespace {

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

/// In the child: becomes the command; whatever fails ends it with status 127.
[[noreturn]] void become(const std::vector<std::string>& command, int output, int errors, pid_t parent) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // the parent died before the line above
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(errors, STDERR_FILENO);
  execute(command);
}

}  // namespace

void execute(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execv(arguments[0], arguments.data());
  _exit(127);
}

Deadline in(milliseconds duration) {
  // Sanitizers make everything several times slower.
  return std::chrono::steady_clock::now() + TAGMA_TIME_FACTOR * duration;
}

std::string Finished::all() const {
  return "exit status " + std::to_string(exit_status) + "\n--- standard output\n" + output + "\n--- standard error\n" +
         errors;
}

Process::Process(const std::vector<std::string>& command) {
  std::array<int, 2> output{};
  std::array<int, 2> errors{};
  if (pipe2(output.data(), O_CLOEXEC | O_NONBLOCK) != 0 || pipe2(errors.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    fail("pipe2");
  }
  // The child's ends block, as a program expects of its standard streams.
  for (const int end : {output[1], errors[1]}) fcntl(end, F_SETFL, 0);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) fail("fork");
  if (pid_ == 0) become(command, output[1], errors[1], parent);
  setpgid(pid_, pid_);  // in both, so that neither has to wait for the other
  close(output[1]);
  close(errors[1]);
  output_pipe_ = output[0];
  error_pipe_ = errors[0];
}

Process::~Process() {
  // The group may outlive its leader: kill it in any case, then take the leader's status.
  kill(-pid_, SIGKILL);
  if (!reaped_) reap(true);
  if (output_pipe_ >= 0) close(output_pipe_);
  if (error_pipe_ >= 0) close(error_pipe_);
}

void Process::drain(int& descriptor, std::string& into) {
  std::array<char, 65536> buffer{};
  while (descriptor >= 0) {
    const ssize_t size = read(descriptor, buffer.data(), buffer.size());
    if (size > 0) {
      into.append(buffer.data(), static_cast<std::size_t>(size));
    } else if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
      return;
    } else {
      close(descriptor);
      descriptor = -1;
    }
  }
}

void Process::read_some(Deadline deadline) {
  std::array<pollfd, 2> waited{{{output_pipe_, POLLIN, 0}, {error_pipe_, POLLIN, 0}}};
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  poll(waited.data(), waited.size(), static_cast<int>(std::clamp<long>(left, 0, 1000)));
  drain(output_pipe_, output_);
  drain(error_pipe_, errors_);
}

bool Process::await_text(const std::string& text, Deadline deadline) {
  const auto said = [&] { return output_.find(text) != std::string::npos || errors_.find(text) != std::string::npos; };
  while (!said()) {
    if (std::chrono::steady_clock::now() > deadline || (output_pipe_ < 0 && error_pipe_ < 0)) return false;
    read_some(deadline);
  }
  return true;
}

bool Process::reap(bool block) {
  if (!reaped_) reaped_ = waitpid(pid_, &wait_status_, block ? 0 : WNOHANG) == pid_;
  return reaped_;
}

bool Process::running() { return !reap(false); }

void Process::signal(int number) const {
  if (!reaped_) kill(pid_, number);
}

Finished Process::finish(Deadline deadline) {
  Finished finished;
  bool late = false;
  while (!reap(false) && !late) {
    read_some(std::min(deadline, in(milliseconds(10))));
    late = std::chrono::steady_clock::now() > deadline;
  }
  if (late) {
    kill(-pid_, SIGKILL);
    reap(true);
  }
  read_some(in(milliseconds(0)));
  finished.exit_status = late ? -2 : (WIFEXITED(wait_status_) ? WEXITSTATUS(wait_status_) : -1);
  finished.output = output_;
  finished.errors = errors_;
  return finished;
}

Finished run(const std::vector<std::string>& command, milliseconds limit) {
  Process process(command);
  return process.finish(in(limit));
}

bool await(const std::function<bool()>& condition, Deadline deadline) {
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(20));
  }
  return true;
}

std::vector<Seen> processes_naming(const std::string& text) {
  std::vector<Seen> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (!std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c) != 0; })) continue;
    Seen seen;
    seen.pid = static_cast<pid_t>(std::stol(name));
    if (seen.pid == getpid()) continue;
    std::ifstream command(entry.path() / "cmdline", std::ios::binary);
    bool names = false;
    for (std::string word; std::getline(command, word, '\0');) {
      names = names || word.find(text) != std::string::npos;
      seen.arguments.push_back(word);
    }
    if (!names) continue;
    std::ifstream status(entry.path() / "stat");
    std::string line;
    std::getline(status, line, '\0');         // stays empty where the process ended meanwhile
    const auto after_name = line.rfind(')');  // a zombie has no arguments, so it was left out above
    if (after_name == std::string::npos) continue;
    std::istringstream fields(line.substr(after_name + 1));
    std::string state;
    fields >> state >> seen.parent;
    found.push_back(seen);
  }
  return found;
}

}  // namespace tagma::end_to_end
