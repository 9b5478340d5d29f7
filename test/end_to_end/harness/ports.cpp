#include "test/end_to_end/harness/ports.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

namespace tagma::end_to_end {
namespace {

bool nobody_listens_on(std::uint16_t port) {
  const int tried = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int reuse = 1;
  setsockopt(tried, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));  // connections that linger are no listeners
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  const bool bound = bind(tried, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(tried);
  return bound;
}

/// Whether the locked file is the one that others would open: its last holder may have removed it just now.
bool still_named(int lock, const std::string& path) {
  struct stat held {};
  struct stat named {};
  return fstat(lock, &held) == 0 && stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino;
}

bool whole_range_is_free(std::uint16_t base) {
  for (std::uint16_t offset = 0; offset < Ports::count; ++offset) {
    if (!nobody_listens_on(static_cast<std::uint16_t>(base + offset))) return false;
  }
  return true;
}

}  // namespace

Ports::Ports() {
  constexpr int first = 12'000;
  constexpr int ranges = 400;  // up to 28,000
  const int start = static_cast<int>(getpid()) % ranges;
  for (int tried = 0; tried < ranges; ++tried) {
    const auto base = static_cast<std::uint16_t>(first + (start + tried) % ranges * count);
    const std::string path = std::filesystem::temp_directory_path() / ("tagma-test-ports-" + std::to_string(base));
    const int lock = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock < 0) continue;
    if (flock(lock, LOCK_EX | LOCK_NB) == 0 && still_named(lock, path) && whole_range_is_free(base)) {
      base_ = base;
      lock_ = lock;
      lock_path_ = path;
      return;
    }
    close(lock);
  }
  throw std::runtime_error("no free range of ports");
}

Ports::~Ports() {
  unlink(lock_path_.c_str());
  close(lock_);
}

}  // namespace tagma::end_to_end
