// A cluster folder: cluster.toml, one folder of secrets per principal, and beside a replica's secret its data and log.
#pragma once

#include <string>
#include <utility>

#include "client_lib/cli/addresses.h"
#include "client_lib/cli/init_options.h"
#include "client_lib/cli/program_name.h"
#include "messages/cluster_file/cluster_file.h"

namespace tagma::cli {

[[nodiscard]] std::string cluster_file_path(const std::string& directory);
[[nodiscard]] std::string data_path(const std::string& directory, ReplicaId replica);
[[nodiscard]] std::string log_path(const std::string& directory, ReplicaId replica);

/// What lies at the path.
enum class FolderState : std::uint8_t {
  absent,   ///< nothing, or an empty folder
  cluster,  ///< a cluster of ours, damaged perhaps
  foreign,  ///< anything else
};
[[nodiscard]] FolderState folder_state(const std::string& directory);

struct CreatedCluster {
  ClusterFile file;
  std::optional<PortClaim> ports;  ///< those that were chosen; keep it until the replicas have bound them
  std::string note;                ///< one line for a person if ports other than the usual ones were taken, else empty
};
/// Writes keys (0600, in folders of 0700), then cluster.toml. Never over an existing cluster; leaves nothing behind
/// when it fails.
[[nodiscard]] Result<CreatedCluster> create_cluster(const std::string& directory, const ClusterPlan& plan,
                                                    const ProgramName& program);

/// The public key of somebody whose secret lies in the folder. Where none does, makes one there: for a client that is
/// to be added to the cluster.
struct FolderKey {
  PublicKey key;
  std::string made;  ///< the folder that was made for it; empty: it was there
};
[[nodiscard]] Result<FolderKey> own_or_new_key(const std::string& directory, const Principal& principal,
                                               KeyAlgorithm algorithm);

/// Reads the folder's cluster.toml; says what to run where there is none.
[[nodiscard]] Result<ClusterFile> open_cluster(const std::string& directory, const ProgramName& program);

/// Removes what a cluster consists of; other files stay. Refuses a folder that is not a cluster of ours, and one whose
/// replicas run. An absent folder is empty already.
[[nodiscard]] std::optional<Refused> empty_cluster_folder(const std::string& directory);

/// Whether a replica's process holds this data folder.
[[nodiscard]] bool data_in_use(const std::string& data);
/// The same of a replica of the cluster folder.
[[nodiscard]] bool replica_runs(const std::string& directory, ReplicaId replica);

/// With durability memory no replica can go on where it was. If one of them started in this genesis before, or may not
/// begin in it any more, writes a new genesis (a new random cluster id, the same keys) into cluster.toml and `file`;
/// returns whether it did. No replica may run.
[[nodiscard]] Result<bool> renew_genesis_if_started(const std::string& directory, ClusterFile& file);

/// Whether the replica's mark says that all its promises to this cluster are on its disk, since its first life. Of a
/// later life the mark does not tell whether the others have taken it back.
[[nodiscard]] bool is_in_first_life(const std::string& directory, ReplicaId replica, const ClusterId& cluster);
/// The same of a later life; whether the others have taken that one back is not told.
[[nodiscard]] bool is_in_later_life(const std::string& directory, ReplicaId replica, const ClusterId& cluster);

/// Where so few remember nobody can take the others back: says so, and what to do. Nothing where a quorum does.
[[nodiscard]] std::optional<Refused> too_few_remember(const std::string& directory, const Membership& membership,
                                                      std::uint32_t remember, const ProgramName& program);
/// The same as far as the folder tells while no replica runs: one whose log is damaged finds that out as it starts.
[[nodiscard]] std::optional<Refused> too_few_remember(const std::string& directory, const ClusterFile& file,
                                                      const ProgramName& program);

/// Exclusive use of a cluster folder by one process that starts its replicas; released on destruction or death. A
/// folder that it had to make goes with it, where nothing else came into it.
class FolderLock {
 public:
  [[nodiscard]] static Result<FolderLock> acquire(const std::string& directory);
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&& other) noexcept;
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();

 private:
  FolderLock(int descriptor, std::string made) : descriptor_(descriptor), made_(std::move(made)) {}
  int descriptor_ = -1;
  std::string made_;  ///< the folder, if it was not there before
};

}  // namespace tagma::cli
