// One replica as a process: sockets, clocks, files and logs around the pure core.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "messages/membership.h"
#include "replica/service/service_catalogue.h"

namespace tagma {

namespace runtime {
class Interposer;
}

struct ReplicaOptions {
  std::string cluster_file;  ///< path of cluster.toml
  ReplicaId id = 0;
  std::string data_directory;  ///< made if absent; belongs to one replica of one cluster
  std::string identity_file;   ///< empty: secret_path() beside the cluster file
  std::string log_level = "info";
  /// Where its state differs from a certified one it stops voting and stays as it is, for `tagma diff`, instead of
  /// taking from the others what differs.
  bool keeps_divergence = false;
};

/// Runs a replica in the foreground until SIGTERM or SIGINT, then stops it cleanly. Log lines go to standard error; the
/// line with the word "ready" is written once it serves. Returns the exit status: 0 after a clean stop, 1 after an
/// alarm or a failure while running, 2 for bad input (the last line names the file, what is wrong and the mend). A
/// replica whose data is lost or damaged goes on as another life. `catalogue` has the services that the cluster file
/// may name. Tests alone give an interposer (runtime/interposer.h).
[[nodiscard]] int run_replica(const ReplicaOptions& options, const ServiceCatalogue& catalogue,
                              runtime::Interposer* interposer = nullptr);

}  // namespace tagma
