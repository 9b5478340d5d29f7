#include "replica/runtime/hosted_services.h"

#include "crypto/digest.h"
#include "replica/core/group_codec.h"
#include "replica/service/group_rules.h"

namespace tagma::runtime {

std::optional<Refused> add_services(const std::string& cluster_file, const ServiceCatalogue& catalogue,
                                    const ClusterFile& file, ServiceRegistry& registry) {
  for (const auto& name : file.services) {
    auto service = catalogue.make(name);
    if (!service) {
      std::string known;
      for (const auto& each : catalogue.names()) known += known.empty() ? each : ", " + each;
      // NOLINTNEXTLINE(performance-inefficient-string-concatenation): once, since it returns
      return Refused{cluster_file + ": services: \"" + name + "\" is not a service of this program; it has " + known};
    }
    if (auto refused = registry.add(std::move(service))) {
      return Refused{cluster_file + ": services: " + refused->reason};
    }
  }
  return std::nullopt;
}

CoreConfig execution_config(const ClusterFile& file) {
  CoreConfig config;
  config.membership = file.membership;
  config.checkpoint_interval = file.checkpoint_interval;
  config.window = file.window;
  config.clock_window_us = static_cast<TimeUs>(file.clock_window_ms) * 1'000;
  config.groups = file.groups;
  config.sessions_per_client_max = file.sessions_per_client_max;
  return config;
}

std::optional<Refused> check_groups(const std::string& cluster_file, const ClusterFile& file) {
  const GroupTiming timing{.faults = file.membership.faults,
                           .clock_window_us = static_cast<TimeUs>(file.clock_window_ms) * 1'000};
  if (const auto fault = first_group_fault(file.groups, timing)) return Refused{cluster_file + ": " + *fault};
  return std::nullopt;
}

Bytes owner_of(const ClusterFile& file, const PublicKey& key) {
  Bytes owner(file.membership.cluster.view());
  owner.push_back(static_cast<char>(key.algorithm));
  owner.append(key.bytes);
  for (const auto limit : {file.checkpoint_interval, file.window, file.sessions_per_client_max}) {
    for (std::size_t byte = 0; byte < sizeof limit; ++byte) owner.push_back(static_cast<char>(limit >> (8 * byte)));
  }
  if (file.groups.empty()) return owner;
  // The state rests on them from their first vote on, and nobody could tell which of two definitions that was.
  Bytes all = owner;
  for (const auto& group : file.groups) append_group(all, group);
  // In the place of the cluster's name: owners have one size, behind which a life's name may stand.
  return owner.replace(0, Digest::size_bytes, crypto::Hasher().digest(all).view());
}

}  // namespace tagma::runtime
