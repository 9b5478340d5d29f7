// What the completion engine is told: the commands of this program, and what a cluster folder hosts.
#pragma once

#include "client_lib/cli/completion/completion.h"
#include "replica/service/service_catalogue.h"

namespace tagma::cli {

/// The operations of the named services. The one place where the command line asks for their usage.
[[nodiscard]] std::vector<ServiceUsage> service_usages(const ServiceCatalogue& catalogue,
                                                       const std::vector<std::string>& names);

/// Services and clients of the cluster in the folder, an empty name being that which is used without --dir. Where there
/// is no cluster yet, every service that one could host.
[[nodiscard]] ClusterWords words_of_cluster(const ServiceCatalogue& catalogue, const std::string& directory);

/// The commands of a program that can host these services. `catalogue` outlives the result.
[[nodiscard]] Vocabulary program_vocabulary(const ServiceCatalogue& catalogue);

}  // namespace tagma::cli
