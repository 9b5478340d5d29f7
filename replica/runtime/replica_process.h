// One replica as a process: sockets, clocks, files and logs around the pure core.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "messages/membership.h"
#include "tagma/service.h"

namespace tagma {

struct ReplicaOptions {
  std::string cluster_file;  ///< path of cluster.toml
  ReplicaId id = 0;
  std::string data_directory;  ///< made if absent; belongs to one replica of one cluster
  std::string identity_file;   ///< empty: secret_path() beside the cluster file
  std::string log_level = "info";
};

/// Runs a replica in the foreground until SIGTERM or SIGINT, then stops it cleanly. Log lines go to standard error; the
/// line with the word "ready" is written once it serves. Returns the exit status: 0 after a clean stop, 1 after an
/// alarm or a failure while running, 2 for bad input (one line that names the file, the field and the mend).
[[nodiscard]] int run_replica(const ReplicaOptions& options);

/// Makes the service of a name that the cluster file lists; null if this program has none of that name.
using ServiceMaker = std::function<std::unique_ptr<Service>(ByteView name)>;

/// The same with services of the caller's own instead of the bundled ones.
[[nodiscard]] int run_replica(const ReplicaOptions& options, const ServiceMaker& make_service);

}  // namespace tagma
