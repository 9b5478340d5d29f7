#include "messages/cluster_file/cluster_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "messages/cluster_file/rules.h"

namespace tagma {
namespace {

/// Closes a file descriptor at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

/// The file's text, at most file_bytes_max bytes of it; the reason is a Problem.
Result<std::string> read_text(const std::string& path) {
  // Without O_NONBLOCK a named pipe at this place would hold the program up for ever.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat information {};
  if (file.number() < 0 || ::fstat(file.number(), &information) != 0) {
    return Refused{std::string("cannot be read (") + std::generic_category().message(errno) +
                   "); give the path of the cluster.toml that `tagma init` has written"};
  }
  if (!S_ISREG(information.st_mode)) return Refused{"is not a file; give the path of a cluster.toml"};
  std::string text;
  std::string piece(64UL * 1024, '\0');
  while (text.size() <= cluster_file::file_bytes_max) {
    const auto got = ::read(file.number(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return Refused{std::string("cannot be read (") + std::generic_category().message(errno) + "); check the disk"};
    if (got == 0) return text;
    text.append(piece, 0, static_cast<std::size_t>(got));
  }
  return Refused{"has more than 4 MiB; give the path of a cluster.toml"};
}

}  // namespace

Result<ClusterFile> read_cluster_file(const std::string& path) {
  const auto text = read_text(path);
  if (!text) return cluster_file::in_one_line(path, text.reason());
  auto file = cluster_file::parse(*text);
  if (!file) return cluster_file::in_one_line(path, file.reason());
  return file;
}

Result<std::vector<GroupDefinition>> read_groups_file(const std::string& path) {
  const auto text = read_text(path);
  if (!text) return cluster_file::in_one_line(path, text.reason());
  auto groups = cluster_file::parse_groups(*text);
  if (!groups) return cluster_file::in_one_line(path, groups.reason());
  return groups;
}

std::string secret_path(const std::string& directory, const Principal& principal) {
  std::string_view kind = "replica";
  if (principal.kind == PrincipalKind::client) kind = "client";
  if (principal.kind == PrincipalKind::admin) kind = "admin";
  const auto folder = std::string(kind) + "-" + std::to_string(principal.id);
  return (std::filesystem::path(directory) / folder / "identity.key").string();
}

std::string_view to_string(Durability durability) {
  switch (durability) {
    case Durability::sync: return "sync";
    case Durability::async: return "async";
    case Durability::memory: return "memory";
  }
  return "unknown";
}

Result<Durability> durability_from(std::string_view text) {
  for (const auto durability : {Durability::sync, Durability::async, Durability::memory}) {
    if (text == to_string(durability)) return durability;
  }
  return Refused{"not a durability; write \"sync\", \"async\" or \"memory\""};
}

}  // namespace tagma
