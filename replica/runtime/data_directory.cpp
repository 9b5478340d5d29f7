#include "replica/runtime/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

namespace tagma::runtime {
namespace {

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Refused failed(const std::string& path, const char* what, const char* mend) {
  return Refused{path + ": " + what + ": " + std::strerror(errno) + "; " + mend};
}

constexpr const char* durable_mend = "use a file system that knows fsync of directories";
constexpr const char* writable_mend = "give --data a directory that this user may write";

bool write_all(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

constexpr std::string_view ahead_text = " ahead";

std::string mark_text(const StartMark& mark) {
  const std::string life = mark.life == LifeNonce{} ? "" : " " + to_hex(mark.life.view());
  return to_hex(mark.cluster.view()) + life + std::string(mark.ahead_of_disk ? ahead_text : "") + "\n";
}

/// At most so much of the file's text; nothing where there is no file.
Result<std::optional<std::string>> read_text(const std::string& path, std::size_t bytes_max) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    if (errno == ENOENT) return std::optional<std::string>();
    return failed(path, "cannot be read", "make it readable for this user");
  }
  std::string text(bytes_max, '\0');
  std::size_t length = 0;
  while (length < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + length, text.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(path, "cannot be read", "make it readable for this user");
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  text.resize(length);
  return std::optional(std::move(text));
}

/// Takes 32 bytes in hexadecimal off the front.
bool take_digest(ByteView& text, Digest& digest) {
  constexpr std::size_t hex_bytes = 2 * Digest::size_bytes;
  Bytes bytes;
  if (text.size() < hex_bytes || !from_hex(text.substr(0, hex_bytes), bytes)) return false;
  text.remove_prefix(hex_bytes);
  return digest_from_bytes(bytes, digest);
}

/// Nothing if it is no whole mark.
std::optional<StartMark> parse_mark(ByteView text) {
  StartMark mark;
  if (!take_digest(text, mark.cluster)) return {};
  if (text.size() > 2 * Digest::size_bytes) {
    if (text.front() != ' ') return {};
    text.remove_prefix(1);
    if (!take_digest(text, mark.life) || mark.life == LifeNonce{}) return {};
  }
  if (text.starts_with(ahead_text)) {
    mark.ahead_of_disk = true;
    text.remove_prefix(ahead_text.size());
  }
  return text == "\n" ? std::optional(mark) : std::nullopt;
}

/// A folder is there after a power loss only if each one above it that was made for it is synced: those are among the
/// ones that this user may change. They are synced at each start, since one that ended in between may have made them.
bool sync_folders_above(const std::string& path) {
  std::error_code error;
  const auto whole = std::filesystem::absolute(path, error).lexically_normal();
  if (error) return false;
  auto folder = whole.has_filename() ? whole.parent_path() : whole.parent_path().parent_path();
  for (;; folder = folder.parent_path()) {
    if (::access(folder.c_str(), W_OK | X_OK) == 0) {
      const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      if (directory.get() < 0 || ::fsync(directory.get()) != 0) return false;
    }
    if (folder == folder.parent_path()) return true;
  }
}

}  // namespace

Result<DataDirectory> DataDirectory::open(const std::string& path) {
  if (path.empty()) return Refused{"--data: empty; give the path of this replica's data directory"};
  std::error_code error;
  const bool existed = std::filesystem::exists(path, error);
  std::filesystem::create_directories(path, error);
  if (error) return Refused{path + ": cannot be made: " + error.message() + "; " + writable_mend};
  if (!existed && ::chmod(path.c_str(), S_IRWXU) != 0) return failed(path, "cannot be made private", writable_mend);
  if (::access(path.c_str(), W_OK | X_OK) != 0) return failed(path, "not writable", writable_mend);
  if (!sync_folders_above(path)) return failed(path, "cannot be made durable", durable_mend);
  const std::string lock_path = path + "/lock";
  Descriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (lock.get() < 0) return failed(lock_path, "cannot be opened", writable_mend);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return failed(lock_path, "cannot be locked", "use a local file system that knows flock");
    return Refused{lock_path +
                   ": locked by another process; stop the replica that uses this directory, or give --data another"};
  }
  return DataDirectory(path, lock.release());
}

DataDirectory::DataDirectory(DataDirectory&& other) noexcept
    : path_(std::move(other.path_)), lock_fd_(std::exchange(other.lock_fd_, -1)) {}

DataDirectory& DataDirectory::operator=(DataDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_fd_, other.lock_fd_);
  return *this;
}

DataDirectory::~DataDirectory() {
  // The lock file stays: removing it would let two processes lock two files of one name.
  if (lock_fd_ >= 0) ::close(lock_fd_);
}

Result<std::optional<StartMark>> DataDirectory::mark() const {
  const std::string path = mark_path();
  // One byte more than the longest mark, to notice a longer one.
  const auto text = read_text(path, 4 * Digest::size_bytes + 16);
  if (!text) return Refused{text.reason()};
  if (!*text) return std::optional<StartMark>();
  const auto mark = parse_mark(**text);
  if (mark) return mark;
  return Refused{
      path +
      ": damaged (not a cluster id in hexadecimal, and perhaps a life's); remove it, and this replica asks the "
      "others to take it back"};
}

std::optional<Refused> DataDirectory::write_mark(const StartMark& mark) const {
  return replace_file(mark_path(), mark_text(mark));
}

Result<std::optional<std::string>> DataDirectory::damage_found() const {
  constexpr std::size_t reason_bytes_max = 4096;
  auto text = read_text(damage_path(), reason_bytes_max);
  if (!text || !*text) return text;
  std::string& reason = **text;
  reason.resize(std::min(reason.size(), reason.find('\n')));
  // It is there, and so says enough.
  if (reason.empty()) reason = path_ + "/state: damaged";
  return text;
}

std::optional<Refused> DataDirectory::write_damage_found(const std::string& reason) const {
  return replace_file(damage_path(), reason + "\n");
}

std::optional<Refused> DataDirectory::remove_damage_found() const {
  const std::string path = damage_path();
  if (::unlink(path.c_str()) == 0) return sync();
  if (errno == ENOENT) return std::nullopt;
  return failed(path, "cannot be removed", writable_mend);
}

std::optional<Refused> DataDirectory::replace_file(const std::string& path, ByteView text) const {
  const std::string temporary = path + ".new";
  Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (file.get() < 0) return failed(temporary, "cannot be written", writable_mend);
  if (!write_all(file.get(), text) || ::fsync(file.get()) != 0) {
    return failed(temporary, "cannot be written", "free some space on this disk");
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return failed(path, "cannot be replaced", writable_mend);
  return sync();
}

std::optional<Refused> DataDirectory::sync() const {
  Descriptor directory(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0 || ::fsync(directory.get()) != 0) {
    return failed(path_, "cannot be made durable", durable_mend);
  }
  return std::nullopt;
}

/// What an earlier loss left stays: it may be all that there is of what was promised.
std::string DataDirectory::name_aside(const std::string& name) const {
  std::error_code error;
  std::string aside = "damaged-" + name;
  for (int number = 2; std::filesystem::exists(std::filesystem::symlink_status(path_ + "/" + aside, error)); ++number) {
    aside = "damaged-" + name + "-" + std::to_string(number);
  }
  return aside;
}

std::optional<Refused> DataDirectory::set_aside(const std::string& name) const {
  std::error_code error;
  const std::string from = path_ + "/" + name;
  if (!std::filesystem::exists(std::filesystem::symlink_status(from, error))) return std::nullopt;
  if (std::filesystem::is_empty(from, error)) {
    std::filesystem::remove(from, error);
    if (!error) return sync();
  }
  const std::string to = path_ + "/" + name_aside(name);
  std::filesystem::rename(from, to, error);
  if (error) return Refused{from + ": cannot be set aside as " + to + ": " + error.message() + "; " + writable_mend};
  return sync();
}

}  // namespace tagma::runtime
