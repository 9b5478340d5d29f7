// What a cluster file says about how its replicas execute.
#pragma once

#include <optional>
#include <string>

#include "messages/cluster_file/cluster_file.h"
#include "replica/core/config.h"
#include "replica/service/service_catalogue.h"
#include "replica/service/service_registry.h"
#include "tagma/result.h"

namespace tagma::runtime {

/// Makes the services that the file names. The reason names the file, the service, and those that there are.
[[nodiscard]] std::optional<Refused> add_services(const std::string& cluster_file, const ServiceCatalogue& catalogue,
                                                  const ClusterFile& file, ServiceRegistry& registry);

/// What execution depends on, as the file says it; the rest is left as it is.
[[nodiscard]] CoreConfig execution_config(const ClusterFile& file);

/// Whether its groups are ones that can be: their arithmetic, and their deadlines by the timeouts that replicas have.
[[nodiscard]] std::optional<Refused> check_groups(const std::string& cluster_file, const ClusterFile& file);

/// Whose log and state lie on a disk: this replica's of this cluster, with the limits that the replicated state depends
/// on (boundaries of lives, evicted sessions) and with the same groups.
[[nodiscard]] Bytes owner_of(const ClusterFile& file, const PublicKey& key);

}  // namespace tagma::runtime
