#include "replica/runtime/state_check.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>

#include "checkpoint/lmdb_state_store.h"
#include "crypto/digest.h"

namespace tagma::runtime {
namespace {

// What the child says, a line each: "progress DONE TOTAL", and one of the others at the end.
constexpr std::string_view progress_word = "progress";
constexpr std::string_view whole_word = "whole";
constexpr std::string_view damage_word = "damage";
constexpr std::string_view failed_word = "failed";
constexpr std::string_view refused_word = "refused";

constexpr int look_interval_ms = 100;

/// In the child.
class Reporter {
 public:
  explicit Reporter(int descriptor) : descriptor_(descriptor) {}
  void say(std::string_view word, const std::string& rest) const {
    const std::string line = std::string(word) + " " + rest + "\n";
    for (std::size_t at = 0; at < line.size();) {
      const ssize_t written = ::write(descriptor_, line.data() + at, line.size() - at);
      if (written < 0 && errno != EINTR) ::_exit(0);  // nobody listens any more
      if (written > 0) at += static_cast<std::size_t>(written);
    }
  }

 private:
  int descriptor_;
};

void report_check(const std::string& folder, const Reporter& reporter) {
  LmdbOptions options;
  options.mode = LmdbOptions::Mode::look;
  options.folder = folder;
  options.make_hash = make_state_hash;
  const auto opened = LmdbStateStore::open(options);
  if (const auto* refused = std::get_if<StoreRefused>(&opened)) return reporter.say(refused_word, refused->reason);
  if (const auto* failure = std::get_if<DiskFailure>(&opened)) return reporter.say(failed_word, failure->reason);
  if (const auto* damaged = std::get_if<StateDamaged>(&opened)) return reporter.say(damage_word, damaged->reason());
  const auto& reader = std::get<std::unique_ptr<LmdbStateStore>>(opened)->reader();
  const auto verified = reader.verify([&](std::uint64_t done, std::uint64_t total) {
    reporter.say(progress_word, std::to_string(done) + " " + std::to_string(total));
    return true;
  });
  if (const auto* damaged = std::get_if<StateDamaged>(&verified)) return reporter.say(damage_word, damaged->reason());
  const auto size = reader.size();
  reporter.say(whole_word, std::to_string(reader.seq()) + " " + to_hex(reader.root().view()) + " " +
                               std::to_string(size.keys) + " " + std::to_string(size.file_bytes));
}

[[noreturn]] void run_child(const std::string& folder, int descriptor) {
  // It dies with its parent, leaves no core, and its library's last words are not for the log.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int fall : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE}) static_cast<void>(std::signal(fall, SIG_DFL));
  const rlimit none{};
  static_cast<void>(::setrlimit(RLIMIT_CORE, &none));
  const int silence = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (silence >= 0) ::dup2(silence, STDERR_FILENO);
  try {
    report_check(folder, Reporter(descriptor));
  } catch (const std::exception& failure) {
    Reporter(descriptor).say(failed_word, folder + ": " + failure.what());
  } catch (...) {
    Reporter(descriptor).say(failed_word, folder + ": it could not be read");
  }
  ::_exit(0);
}

/// The child, and what it says.
class Child {
 public:
  Child(pid_t pid, int descriptor) : pid_(pid), descriptor_(descriptor) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    ::close(descriptor_);
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      wait();
    }
  }

  /// The next line; nothing if none came in time, or none comes any more.
  std::optional<std::string> next_line() {
    const auto end = text_.find('\n');
    if (end != std::string::npos) {
      std::string line = text_.substr(0, end);
      text_.erase(0, end + 1);
      return line;
    }
    pollfd waited{.fd = descriptor_, .events = POLLIN, .revents = 0};
    if (::poll(&waited, 1, look_interval_ms) <= 0) return std::nullopt;
    char buffer[4096];
    const ssize_t got = ::read(descriptor_, buffer, sizeof buffer);
    if (got > 0) {
      text_.append(buffer, static_cast<std::size_t>(got));
      return next_line();
    }
    ended_ = got == 0 || errno != EINTR;
    return std::nullopt;
  }
  [[nodiscard]] bool ended() const { return ended_; }

  /// How it ended.
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_;
  int descriptor_;
  std::string text_;
  bool ended_ = false;
};

CheckedState checked_state(std::istringstream& words) {
  CheckedState state;
  std::string root;
  words >> state.seq >> root >> state.keys >> state.file_bytes;
  Bytes bytes;
  static_cast<void>(from_hex(root, bytes) && digest_from_bytes(bytes, state.root));
  return state;
}

std::string rest_of(std::istringstream& words) {
  std::string rest;
  std::getline(words >> std::ws, rest);
  return rest;
}

StateCheck listen(Child& child, const std::string& folder,
                  const std::function<bool(std::uint64_t, std::uint64_t)>& go_on) {
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  while (!child.ended()) {
    const auto line = child.next_line();
    if (line) {
      std::istringstream words(*line);
      std::string word;
      words >> word;
      if (word == whole_word) return checked_state(words);
      if (word == damage_word) return StateDamaged(rest_of(words));
      if (word == failed_word) return CheckFailed{rest_of(words)};
      if (word == refused_word) return CheckFailed{rest_of(words), false};
      words >> done >> total;
    }
    if (!go_on(done, total)) return CheckAbandoned{};
  }
  const int status = child.wait();
  const int fall = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  // What a damaged page brings about. Anything else comes from outside (no memory, say) and tells nothing of the disk.
  if (fall != SIGSEGV && fall != SIGBUS && fall != SIGFPE && fall != SIGABRT) {
    return CheckFailed{folder + ": the check of the state ended without a result" +
                       (fall == 0 ? "" : ", by signal " + std::to_string(fall))};
  }
  return StateDamaged(folder + ": a page of data.mdb is damaged: reading it was ended by signal " +
                      std::to_string(fall) + " (" + ::strsignal(fall) + ")");
}

/// A program that ignores the ends of its children could not be told how one ended.
class ChildrenHeard {
 public:
  ChildrenHeard() {
    struct sigaction plain {};
    plain.sa_handler = SIG_DFL;
    ::sigaction(SIGCHLD, &plain, &before_);
  }
  ChildrenHeard(const ChildrenHeard&) = delete;
  ChildrenHeard& operator=(const ChildrenHeard&) = delete;
  ~ChildrenHeard() { ::sigaction(SIGCHLD, &before_, nullptr); }

 private:
  struct sigaction before_ {};
};

}  // namespace

HashFunction make_state_hash() {
  return [hasher = std::make_shared<crypto::Hasher>()](ByteView bytes) { return hasher->digest(bytes); };
}

StateCheck check_state(const std::string& folder, const std::function<bool(std::uint64_t, std::uint64_t)>& go_on) {
  const ChildrenHeard heard;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return CheckFailed{folder + ": cannot be checked: pipe: " + std::strerror(errno)};
  const pid_t pid = ::fork();
  if (pid == 0) run_child(folder, ends[1]);
  const int error = errno;
  ::close(ends[1]);
  if (pid < 0) {
    ::close(ends[0]);
    return CheckFailed{folder + ": cannot be checked: fork: " + std::strerror(error)};
  }
  Child child(pid, ends[0]);
  return listen(child, folder, go_on);
}

}  // namespace tagma::runtime
