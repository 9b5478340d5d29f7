#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <system_error>

#include "messages/cluster_file/rules.h"

namespace tagma {
namespace cluster_file {
namespace {

/// Texts that passed the rules hold no quotation mark, backslash or control character, so quoting is all they need.
std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

template <typename Member>
void render_members(std::ostream& out, std::string_view list, const std::vector<Member>& members) {
  for (const auto& member : members) {
    out << "\n[[" << list << "]]\nid = " << member.id << "\nkey = " << quoted(key_text(member.key)) << "\n";
  }
}

/// An open file that is closed and, unless kept, removed again.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& target) : path_(target + ".XXXXXX") {
    descriptor_ = ::mkostemp(path_.data(), O_CLOEXEC);
  }
  ~TemporaryFile() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    if (!kept_) ::unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  [[nodiscard]] bool opened() const { return descriptor_ >= 0; }

  /// Writes everything, readable by all, and waits until it is on the disk.
  [[nodiscard]] bool fill(std::string_view text) const {
    while (!text.empty()) {
      const auto written = ::write(descriptor_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    return ::fchmod(descriptor_, 0644) == 0 && ::fsync(descriptor_) == 0;
  }

  [[nodiscard]] bool move_to(const std::string& target) {
    kept_ = ::rename(path_.c_str(), target.c_str()) == 0;
    return kept_;
  }

 private:
  std::string path_;
  int descriptor_ = -1;
  bool kept_ = false;
};

bool sync_folder(const std::string& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool synced = ::fsync(descriptor) == 0;
  ::close(descriptor);
  return synced;
}

Refused cannot_write(const std::string& path, int error) {
  return in_one_line(path, std::string("cannot be written (") + std::generic_category().message(error) +
                               "); check the folder and its rights");
}

}  // namespace

std::string render(const ClusterFile& file) {
  const auto& membership = file.membership;
  std::ostringstream out;
  out << "# The public description of one tagma cluster: addresses, public keys and limits; no secrets.\n"
         "# All replicas of the cluster must have exactly this file; clients use it to find and to know the replicas.\n"
      << "format = " << format_version << "\ncluster = " << quoted(to_hex(membership.cluster.view()))
      << "\nepoch = " << membership.epoch << "\nfaults = " << membership.faults
      << "\ndurability = " << quoted(to_string(file.durability)) << "\nservices = [";
  for (std::size_t at = 0; at < file.services.size(); ++at) out << (at == 0 ? "" : ", ") << quoted(file.services[at]);
  out << "]\n\n[limits]\ncheckpoint_interval = " << file.checkpoint_interval << "\nwindow = " << file.window
      << "\nsessions_per_client_max = " << file.sessions_per_client_max << "\n";
  for (const auto& replica : membership.replicas) {
    out << "\n[[replicas]]\nid = " << replica.id << "\nincarnation = " << replica.incarnation
        << "\nkey = " << quoted(key_text(replica.key)) << "\nreplica_address = " << quoted(replica.replica_address)
        << "\nclient_address = " << quoted(replica.client_address) << "\n";
  }
  render_members(out, "clients", membership.clients);
  render_members(out, "admins", membership.admins);
  return out.str();
}

}  // namespace cluster_file

std::optional<Refused> write_cluster_file(const std::string& path, const ClusterFile& file) {
  if (auto problem = cluster_file::first_problem(file)) return cluster_file::in_one_line(path, *problem);
  const auto text = cluster_file::render(file);
  if (text.size() > cluster_file::file_bytes_max)
    return cluster_file::in_one_line(path, "the file would have more than 4 MiB; use fewer clients");
  // What we could not read again (a path that is not UTF-8, for one) must not reach the disk.
  if (const auto again = cluster_file::parse(text); !again) return cluster_file::in_one_line(path, again.reason());

  cluster_file::TemporaryFile temporary(path);
  if (!temporary.opened() || !temporary.fill(text) || !temporary.move_to(path))
    return cluster_file::cannot_write(path, errno);
  const auto folder = std::filesystem::path(path).parent_path();
  if (!cluster_file::sync_folder(folder.empty() ? "." : folder.string()))
    return cluster_file::cannot_write(path, errno);
  return std::nullopt;
}

}  // namespace tagma
