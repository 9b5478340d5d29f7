#include "test/end_to_end/harness/terminal.h"

#include <poll.h>
#include <pty.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>

namespace tagma::end_to_end {
namespace {

/// How many bytes at the front of `raw` are one control sequence; 0 if there is none, npos if its end is missing.
std::size_t control_size(const std::string& raw) {
  if (raw[0] != '\033') return 0;
  if (raw.size() < 2) return std::string::npos;
  if (raw[1] == ']') {  // ends with BEL
    const auto end = raw.find('\a');
    return end == std::string::npos ? end : end + 1;
  }
  if (raw[1] != '[') return 2;
  const auto end = raw.find_first_not_of("0123456789;?", 2);
  return end == std::string::npos ? end : end + 1;
}

}  // namespace

Terminal::Terminal(const std::vector<std::string>& command, const std::map<std::string, std::string>& environment) {
  winsize size{};
  size.ws_row = 50;
  size.ws_col = 200;
  pid_ = forkpty(&terminal_, nullptr, nullptr, &size);
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "forkpty");
  if (pid_ > 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setenv("TERM", "xterm", 1);
  for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
  execute(command);
}

Terminal::~Terminal() {
  kill(-pid_, SIGKILL);
  if (!reaped_) waitpid(pid_, nullptr, 0);
  close(terminal_);
}

void Terminal::type(const std::string& text) const {
  std::size_t written = 0;
  while (written < text.size()) {
    const auto size = write(terminal_, text.data() + written, text.size() - written);
    if (size < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "write to the terminal");
    written += static_cast<std::size_t>(std::max<ssize_t>(size, 0));
  }
}

bool Terminal::read_some(Deadline deadline) {
  pollfd waited{terminal_, POLLIN, 0};
  const auto left = std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now()).count();
  if (poll(&waited, 1, static_cast<int>(std::clamp<long>(left, 0, 1000))) <= 0) return true;
  std::array<char, 4096> buffer{};
  const auto size = read(terminal_, buffer.data(), buffer.size());
  if (size <= 0) return size < 0 && errno == EINTR;  // EIO: the last program at the terminal has ended
  raw_.append(buffer.data(), static_cast<std::size_t>(size));
  while (!raw_.empty()) {
    const auto control = control_size(raw_);
    if (control == std::string::npos) break;
    if (control == 0) shown_ += raw_[0];
    raw_.erase(0, std::max<std::size_t>(control, 1));
  }
  return true;
}

bool Terminal::await_text(const std::string& text, Deadline deadline) {
  for (bool open = true;; open = read_some(deadline)) {
    const auto at = shown_.find(text, seen_);
    if (at != std::string::npos) {
      seen_ = at + text.size();
      return true;
    }
    if (!open || std::chrono::steady_clock::now() > deadline) return false;
  }
}

int Terminal::finish(Deadline deadline) {
  int status = 0;
  while (!reaped_ && std::chrono::steady_clock::now() <= deadline) {
    static_cast<void>(read_some(std::min(deadline, in(milliseconds(10)))));
    reaped_ = waitpid(pid_, &status, WNOHANG) == pid_;
  }
  return reaped_ && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool Terminal::restored() const {
  termios modes{};
  if (tcgetattr(terminal_, &modes) != 0) return false;
  const tcflag_t wanted = ISIG | ICANON | ECHO;
  return (modes.c_lflag & wanted) == wanted;
}

}  // namespace tagma::end_to_end
