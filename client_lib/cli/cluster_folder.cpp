#include "client_lib/cli/cluster_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

#include "client_lib/cli/addresses.h"
#include "client_lib/cli/command.h"
#include "client_lib/cli/text_format.h"
#include "crypto/digest.h"
#include "crypto/identity.h"
#include "messages/assert.h"
#include "messages/cluster_file/genesis.h"

namespace tagma::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view lock_name = "up.lock";

ClusterId random_cluster_id() {
  ClusterId id;
  const bool copied = digest_from_bytes(crypto::random_bytes(Digest::size_bytes), id);
  TAGMA_ASSERT(copied, "random_bytes() gives as many bytes as asked for");
  return id;
}

std::string principal_folder(const std::string& directory, const Principal& principal) {
  return fs::path(secret_path(directory, principal)).parent_path().string();
}

/// Makes the principals of a new cluster, and takes back what it wrote unless told that all went well.
class KeyMaker {
 public:
  KeyMaker(std::string directory, KeyAlgorithm algorithm) : directory_(std::move(directory)), algorithm_(algorithm) {}
  KeyMaker(const KeyMaker&) = delete;
  KeyMaker& operator=(const KeyMaker&) = delete;
  ~KeyMaker() {
    std::error_code ignored;
    for (const auto& folder : made_) fs::remove_all(folder, ignored);
  }

  Result<PublicKey> make(const Principal& principal) {
    const std::string folder = principal_folder(directory_, principal);
    if (mkdir(folder.c_str(), S_IRWXU) != 0) {
      if (errno != EEXIST) return Refused{folder + ": cannot be made: " + std::strerror(errno)};
      return Refused{folder +
                     ": exists although there is no cluster.toml beside it, perhaps from an interrupted init: " +
                     "remove it, or choose another folder with --dir"};
    }
    made_.push_back(folder);
    const auto identity = crypto::Identity::generate(algorithm_);
    if (auto refused = identity.save(secret_path(directory_, principal))) return *refused;
    return identity.public_key();
  }

  void keep() { made_.clear(); }

 private:
  std::string directory_;
  KeyAlgorithm algorithm_;
  std::vector<std::string> made_;  ///< folders that this object made
};

std::optional<Refused> add_members(KeyMaker& keys, const ClusterPlan& plan, std::uint16_t base_port,
                                   Membership& membership) {
  for (std::uint32_t id = 0; id < plan.replicas; ++id) {
    const auto key = keys.make({PrincipalKind::replica, id});
    if (!key) return Refused{key.reason()};
    const std::string host = plan.hosts.empty() ? std::string(local_host) : plan.hosts[id];
    const auto port = static_cast<std::uint16_t>(base_port + 2 * id);
    const auto next_port = static_cast<std::uint16_t>(port + 1);
    membership.replicas.push_back({id, 0, *key, tcp_address({host, port}), tcp_address({host, next_port})});
  }
  for (std::uint32_t id = 0; id < plan.clients; ++id) {
    const auto key = keys.make({PrincipalKind::client, id});
    if (!key) return Refused{key.reason()};
    membership.clients.push_back({id, *key});
  }
  for (std::uint32_t id = 0; id < plan.admins; ++id) {
    const auto key = keys.make({PrincipalKind::admin, id});
    if (!key) return Refused{key.reason()};
    membership.admins.push_back({id, *key});
  }
  return std::nullopt;
}

/// Every replica of the new genesis.
std::optional<Refused> permit_to_begin(const std::string& directory, const Membership& membership) {
  for (const auto& replica : membership.replicas) {
    const std::string folder = principal_folder(directory, {PrincipalKind::replica, replica.id});
    if (auto refused = write_genesis(folder, membership.cluster)) return refused;
  }
  return std::nullopt;
}

std::string port_range(std::uint32_t base, std::uint32_t count) {
  return std::to_string(base) + ".." + std::to_string(base + count - 1);
}

struct ChosenPort {
  std::uint16_t base = default_base_port;
  std::string note;
  std::optional<PortClaim> claim;
};

/// Ports that the user names are taken as they are; on other hosts nobody can look, so there the usual ones are used.
Result<ChosenPort> choose_base_port(const ClusterPlan& plan) {
  if (plan.base_port) return ChosenPort{*plan.base_port, "", std::nullopt};
  if (!plan.hosts.empty()) return ChosenPort{};
  const std::uint32_t count = 2 * plan.replicas;
  auto claim = PortClaim::first_free(std::string(local_host), default_base_port, count);
  if (!claim) {
    return Refused{"no " + std::to_string(count) + " free ports in a row from " + std::to_string(default_base_port) +
                   " on: name some with --base-port"};
  }
  const std::uint16_t base = claim->base();
  std::string note;
  if (base != default_base_port) {
    note = "a port of " + port_range(default_base_port, count) + " is in use, so this cluster has " +
           port_range(base, count);
  }
  return ChosenPort{base, std::move(note), std::move(claim)};
}

/// The names that a cluster of ours has in its folder. A damaged cluster.toml does not tell which ids there are, so a
/// name is judged by its form.
bool is_ours(const std::string& name) {
  if (name == "cluster.toml" || name == lock_name) return true;
  for (const std::string_view prefix : {"replica-", "client-", "admin-"}) {
    if (!name.starts_with(prefix)) continue;
    const std::string_view id = std::string_view(name).substr(prefix.size());
    return !id.empty() && id.find_first_not_of("0123456789") == std::string_view::npos;
  }
  return false;
}

/// A lock file's descriptor; -1 with errno EWOULDBLOCK if another process holds it.
int try_lock(const std::string& path, int open_flags) {
  const int descriptor = open(path.c_str(), open_flags | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (descriptor < 0) return -1;
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return descriptor;
  const int error = errno;
  close(descriptor);
  errno = error;
  return -1;
}

/// Whether the replica's promises to this cluster are on its disk, as far as the mark says.
bool started_in(const std::string& directory, ReplicaId replica, const ClusterId& cluster) {
  std::ifstream mark(data_path(directory, replica) + "/started");
  std::string text;
  return mark && std::getline(mark, text) && text.starts_with(to_hex(cluster.view())) && !text.ends_with(" ahead");
}

bool may_begin(const std::string& directory, ReplicaId replica, const ClusterId& cluster) {
  // One that cannot be read is for the replica to complain about.
  const auto permits = [&cluster](const std::string& folder) {
    const auto found = has_genesis(folder, cluster);
    return !found || *found;
  };
  return permits(principal_folder(directory, {PrincipalKind::replica, replica})) ||
         permits(data_path(directory, replica));
}

}  // namespace

std::string cluster_file_path(const std::string& directory) { return directory + "/cluster.toml"; }

std::string data_path(const std::string& directory, ReplicaId replica) {
  return principal_folder(directory, {PrincipalKind::replica, replica}) + "/data";
}

std::string log_path(const std::string& directory, ReplicaId replica) {
  return principal_folder(directory, {PrincipalKind::replica, replica}) + "/replica.log";
}

Result<FolderKey> own_or_new_key(const std::string& directory, const Principal& principal, KeyAlgorithm algorithm) {
  const std::string path = secret_path(directory, principal);
  std::error_code error;
  if (fs::exists(path, error)) {
    const auto identity = crypto::Identity::load(path);
    if (!identity) return Refused{identity.reason()};
    return FolderKey{identity->public_key(), ""};
  }
  const std::string folder = principal_folder(directory, principal);
  if (fs::exists(folder, error))
    return Refused{folder + ": exists and has no identity.key in it; remove it, or add it"};
  KeyMaker keys(directory, algorithm);
  const auto key = keys.make(principal);
  if (!key) return Refused{key.reason()};
  keys.keep();
  return FolderKey{*key, folder};
}

FolderState folder_state(const std::string& directory) {
  std::error_code error;
  if (!fs::exists(fs::symlink_status(directory, error))) return FolderState::absent;
  if (!fs::is_directory(directory, error)) return FolderState::foreign;
  const std::string path = cluster_file_path(directory);
  if (!fs::exists(path, error)) {
    for (const auto& entry : fs::directory_iterator(directory, error)) {
      if (entry.path().filename() != lock_name) return FolderState::foreign;
    }
    return error ? FolderState::foreign : FolderState::absent;
  }
  if (read_cluster_file(path)) return FolderState::cluster;
  // Damaged: ours if a replica's secret lies where ours would.
  const bool has_secret = fs::exists(secret_path(directory, {PrincipalKind::replica, 0}), error);
  return has_secret ? FolderState::cluster : FolderState::foreign;
}

Result<CreatedCluster> create_cluster(const std::string& directory, const ClusterPlan& plan,
                                      const ProgramName& program) {
  std::error_code error;
  if (fs::exists(cluster_file_path(directory), error)) {
    return Refused{directory + ": has a cluster already, which init never overwrites; choose another folder with " +
                   "--dir, or run " + program.word + " up --fresh, which removes it and starts an empty one"};
  }
  auto port = choose_base_port(plan);
  if (!port) return Refused{port.reason()};
  const bool was_there = fs::exists(directory, error);
  fs::create_directories(directory, error);
  if (error) return Refused{directory + ": cannot be made: " + error.message() + "; choose another with --dir"};

  CreatedCluster created;
  created.ports = std::move(port->claim);
  created.note = port->note;
  created.file.services = plan.services;
  created.file.durability = plan.durability;
  created.file.groups = plan.groups;
  created.file.clock_window_ms = plan.clock_window_ms;
  auto& membership = created.file.membership;
  membership.cluster = random_cluster_id();
  membership.faults = faults_tolerated(plan.replicas);
  std::optional<Refused> refused;
  {
    KeyMaker keys(directory, plan.key_algorithm);
    refused = add_members(keys, plan, port->base, membership);
    if (!refused) refused = validate(membership);
    if (!refused) refused = permit_to_begin(directory, membership);
    if (!refused) refused = write_cluster_file(cluster_file_path(directory), created.file);
    if (!refused) keys.keep();
  }
  if (refused) {
    if (!was_there) fs::remove(directory, error);
    return *refused;
  }
  return created;
}

Result<ClusterFile> open_cluster(const std::string& directory, const ProgramName& program) {
  std::error_code error;
  if (!fs::exists(cluster_file_path(directory), error)) {
    if (error) return Refused{directory + ": cannot be looked into: " + error.message()};
    return Refused{directory + ": no cluster here (no cluster.toml); start one with " + program.word + " up" +
                   directory_argument(directory) + ", or name another folder with --dir"};
  }
  return read_cluster_file(cluster_file_path(directory));
}

bool data_in_use(const std::string& data) {
  const int descriptor = try_lock(data + "/lock", 0);
  if (descriptor < 0) return errno == EWOULDBLOCK;
  close(descriptor);
  return false;
}

bool replica_runs(const std::string& directory, ReplicaId replica) {
  return data_in_use(data_path(directory, replica));
}

std::optional<Refused> empty_cluster_folder(const std::string& directory) {
  switch (folder_state(directory)) {
    case FolderState::absent: return std::nullopt;
    case FolderState::foreign:
      return Refused{directory +
                     ": is not a cluster folder of tagma, so nothing is removed; choose another with --dir"};
    case FolderState::cluster: break;
  }
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (!is_ours(name) || !name.starts_with("replica-")) continue;
    const int descriptor = try_lock((entry.path() / "data" / "lock").string(), 0);
    if (descriptor < 0 && errno == EWOULDBLOCK) {
      // NOLINTNEXTLINE(performance-inefficient-string-concatenation): once, since it returns
      return Refused{directory + ": " + name + " is running; stop it first"};
    }
    if (descriptor >= 0) close(descriptor);
  }
  // cluster.toml goes last: an interrupted removal is still recognised as ours.
  std::set<fs::path> doomed;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (is_ours(name) && name != lock_name && name != "cluster.toml") doomed.insert(entry.path());
  }
  for (const auto& path : doomed) {
    if (!error) fs::remove_all(path, error);
  }
  if (!error) fs::remove(cluster_file_path(directory), error);
  if (error) return Refused{directory + ": cannot be emptied: " + error.message()};
  return std::nullopt;
}

Result<bool> renew_genesis_if_started(const std::string& directory, ClusterFile& file) {
  if (file.durability != Durability::memory) return false;
  bool fresh = true;
  for (const auto& replica : file.membership.replicas) {
    fresh = fresh && may_begin(directory, replica.id, file.membership.cluster) &&
            !started_in(directory, replica.id, file.membership.cluster);
  }
  if (fresh) return false;
  file.membership.cluster = random_cluster_id();
  if (auto refused = permit_to_begin(directory, file.membership)) return *refused;
  if (auto refused = write_cluster_file(cluster_file_path(directory), file)) return *refused;
  return true;
}

namespace {

std::string mark_text(const std::string& directory, ReplicaId replica) {
  std::ifstream mark(data_path(directory, replica) + "/started");
  std::string text;
  std::getline(mark, text);
  return text;
}

}  // namespace

bool is_in_first_life(const std::string& directory, ReplicaId replica, const ClusterId& cluster) {
  return mark_text(directory, replica) == to_hex(cluster.view());
}

bool is_in_later_life(const std::string& directory, ReplicaId replica, const ClusterId& cluster) {
  const std::string text = mark_text(directory, replica);
  return text.starts_with(to_hex(cluster.view()) + " ") && !text.ends_with(" ahead");
}

std::optional<Refused> too_few_remember(const std::string& directory, const Membership& membership,
                                        std::uint32_t remember, const ProgramName& program) {
  if (remember >= membership.quorum()) return std::nullopt;
  const std::string left = remember == 0 ? "no replica remembers"
                                         : "only " + std::to_string(remember) + " of " +
                                               std::to_string(membership.n()) + " replicas remember";
  const std::string what = remember == 0 ? " what it promised" : " what they promised";
  const std::string argument = directory_argument(directory);
  return Refused{directory + ": " + left + what + " in this cluster, and " + std::to_string(membership.quorum()) +
                 " are needed to take back those that do not; " + program.word + " recover" + argument +
                 " begins a new cluster with what is left, " + program.word + " up --fresh" + argument +
                 " removes all of it and starts an empty one"};
}

std::optional<Refused> too_few_remember(const std::string& directory, const ClusterFile& file,
                                        const ProgramName& program) {
  const auto& membership = file.membership;
  std::uint32_t remember = 0;
  for (const auto& replica : membership.replicas) {
    const bool knows =
        started_in(directory, replica.id, membership.cluster) || may_begin(directory, replica.id, membership.cluster);
    remember += knows ? 1U : 0U;
  }
  return too_few_remember(directory, membership, remember, program);
}

Result<FolderLock> FolderLock::acquire(const std::string& directory) {
  std::error_code error;
  const bool made = fs::create_directories(directory, error);
  if (error) return Refused{directory + ": cannot be made: " + error.message() + "; choose another with --dir"};
  const std::string path = directory + "/" + std::string(lock_name);
  const int descriptor = try_lock(path, O_CREAT);
  if (descriptor >= 0) return FolderLock(descriptor, made ? directory : "");
  if (errno == EWOULDBLOCK)
    return Refused{directory + ": an `up` runs this cluster, or a `recover` is at it; stop it first"};
  return Refused{path + ": cannot be locked: " + std::strerror(errno)};
}

FolderLock::FolderLock(FolderLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), made_(std::exchange(other.made_, {})) {}

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(made_, other.made_);
  return *this;
}

FolderLock::~FolderLock() {
  if (descriptor_ < 0) return;
  if (!made_.empty() && folder_state(made_) == FolderState::absent) {
    std::error_code ignored;
    fs::remove(fs::path(made_) / lock_name, ignored);
    fs::remove(made_, ignored);
  }
  close(descriptor_);
}

}  // namespace tagma::cli
