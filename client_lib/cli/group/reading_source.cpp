#include "client_lib/cli/group/reading_source.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "client_lib/cli/child_process.h"

namespace tagma::cli {
namespace {

constexpr std::size_t line_bytes_max = 4'096;

class FileSource : public ReadingSource {
 public:
  explicit FileSource(std::string path) : path_(std::move(path)) {}

  [[nodiscard]] Result<std::string> newest(StopSignals& /*stop*/, std::chrono::milliseconds /*patience*/) override {
    // Not blocking: a named pipe that nobody writes to is no reading.
    const int descriptor = open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0) return Refused{path_ + ": cannot be read: " + std::strerror(errno)};
    std::string text(line_bytes_max, '\0');
    std::size_t size = 0;
    ssize_t got = 0;
    while (size < text.size() && (got = read(descriptor, text.data() + size, text.size() - size)) > 0) {
      size += static_cast<std::size_t>(got);
    }
    const int error = errno;
    close(descriptor);
    if (got < 0) return Refused{path_ + ": cannot be read: " + std::strerror(error)};
    text.resize(size);
    if (text.empty()) return Refused{path_ + ": is empty"};
    return text.substr(0, text.find('\n'));
  }

 private:
  std::string path_;
};

class ProgramSource : public ReadingSource {
 public:
  explicit ProgramSource(std::string command) : command_(std::move(command)) {}
  ProgramSource(const ProgramSource&) = delete;
  ProgramSource& operator=(const ProgramSource&) = delete;
  ~ProgramSource() override { end(); }

  [[nodiscard]] Result<std::string> newest(StopSignals& stop, std::chrono::milliseconds patience) override {
    const auto give_up = std::chrono::steady_clock::now() + patience;
    take_lines();               // of a program that has gone on, or its end
    bool started_here = false;  // only then is its end without a line a failure: it may have had one before
    while (!newest_) {
      if (child_.pid < 0) {
        if (started_here) return Refused{"the program has ended and printed nothing"};
        auto started = start_piped("/bin/sh", {"sh", "-c", command_}, false);
        if (!started) return Refused{started.reason()};
        child_ = *started;
        started_here = true;
      }
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(give_up - std::chrono::steady_clock::now()).count();
      if (left <= 0) {
        end();
        return Refused{"the program has printed nothing for " + std::to_string(patience.count()) +
                       " ms; it is ended and started again"};
      }
      std::array<pollfd, 2> waits{pollfd{stop.descriptor(), POLLIN, 0}, pollfd{child_.output, POLLIN, 0}};
      poll(waits.data(), waits.size(), static_cast<int>(left));
      if (stop.requested()) return Refused{"it was stopped"};
      take_lines();
    }
    return *std::exchange(newest_, std::nullopt);
  }

 private:
  /// Reads what has come without waiting; the last line may end with the program instead of a line feed.
  void take_lines() {
    std::array<char, 16'384> buffer;  // NOLINT: read() fills it
    while (child_.pid > 0) {
      const ssize_t size = read(child_.output, buffer.data(), buffer.size());
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && errno == EAGAIN) return;
      if (size <= 0) {
        if (!partial_.empty()) newest_ = partial_;
        end();
        return;
      }
      for (std::string_view text(buffer.data(), static_cast<std::size_t>(size)); !text.empty();) {
        const auto line_end = text.find('\n');
        partial_.append(text.substr(0, std::min(line_end, line_bytes_max - partial_.size())));
        if (line_end == std::string_view::npos) break;
        newest_ = std::exchange(partial_, {});
        text.remove_prefix(line_end + 1);
      }
    }
  }

  void end() {
    if (child_.pid < 0) return;
    kill(-child_.pid, SIGKILL);
    kill(child_.pid, SIGKILL);  // it may not have come to make its group yet
    while (waitpid(child_.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    close(child_.output);
    child_ = {};
    partial_.clear();
  }

  std::string command_;
  PipedChild child_;     ///< pid -1: none runs
  std::string partial_;  ///< bounded
  std::optional<std::string> newest_;
};

}  // namespace

std::unique_ptr<ReadingSource> readings_of_file(const std::string& path) { return std::make_unique<FileSource>(path); }

std::unique_ptr<ReadingSource> readings_of_program(const std::string& command) {
  return std::make_unique<ProgramSource>(command);
}

}  // namespace tagma::cli
