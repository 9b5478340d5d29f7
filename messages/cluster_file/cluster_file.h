// cluster.toml: the public description of a cluster, read by replicas, clients and the command line. Secrets are not in
// it; they lie beside it, one folder per principal (secret_path()).
#pragma once

#include <string>
#include <vector>

#include "messages/group.h"
#include "messages/membership.h"
#include "tagma/result.h"

namespace tagma {

enum class Durability : std::uint8_t { sync, async, memory };

struct ClusterFile {
  Membership membership;
  std::vector<std::string> services;  ///< names of the hosted services
  Durability durability = Durability::memory;

  // Limits, all replicas alike. Defaults are those of replica/core/config.h.
  std::uint64_t checkpoint_interval = 256;
  std::uint64_t window = 512;
  std::uint64_t sessions_per_client_max = 64;
  /// What the clocks of correct replicas may differ by, in milliseconds: 50 to 60,000.
  std::uint64_t clock_window_ms = 5'000;

  /// Replicated clients. Whether the arithmetic bears them is not judged here (replica/service/group_rules.h).
  std::vector<GroupDefinition> groups;

  /// The cluster begins with a state, that after this slot (recover made it); 0: with nothing.
  Seq genesis_slot = 0;
  Digest genesis_root;  ///< of that state; only where there is one
};

/// Reads and validates a cluster file. The reason names the file, the field and the mend, in one line.
[[nodiscard]] Result<ClusterFile> read_cluster_file(const std::string& path);

/// The groups of a file that has [[groups]] tables and nothing else.
[[nodiscard]] Result<std::vector<GroupDefinition>> read_groups_file(const std::string& path);

/// Writes it atomically (temporary file, fsync, rename, fsync of the folder), mode 0644, with a comment that says what
/// it is and that replicas must share it.
[[nodiscard]] std::optional<Refused> write_cluster_file(const std::string& path, const ClusterFile& file);

/// Where the secret of a principal lies in a cluster folder: "<dir>/replica-2/identity.key" and so on.
[[nodiscard]] std::string secret_path(const std::string& directory, const Principal& principal);

[[nodiscard]] std::string_view to_string(Durability durability);
[[nodiscard]] Result<Durability> durability_from(std::string_view text);

}  // namespace tagma
