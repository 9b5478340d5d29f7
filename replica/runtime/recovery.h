// What an operator does where no quorum remembers (protocol: "All replicas amnesiac at once"): the folders of all
// replicas, as far as there are any, are read, and a new cluster begins with what they together know.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "messages/cluster_file/cluster_file.h"
#include "replica/service/service_catalogue.h"
#include "tagma/result.h"

namespace tagma {

/// What was found, and what the new cluster begins with.
struct RecoveryPlan {
  /// One replica's folder.
  struct Found {
    ReplicaId id = 0;
    std::optional<Seq> state;  ///< slot of its state; nothing: lost or damaged
    bool log = false;          ///< its log can be read
    Seq last = 0;              ///< the highest slot that its log speaks of
    std::string remark;        ///< what is wrong, in words; empty if nothing is
  };
  std::vector<Found> replicas;  ///< by id

  ReplicaId base_of = 0;  ///< whose state is taken
  Seq base = 0;
  /// How many replicas have that very state, or the quorum that certified it. One is not enough to prove it.
  std::uint32_t vouchers = 0;
  bool certified = false;

  Seq last = 0;                 ///< slots up to here are executed again on that state
  std::uint64_t decided = 0;    ///< of them: known to be decided
  std::uint64_t prepared = 0;   ///< known to be prepared, and perhaps decided
  std::uint64_t recorded = 0;   ///< proposed and recorded; perhaps nobody was answered
  Seq seen = 0;                 ///< the highest slot that anybody's log speaks of
  std::optional<Seq> conflict;  ///< where the logs knew two different batches
};

struct RecoveryOptions {
  std::string directory;  ///< the cluster folder, with replica-N/data of all replicas; none of them runs
  std::function<void(const std::string& what)> progress;
  std::function<void(const std::string& what)> warn;  ///< of damage that the plan did not know of
};

/// Reads everything and changes nothing. Refuses where there is no state to begin with.
[[nodiscard]] Result<RecoveryPlan> plan_recovery(const RecoveryOptions& options, const ServiceCatalogue& catalogue);

/// Where recover() sets a replica's data of this cluster aside. While cluster.toml still names this cluster, such a
/// folder tells of a recovery that was interrupted; a folder of another cluster says nothing.
[[nodiscard]] std::string data_set_aside(const std::string& directory, ReplicaId replica, const ClusterId& cluster);

/// Sets all data folders aside (data_set_aside()), gives each replica the recovered state and the
/// permission to begin, and then makes the folder's cluster.toml that of a new cluster: new id, the same keys,
/// beginning with that state. Interrupted, it may be run again. Where the chosen state proves to be damaged it warns
/// and takes that of another replica with the same root. Before a state is made nothing is moved; a later failure says
/// where the folders are. Returns the new file.
[[nodiscard]] Result<ClusterFile> recover(const RecoveryOptions& options, const ServiceCatalogue& catalogue);

}  // namespace tagma
