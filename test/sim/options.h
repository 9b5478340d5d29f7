// Everything that a seed decides before the run starts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replica/core/config.h"
#include "test/sim/scheduler.h"

namespace tagma::sim {

/// What may go wrong in a run.
enum class Profile : std::uint8_t {
  calm,               ///< delays, skewed clocks, slow disks, evictions, hostile operations; nothing is lost
  lossy,              ///< and loss, duplication, heavy reordering, cuts in one or both directions
  crash,              ///< and replicas that stop for ever, up to f
  byzantine_backups,  ///< lossy, and up to f replicas, whoever leads, and some clients that lie
  common,             ///< one of the above, by the seed
  all,                ///< any of them but real_crypto, by the seed
  real_crypto,        ///< lossy, with real digests and signatures
  byzantine_primary,  ///< a primary that equivocates, with lying backups
  liveness,           ///< byzantine_backups, and then n-f correct replicas that are left with what failed for ever
  twins,              ///< lossy, and up to f replicas whose key a second process has; both are honest programs
  byzantine_clients,  ///< clients that lie and flood, and nothing else: the first primary must keep its place
};

[[nodiscard]] std::string_view name_of(Profile profile);
[[nodiscard]] std::optional<Profile> profile_named(std::string_view name);
[[nodiscard]] std::vector<std::string_view> profile_names();

/// Behaviour of every link of one kind.
struct LinkOptions {
  VirtualUs delay_min_us = 100;
  VirtualUs delay_spread_us = 200;
  std::uint32_t slow_ppm = 0;       ///< messages that take 2, 4, 8, ... times as long
  std::uint32_t loss_ppm = 0;       ///< messages that vanish
  std::uint32_t duplicate_ppm = 0;  ///< messages that arrive twice
  bool in_order = false;            ///< a link keeps the order, as a stream does
};

struct DiskOptions {
  VirtualUs sync_min_us = 50;
  VirtualUs sync_spread_us = 100;
  VirtualUs checkpoint_min_us = 200;
  VirtualUs checkpoint_spread_us = 2'000;
  std::uint32_t failing_ppm = 0;  ///< of the crashes: begin with a failed sync, and the process stops by itself
  std::uint32_t full_ppm = 0;     ///< checkpoints that find no room at first
};

struct ClientOptions {
  std::uint32_t clients = 4;
  std::uint32_t sessions_at_once = 1;
  std::uint32_t window = 8;
  std::uint32_t burst = 4;  ///< operations submitted before a flush
  VirtualUs think_max_us = 2'000;
  VirtualUs timeout_us = 400'000;         ///< then the caller holds the outcome for unknown
  std::uint32_t session_operations = 40;  ///< then a new session is opened
  std::uint32_t abandon_ppm = 0;          ///< sessions that are given up with operations outstanding
  std::int64_t first_retransmission_us = 60'000;
  std::int64_t retransmission_max_us = 500'000;
  std::int64_t busy_backoff_us = 5'000;
  std::uint32_t bundle_operations_max = 16;
  bool sends_early = false;
};

struct WorkloadOptions {
  std::uint32_t keys = 20;
  std::uint32_t hot_ppm = 0;  ///< operations that go to the first two keys
  std::uint32_t put_weight = 4;
  std::uint32_t get_weight = 4;
  std::uint32_t delete_weight = 1;
  std::uint32_t cas_weight = 2;
  std::uint32_t scan_weight = 1;
  std::uint32_t hostile_weight = 1;  ///< malformed, oversized and throwing operations
  std::uint32_t big_value_ppm = 0;   ///< values of kilobytes
};

/// A group and its members' processes.
struct SimGroup {
  GroupDefinition definition;    ///< the members are clients behind all others
  std::vector<bool> correct;     ///< by member
  VirtualUs period_us = 0;       ///< about as long as a member waits between two things that it does
  std::uint32_t silent_ppm = 0;  ///< rounds that a faulty member says nothing in
};

/// Administrators, a client to whom changes are made, and one that no cluster file knows.
struct SimAdministration {
  std::vector<bool> correct;  ///< by administrator; empty: nobody administers. More than half are correct
  ClientId probe = 0;
  ClientId newcomer = 0;
};

struct SimOptions {
  std::uint64_t seed = 0;
  Profile profile = Profile::calm;  ///< never `all` or `common`
  std::uint32_t n = 4;
  std::uint32_t f = 1;
  std::uint64_t operations_min = 200;  ///< completed operations before the clients stop
  std::uint64_t checkpoints_min = 3;
  CoreConfig core;  ///< id and membership are filled in per replica
  LinkOptions replica_links;
  LinkOptions client_links;
  DiskOptions disk;
  std::vector<MachineClock> clocks;  ///< by replica
  std::vector<VirtualUs> starts_us;  ///< when each replica starts
  ClientOptions client;
  WorkloadOptions workload;
  std::uint32_t cuts = 0;         ///< of links, during the clients' work
  std::uint32_t bridges = 0;      ///< partitions of the correct replicas that the faulty ones bridge (attack X2)
  std::uint32_t crashes = 0;      ///< replicas that stop for ever during the clients' work
  std::uint32_t restarts = 0;     ///< times at which one replica, some or all crash and return
  std::uint32_t losses = 0;       ///< replicas that return without their log, their state or both, f at a time at most
  std::uint32_t clock_jumps = 0;  ///< of one machine's wall clock, by any amount (attack K7)
  std::vector<ReplicaId> liars;   ///< faulty replicas; the first primary among them in byzantine_primary
  std::uint32_t faulty_clients = 0;
  std::vector<SimGroup> groups;
  SimAdministration administration;
  bool demand_first_view = false;  ///< no fault is any replica's: a view change is a violation
  bool demand_liveness = true;
  std::vector<std::string> without;  ///< simplifications of what was drawn, in their order (shrinker.h)

  [[nodiscard]] bool is_liar(ReplicaId id) const;
};

/// The same seed and profile give the same options everywhere.
[[nodiscard]] SimOptions draw_options(std::uint64_t seed, Profile profile);

/// One line for people.
[[nodiscard]] std::string summary(const SimOptions& options);

}  // namespace tagma::sim
