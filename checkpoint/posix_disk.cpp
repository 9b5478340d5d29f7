#include "checkpoint/posix_disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace tagma {
namespace {

/// The ending of a file that is being made.
constexpr std::string_view unfinished_ending = ".new";
/// A page at a time. What is written at once lies in the kernel's cache as one piece, and each later write into such a
/// piece, however small, looks at every block of it: 1 MB at once made a group cost twice the processor's time.
constexpr std::size_t zeros_bytes = 4096;

DiskFailure failure_of(const std::string& path, const char* call) {
  const int error = errno;
  const bool no_space = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return {no_space ? DiskFailure::Kind::no_space : DiskFailure::Kind::failed,
          path + ": " + call + ": " + std::generic_category().message(error)};
}

/// An open descriptor.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] bool good() const { return number_ >= 0; }

 private:
  int number_;
};

/// All of it, however often the kernel takes a part only.
bool write_all(int descriptor, std::uint64_t offset, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return true;
}

/// Names in a folder are durable only once the folder itself is synced.
DiskOutcome sync_folder(const std::string& path) {
  const Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.good()) return failure_of(path, "open");
  if (::fsync(folder.number()) != 0) return failure_of(path, "fsync");
  return std::nullopt;
}

class PosixFile final : public DiskFile {
 public:
  PosixFile(std::string path, Descriptor descriptor, std::uint64_t size)
      : path_(std::move(path)), descriptor_(std::move(descriptor)), size_(size) {}

  [[nodiscard]] DiskOutcome write(std::uint64_t offset, ByteView bytes) override {
    if (!write_all(descriptor_.number(), offset, bytes)) return failure_of(path_, "pwrite");
    return std::nullopt;
  }

  [[nodiscard]] DiskOutcome sync() override {
    if (::fdatasync(descriptor_.number()) != 0) {
      auto failure = failure_of(path_, "fdatasync");
      failure.kind = DiskFailure::Kind::failed;  // whatever the reason, the pages may be gone
      return failure;
    }
    return std::nullopt;
  }

  [[nodiscard]] std::uint64_t size() const override { return size_; }

  [[nodiscard]] std::variant<Bytes, DiskFailure> read(std::uint64_t offset, std::size_t size) override {
    Bytes bytes(offset >= size_ ? 0 : std::min<std::uint64_t>(size, size_ - offset), '\0');
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t count =
          ::pread(descriptor_.number(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return failure_of(path_, "pread");
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    bytes.resize(done);
    return bytes;
  }

 private:
  std::string path_;
  Descriptor descriptor_;
  std::uint64_t size_;
};

}  // namespace

DiskOutcome PosixFolder::prepare() {
  if (::mkdir(path_.c_str(), 0700) != 0 && errno != EEXIST) return failure_of(path_, "mkdir");
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path_, error)) {
    if (entry.path().extension() == unfinished_ending) ::unlink(entry.path().c_str());
  }
  if (error) return DiskFailure{DiskFailure::Kind::failed, path_ + ": " + error.message()};
  if (auto failure = sync_folder(path_)) return failure;
  const auto parent = std::filesystem::path(path_).parent_path();
  return sync_folder(parent.empty() ? "." : parent.string());
}

std::variant<std::vector<std::string>, DiskFailure> PosixFolder::list() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path_, error)) {
    if (entry.is_regular_file(error)) names.push_back(entry.path().filename().string());
  }
  if (error) return DiskFailure{DiskFailure::Kind::failed, path_ + ": " + error.message()};
  std::sort(names.begin(), names.end());
  return names;
}

std::variant<std::unique_ptr<DiskFile>, DiskFailure> PosixFolder::open(const std::string& name) {
  const std::string path = path_of(name);
  Descriptor descriptor(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!descriptor.good()) return failure_of(path, "open");
  struct stat status {};
  if (::fstat(descriptor.number(), &status) != 0) return failure_of(path, "fstat");
  return std::make_unique<PosixFile>(path, std::move(descriptor), static_cast<std::uint64_t>(status.st_size));
}

std::variant<std::unique_ptr<DiskFile>, DiskFailure> PosixFolder::create(const std::string& name, std::uint64_t size) {
  const std::string path = path_of(name);
  const std::string unfinished = path + std::string(unfinished_ending);
  const auto give_up = [&](const char* call) {
    auto failure = failure_of(unfinished, call);
    ::unlink(unfinished.c_str());
    return failure;
  };
  Descriptor descriptor(::open(unfinished.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!descriptor.good()) return failure_of(unfinished, "open");
  const Bytes zeros(std::min<std::uint64_t>(size, zeros_bytes), '\0');
  for (std::uint64_t at = 0; at < size; at += zeros.size()) {
    if (!write_all(descriptor.number(), at, ByteView(zeros).substr(0, size - at))) return give_up("pwrite");
  }
  if (::fsync(descriptor.number()) != 0) return give_up("fsync");
  if (::rename(unfinished.c_str(), path.c_str()) != 0) return give_up("rename");
  if (auto failure = sync_folder(path_)) return *std::move(failure);
  return std::make_unique<PosixFile>(path, std::move(descriptor), size);
}

}  // namespace tagma
