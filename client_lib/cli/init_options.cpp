#include "client_lib/cli/init_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "client_lib/cli/addresses.h"
#include "client_lib/cli/text_format.h"
#include "replica/runtime/hosted_services.h"

namespace tagma::cli {
namespace {

constexpr std::uint32_t replicas_min = 4;
constexpr std::uint32_t members_max = 4'096;  // clients, administrators: each costs a key file and its durable write
constexpr std::uint32_t port_max = 65'535;

Result<KeyAlgorithm> key_algorithm_from(const std::string& text) {
  if (text == "ed25519") return KeyAlgorithm::ed25519;
  if (text == "p256") return KeyAlgorithm::ecdsa_p256;
  return Refused{"--key-algorithm " + text + ": there are ed25519 and p256"};
}

std::optional<Refused> plan_replicas(const InitOptions& options, ClusterPlan& plan) {
  const auto host_count = static_cast<std::uint32_t>(options.hosts.size());
  plan.replicas = options.replicas.value_or(host_count > 0 ? host_count : plan.replicas);
  if (plan.replicas < replicas_min) {
    return Refused{counted(plan.replicas, "replica") +
                   " cannot tolerate a fault: n >= 3f+1 replicas are needed for f faults, so at least 4"};
  }
  if (plan.replicas > replicas_max) {
    return Refused{"--replicas " + std::to_string(plan.replicas) + ": at most " + std::to_string(replicas_max)};
  }
  if (host_count > 0 && host_count != plan.replicas) {
    return Refused{"--hosts names " + counted(host_count, "host") + " for " + counted(plan.replicas, "replica") +
                   ": give one per replica"};
  }
  constexpr std::string_view host_characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:_";
  for (const auto& host : options.hosts) {
    if (host.empty() || host.find_first_not_of(host_characters) != std::string::npos) {
      return Refused{"--hosts: '" + host + "' is neither a host name nor an address"};
    }
  }
  plan.hosts = options.hosts;
  return std::nullopt;
}

std::optional<Refused> plan_members(const InitOptions& options, ClusterPlan& plan) {
  plan.clients = options.clients.value_or(plan.clients);
  plan.admins = options.admins.value_or(plan.admins);
  if (plan.clients == 0 || plan.clients > members_max) {
    return Refused{"--clients " + std::to_string(plan.clients) + ": from 1 to " + std::to_string(members_max)};
  }
  if (plan.admins > members_max) {
    return Refused{"--admins " + std::to_string(plan.admins) + ": at most " + std::to_string(members_max)};
  }
  if (!options.base_port) return std::nullopt;
  const std::uint32_t base_max = port_max + 1 - 2 * plan.replicas;
  if (*options.base_port == 0 || *options.base_port > base_max) {
    return Refused{"--base-port " + std::to_string(*options.base_port) + ": " + counted(plan.replicas, "replica") +
                   " use " + std::to_string(2 * plan.replicas) + " ports from it on, so from 1 to " +
                   std::to_string(base_max)};
  }
  plan.base_port = static_cast<std::uint16_t>(*options.base_port);
  return std::nullopt;
}

std::optional<Refused> plan_services(const InitOptions& options, const ServiceCatalogue& services, ClusterPlan& plan) {
  const auto known = services.names();
  plan.services = options.services.empty() ? known : options.services;
  for (const auto& name : plan.services) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return Refused{"--service " + name + ": there is no such service; there are " + listed(known)};
    }
  }
  std::sort(plan.services.begin(), plan.services.end());
  const auto repeated = std::adjacent_find(plan.services.begin(), plan.services.end());
  if (repeated != plan.services.end()) return Refused{"--service " + *repeated + " is given twice"};
  return std::nullopt;
}

/// For options whose value differs from what the cluster has.
Refused differs(const std::string& option, const std::string& existing) {
  return Refused{option + " contradicts the existing cluster, which has " + existing +
                 "; leave the option out, or start anew with --fresh, which removes all that the cluster holds"};
}

}  // namespace

void add_init_options(CLI::App& app, InitOptions& options) {
  app.add_option("--replicas", options.replicas, "Replicas, n >= 3f+1 (default 4)")->type_name("N");
  app.add_option("--clients", options.clients, "Client identities (default 8)")->type_name("N");
  app.add_option("--admins", options.admins, "Administrator identities (default 3)")->type_name("N");
  app.add_option("--hosts", options.hosts, "A host per replica (default: this one)")
      ->delimiter(',')
      ->type_name("A,B,...");
  app.add_option("--base-port", options.base_port, "Replica i has ports P+2i, P+2i+1 (4600)")->type_name("P");
  app.add_option("--service", options.services, "Host this service only; repeatable")
      ->allow_extra_args(false)
      ->type_name("NAME");
  app.add_option("--durability", options.durability, "What survives a crash (sync: all)")->type_name(durability_words);
  app.add_option("--key-algorithm", options.key_algorithm, "Of all keys (p256)")->type_name("p256|ed25519");
  app.add_option("--groups", options.groups_file, "Replicated clients: [[groups]] in TOML")->type_name("FILE");
  app.add_option("--clock-window-ms", options.clock_window_ms, "What clocks may differ by (5000)")
      ->check(CLI::Range(std::uint64_t{50}, std::uint64_t{60'000}).description(""))
      ->type_name("N");
}

std::string to_string(KeyAlgorithm algorithm) { return algorithm == KeyAlgorithm::ed25519 ? "ed25519" : "p256"; }

Result<Durability> durability_of_option(const std::string& text) {
  const auto durability = durability_from(text);
  if (!durability) return Refused{"--durability " + text + ": " + durability.reason()};
  return *durability;
}

Result<ClusterPlan> plan_cluster(const InitOptions& options, const ServiceCatalogue& services) {
  ClusterPlan plan;
  if (auto refused = plan_replicas(options, plan)) return *refused;
  if (auto refused = plan_members(options, plan)) return *refused;
  if (auto refused = plan_services(options, services, plan)) return *refused;
  if (options.durability) {
    const auto durability = durability_of_option(*options.durability);
    if (!durability) return Refused{durability.reason()};
    plan.durability = *durability;
  }
  if (options.key_algorithm) {
    const auto algorithm = key_algorithm_from(*options.key_algorithm);
    if (!algorithm) return Refused{algorithm.reason()};
    plan.key_algorithm = *algorithm;
  }
  plan.clock_window_ms = options.clock_window_ms.value_or(plan.clock_window_ms);
  if (options.groups_file) {
    auto groups = read_groups_file(*options.groups_file);
    if (!groups) return Refused{groups.reason()};
    plan.groups_file = *options.groups_file;
    plan.groups = *std::move(groups);
  }
  return plan;
}

std::optional<Refused> groups_refusal(const ClusterPlan& plan) {
  for (std::size_t at = 0; at < plan.groups.size(); ++at) {
    for (const auto member : plan.groups[at].members) {
      if (member < plan.clients) continue;
      return Refused{plan.groups_file + ": groups[" + std::to_string(at) + "].members: there is no client " +
                     std::to_string(member) + " among " + counted(plan.clients, "client") +
                     ", numbered from 0; name others, or raise --clients"};
    }
  }
  ClusterFile file;
  file.membership.faults = faults_tolerated(plan.replicas);
  file.clock_window_ms = plan.clock_window_ms;
  file.groups = plan.groups;
  return runtime::check_groups(plan.groups_file, file);
}

std::optional<Refused> contradiction(const InitOptions& options, const ClusterFile& existing) {
  const auto& membership = existing.membership;
  if (options.replicas && *options.replicas != membership.n()) {
    return differs("--replicas " + std::to_string(*options.replicas), std::to_string(membership.n()));
  }
  if (options.clients && *options.clients != membership.clients.size()) {
    return differs("--clients " + std::to_string(*options.clients), std::to_string(membership.clients.size()));
  }
  if (options.admins && *options.admins != membership.admins.size()) {
    return differs("--admins " + std::to_string(*options.admins), std::to_string(membership.admins.size()));
  }
  if (!options.hosts.empty() && options.hosts.size() != membership.n()) return differs("--hosts", "other hosts");
  for (std::size_t i = 0; i < membership.n(); ++i) {
    const auto place = parse_tcp_address(membership.replicas[i].replica_address);
    if (!options.hosts.empty() && (!place || place->host != options.hosts[i])) {
      return differs("--hosts", membership.replicas[i].replica_address + " for replica " + std::to_string(i));
    }
    if (options.base_port && (!place || place->port != *options.base_port + 2 * i)) {
      return differs("--base-port " + std::to_string(*options.base_port),
                     membership.replicas[i].replica_address + " for replica " + std::to_string(i));
    }
    const auto algorithm = to_string(membership.replicas[i].key.algorithm);
    if (options.key_algorithm && *options.key_algorithm != algorithm) {
      return differs("--key-algorithm " + *options.key_algorithm, algorithm);
    }
  }
  auto given = options.services;
  auto hosted = existing.services;
  std::sort(given.begin(), given.end());
  std::sort(hosted.begin(), hosted.end());
  if (!given.empty() && given != hosted) return differs("--service", listed(hosted));
  const std::string durability(tagma::to_string(existing.durability));
  if (options.durability && *options.durability != durability) {
    return differs("--durability " + *options.durability, durability);
  }
  if (options.clock_window_ms && *options.clock_window_ms != existing.clock_window_ms) {
    return differs("--clock-window-ms " + std::to_string(*options.clock_window_ms),
                   std::to_string(existing.clock_window_ms));
  }
  if (options.groups_file) {
    const auto groups = read_groups_file(*options.groups_file);
    if (!groups) return Refused{groups.reason()};
    if (*groups != existing.groups) return differs("--groups " + *options.groups_file, "other groups");
  }
  return std::nullopt;
}

}  // namespace tagma::cli
