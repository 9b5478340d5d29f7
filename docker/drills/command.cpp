#include "docker/drills/command.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>

#include "client_lib/cli/child_process.h"

namespace tagma::drills {
namespace {

using Clock = std::chrono::steady_clock;

/// Reads until the pipe is closed; false where the deadline comes first.
bool read_to_end(int descriptor, std::string& output, Clock::time_point deadline) {
  std::array<char, 16'384> buffer{};
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    pollfd waited{descriptor, POLLIN, 0};
    if (poll(&waited, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 1'000))) <= 0) continue;
    const ssize_t size = read(descriptor, buffer.data(), buffer.size());
    if (size == 0) return true;
    if (size > 0) output.append(buffer.data(), static_cast<std::size_t>(size));
    if (size < 0 && errno != EAGAIN && errno != EINTR) return true;
  }
}

}  // namespace

CommandResult run_command(const std::vector<std::string>& words, std::chrono::seconds limit) {
  // env finds what is in PATH, and passes through what is a path.
  std::vector<std::string> arguments{"env", "--"};
  arguments.insert(arguments.end(), words.begin(), words.end());
  const auto child = cli::start_piped("/usr/bin/env", arguments, true);
  if (!child) throw std::runtime_error(words.front() + ": " + child.reason());
  CommandResult result;
  const bool ended = read_to_end(child->output, result.output, Clock::now() + limit);
  if (!ended) kill(-child->pid, SIGKILL);
  int status = 0;
  while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
  }
  close(child->output);
  if (ended && WIFEXITED(status)) result.status = WEXITSTATUS(status);
  return result;
}

std::string run_or_throw(const std::vector<std::string>& words, std::chrono::seconds limit) {
  auto result = run_command(words, limit);
  while (!result.output.empty() && result.output.back() == '\n') result.output.pop_back();
  if (result.status == 0) return result.output;
  std::string command;
  for (const auto& word : words) command += (command.empty() ? "" : " ") + word;
  throw std::runtime_error("`" + command + "` failed: " + result.output);
}

}  // namespace tagma::drills
