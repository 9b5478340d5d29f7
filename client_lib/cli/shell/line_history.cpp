#include "client_lib/cli/shell/line_history.h"

#include <fcntl.h>
#include <histedit.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace tagma::cli {
namespace {

using LineHolder = std::unique_ptr<struct ::history, void (*)(HistoryHandle)>;
using OpenFile = std::unique_ptr<FILE, int (*)(FILE*)>;

/// Opens a regular file of ours, held against other shells until it is closed; null with errno set if it cannot.
OpenFile open_locked(const std::string& path, int flags, const char* mode) {
  const int descriptor = open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (descriptor < 0) return {nullptr, fclose};
  struct stat status {};
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(descriptor);
    errno = EINVAL;
    return {nullptr, fclose};
  }
  // What was typed may hold secrets, whatever somebody made of the file's mode.
  static_cast<void>(fchmod(descriptor, 0600));
  static_cast<void>(flock(descriptor, LOCK_EX));
  OpenFile file(fdopen(descriptor, mode), fclose);
  if (file == nullptr) close(descriptor);
  return file;
}

/// Makes the folders of the file that are missing, for this user alone.
bool make_folder(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  std::error_code failed;
  if (std::filesystem::is_directory(folder, failed)) return true;
  const mode_t former = umask(0077);
  std::filesystem::create_directories(folder, failed);
  umask(former);
  return !failed;
}

Refused kept_in_memory(const std::string& path, const std::string& reason) {
  return Refused{path + ": " + reason + "; the history of this shell is kept in memory only"};
}

}  // namespace

std::string history_path() {
  const auto absolute = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && value[0] == '/' ? std::string(value) : std::string();
  };
  if (const auto state = absolute("XDG_STATE_HOME"); !state.empty()) return state + "/tagma/history";
  if (const auto home = absolute("HOME"); !home.empty()) return home + "/.local/state/tagma/history";
  return {};
}

LineHistory::LineHistory() : history_(history_init(), history_end) {
  if (history_ == nullptr) throw std::bad_alloc();
  HistEvent event{};
  ::history(history_.get(), &event, H_SETSIZE, lines_max);
  ::history(history_.get(), &event, H_SETUNIQUE, 1);
}

std::optional<Refused> LineHistory::open(const std::string& path) {
  if (path.empty()) return Refused{"neither XDG_STATE_HOME nor HOME is set; the history is kept in memory only"};
  const auto file = open_locked(path, O_RDWR, "r+");
  if (file == nullptr && errno != ENOENT) return kept_in_memory(path, std::strerror(errno));
  if (file == nullptr) {
    if (!make_folder(path)) return kept_in_memory(path, "its folder cannot be made");
    path_ = path;
    return std::nullopt;
  }
  struct stat status {};
  if (fstat(fileno(file.get()), &status) != 0) return kept_in_memory(path, std::strerror(errno));
  if (static_cast<std::size_t>(status.st_size) > 16 * file_bytes_max) {
    return kept_in_memory(path, "far too large for a history; remove it");
  }
  // The library reads by name only; the lock that is held keeps the other shells away meanwhile.
  HistEvent event{};
  if (status.st_size > 0 && ::history(history_.get(), &event, H_LOAD, path.c_str()) < 0) {
    return kept_in_memory(path, "this is no history; remove it");
  }
  path_ = path;
  if (static_cast<std::size_t>(status.st_size) > file_bytes_max) {
    rewind(file.get());
    if (ftruncate(fileno(file.get()), 0) != 0 || ::history(history_.get(), &event, H_SAVE_FP, file.get()) < 0) {
      return Refused{path + ": cannot be shortened: " + std::strerror(errno)};
    }
  }
  return std::nullopt;
}

void LineHistory::add(const std::string& line) {
  if (line.empty() || line.front() == ' ' || line.front() == '\t' || line.size() > line_bytes_max) return;
  const auto before = newest(1);
  if (!before.empty() && before[0] == line) return;
  HistEvent event{};
  if (::history(history_.get(), &event, H_ENTER, line.c_str()) < 0 || path_.empty()) return;
  const auto file = open_locked(path_, O_RDWR | O_CREAT | O_APPEND, "a+");
  // A file that has become unwritable meanwhile costs the line, not the shell.
  if (file == nullptr || fseek(file.get(), 0, SEEK_END) != 0) return;
  // The library saves whole histories, with a head where the file is empty: this one has a single line.
  const LineHolder single(history_init(), history_end);
  if (single == nullptr || ::history(single.get(), &event, H_SETSIZE, 1) < 0 ||
      ::history(single.get(), &event, H_ENTER, line.c_str()) < 0) {
    return;
  }
  static_cast<void>(::history(single.get(), &event, H_SAVE_FP, file.get()));
}

std::vector<std::string> LineHistory::newest(std::size_t count) const {
  std::vector<std::string> lines;
  HistEvent event{};
  for (int found = ::history(history_.get(), &event, H_FIRST); found >= 0 && lines.size() < count;
       found = ::history(history_.get(), &event, H_NEXT)) {
    lines.emplace_back(event.str);
  }
  std::reverse(lines.begin(), lines.end());
  return lines;
}

}  // namespace tagma::cli
