#include "client_lib/cli/result_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace tagma::cli {
namespace {

namespace fs = std::filesystem;

constexpr int links_max = 40;

std::string refusal(const std::string& path, const std::string& why) { return "--output " + path + ": " + why; }

/// Not a file that can be replaced: a device, a pipe, or what standard output goes to already.
bool is_written_into(const std::string& path) {
  struct stat there {};
  struct stat output {};
  if (stat(path.c_str(), &there) != 0) return false;
  if (!S_ISREG(there.st_mode)) return true;
  return fstat(STDOUT_FILENO, &output) == 0 && there.st_dev == output.st_dev && there.st_ino == output.st_ino;
}

/// What the links at this path end with, there or not; nothing where they go round.
std::optional<fs::path> behind_links(fs::path path) {
  std::error_code error;
  for (int followed = 0; followed <= links_max; ++followed) {
    if (!fs::is_symlink(path, error)) return path;
    path = path.parent_path() / fs::read_symlink(path, error);
    if (error) return std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::string> write_into(const std::string& path, const std::string& text) {
  const int descriptor = open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
  bool written = descriptor >= 0;
  for (std::string_view rest = text; written && !rest.empty();) {
    const auto count = write(descriptor, rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    written = count > 0;
    if (written) rest.remove_prefix(static_cast<std::size_t>(count));
  }
  const int error = errno;
  if (descriptor >= 0) close(descriptor);
  if (written) return std::nullopt;
  return refusal(path, std::string("cannot be written: ") + std::strerror(error));
}

}  // namespace

std::optional<std::string> check_result_path(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return refusal(path, "is a folder");
  if (is_written_into(path)) {
    if (access(path.c_str(), W_OK) != 0) return refusal(path, "cannot be written to");
    return std::nullopt;
  }
  const auto file = behind_links(path);
  if (!file) return refusal(path, "its links go round");
  const auto folder = fs::absolute(*file, error).parent_path();
  if (!fs::is_directory(folder, error)) return refusal(path, "there is no such folder");
  if (access(folder.c_str(), W_OK) != 0) return refusal(path, "its folder cannot be written to");
  return std::nullopt;
}

std::optional<std::string> write_result(const std::string& path, const std::string& text) {
  if (is_written_into(path)) return write_into(path, text);
  const auto target = behind_links(path);
  if (!target) return refusal(path, "its links go round");
  const fs::path unfinished = target->string() + ".unfinished";
  std::ofstream file(unfinished, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  std::error_code error;
  if (!file.fail()) fs::rename(unfinished, *target, error);
  if (!file.fail() && !error) return std::nullopt;
  std::error_code ignored;
  fs::remove(unfinished, ignored);
  return refusal(path, "cannot be written" + (error ? ": " + error.message() : ""));
}

}  // namespace tagma::cli
