// The options of `tagma init`, which `up` and `bench --local` share, and the plan of a cluster made from them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client_lib/cli/command.h"
#include "messages/cluster_file/cluster_file.h"

namespace tagma::cli {

/// What the user gave; what is empty was not given.
struct InitOptions {
  std::optional<std::uint32_t> replicas;
  std::optional<std::uint32_t> clients;
  std::optional<std::uint32_t> admins;
  std::vector<std::string> hosts;  ///< one per replica
  std::optional<std::uint32_t> base_port;
  std::vector<std::string> services;
  std::optional<std::string> durability;
  std::optional<std::string> key_algorithm;
  std::optional<std::string> groups_file;
  std::optional<std::uint64_t> clock_window_ms;
};

void add_init_options(CLI::App& app, InitOptions& options);

/// A cluster that can be made: every rule of the options holds.
struct ClusterPlan {
  std::uint32_t replicas = 4;
  std::uint32_t clients = 8;
  std::uint32_t admins = 3;
  std::vector<std::string> hosts;          ///< empty: all on this machine
  std::optional<std::uint16_t> base_port;  ///< empty: the first free ones from default_base_port on
  std::vector<std::string> services;
  Durability durability = Durability::sync;
  KeyAlgorithm key_algorithm = KeyAlgorithm::ecdsa_p256;
  std::string groups_file;  ///< where the groups are from
  std::vector<GroupDefinition> groups;
  std::uint64_t clock_window_ms = ClusterFile{}.clock_window_ms;
};

inline constexpr std::uint16_t default_base_port = 4600;

/// The plan, or the first option that is wrong. `services` are those that the program can host.
[[nodiscard]] Result<ClusterPlan> plan_cluster(const InitOptions& options, const ServiceCatalogue& services);

/// What the replicas of such a cluster would refuse of its groups. Apart, since a cluster that is there already has
/// numbers of its own, which the options of a later `up` do not repeat.
[[nodiscard]] std::optional<Refused> groups_refusal(const ClusterPlan& plan);

/// The first option given that the existing cluster contradicts; nothing if all given ones agree with it.
[[nodiscard]] std::optional<Refused> contradiction(const InitOptions& options, const ClusterFile& existing);

/// "ed25519" or "p256".
[[nodiscard]] std::string to_string(KeyAlgorithm algorithm);

/// --durability MODE.
[[nodiscard]] Result<Durability> durability_of_option(const std::string& text);
/// As it stands in help texts.
inline constexpr const char* durability_words = "sync|async|memory";
/// What the modes mean, behind a command's examples.
inline constexpr std::string_view durability_help =
    "Where all replicas are killed at once, nothing is lost with --durability sync;\n"
    "with async it needs tagma recover, which keeps what the disks have, or a new\n"
    "cluster; with memory the next up begins a new, empty one.";

}  // namespace tagma::cli
