// The files of one drill: a cluster folder, and for each party one of its own in which every other party's address is
// a door of the fault proxy.
#pragma once

#include <string>

#include "docker/drills/backend.h"
#include "docker/drills/fault_proxy.h"
#include "docker/drills/scenario.h"
#include "messages/cluster_file/cluster_file.h"

namespace tagma::drills {

/// Clients beyond those of the load: who looks at the replicas, who reads everything back, who attacks.
enum class ExtraClient : std::uint8_t { observer, reader, attacker };
inline constexpr std::uint32_t extra_clients = 3;

class Site {
 public:
  /// Makes the cluster folder below `root` with the program at `tagma` (its `init`), and all others. Throws
  /// std::runtime_error with a line for a person. `backend` and `proxy` outlive the site.
  Site(std::string root, const std::string& tagma, const Scenario& scenario, const std::vector<std::string>& services,
       Backend& backend, FaultProxy& proxy);

  [[nodiscard]] const ClusterFile& cluster() const { return cluster_; }
  [[nodiscard]] std::string logs() const { return root_ + "/logs"; }
  /// The folder of a replica; `words_of()` are what its program is given.
  [[nodiscard]] std::string replica_folder(ReplicaId id) const { return root_ + "/replica-" + std::to_string(id); }
  /// What the runner tells the libraries in front of the replica; it can read it and not write it.
  [[nodiscard]] std::string control_folder(ReplicaId id) const { return root_ + "/control-" + std::to_string(id); }
  [[nodiscard]] std::string data_folder(ReplicaId id) const { return replica_folder(id) + "/data/replica"; }
  /// Where the forgetful disk of a replica counts what it was given and what it kept.
  [[nodiscard]] std::string lost_writes_count(ReplicaId id) const { return replica_folder(id) + "/lost-writes-count"; }
  [[nodiscard]] std::vector<std::string> words_of(ReplicaId id) const;
  /// A second folder for the same replica, with its key and permission to begin, and an address of its own.
  [[nodiscard]] std::string make_twin(ReplicaId id);
  [[nodiscard]] std::string twin_folder(ReplicaId id) const { return root_ + "/twin-" + std::to_string(id); }

  /// The cluster as a client of the load sees it.
  [[nodiscard]] std::string client_file(ClientId id) const;
  /// The cluster as it is, without the proxy.
  [[nodiscard]] std::string direct_file() const { return root_ + "/cluster/cluster.toml"; }
  [[nodiscard]] std::string client_key(ClientId id) const;
  [[nodiscard]] ClientId extra(ExtraClient which) const { return load_clients_ + static_cast<ClientId>(which); }
  /// The folder of the client that attacks: the direct cluster file and its key.
  [[nodiscard]] std::string attacker_folder() const { return root_ + "/attacker"; }

 private:
  void make_replica(ReplicaId id);
  void make_client(ClientId id);
  void make_attacker();
  [[nodiscard]] ClusterFile seen_by_replica(ReplicaId id, const std::string& own_address);

  std::string root_;
  std::uint32_t load_clients_;
  Backend& backend_;
  FaultProxy& proxy_;
  ClusterFile cluster_;
};

[[nodiscard]] inline Party replica_party(ReplicaId id) { return {PrincipalKind::replica, id}; }
[[nodiscard]] inline Party client_party(ClientId id) { return {PrincipalKind::client, id}; }

}  // namespace tagma::drills
