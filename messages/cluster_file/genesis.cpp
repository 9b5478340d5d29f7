#include "messages/cluster_file/genesis.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "messages/cluster_file/atomic_file.h"

namespace tagma {
namespace {

Refused failed(const std::string& path, const std::string& what) {
  return Refused{path + ": " + what + ": " + std::strerror(errno) + "; make its folder writable for this user"};
}

}  // namespace

std::string genesis_path(const std::string& folder) { return folder + "/genesis"; }

std::optional<Refused> write_genesis(const std::string& folder, const ClusterId& cluster) {
  const std::string path = genesis_path(folder);
  if (!cluster_file::write_atomically(path, to_hex(cluster.view()) + "\n")) return failed(path, "cannot be written");
  return std::nullopt;
}

Result<bool> has_genesis(const std::string& folder, const ClusterId& cluster) {
  const std::string path = genesis_path(folder);
  std::ifstream file(path);
  if (!file) {
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return Refused{path + ": cannot be read: " + std::strerror(errno) + "; make it readable for this user"};
  }
  std::string text;
  return std::getline(file, text) && text == to_hex(cluster.view());
}

std::optional<Refused> remove_genesis(const std::string& folder) {
  const std::string path = genesis_path(folder);
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return failed(path, "cannot be removed, so that this replica could begin twice");
  }
  if (!cluster_file::sync_folder(folder)) return failed(path, "its removal cannot be made durable");
  return std::nullopt;
}

}  // namespace tagma
