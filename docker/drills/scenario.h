// A drill as it is written down: the shape of the cluster, the load, what is done to it and when, and what must hold.
// docs/drills.md is the reference for whoever writes one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "docker/drills/fault_proxy.h"
#include "messages/cluster_file/cluster_file.h"
#include "tagma/result.h"

namespace tagma::drills {

/// Which replicas or clients a step is about; it is looked up when the step is due.
struct Selector {
  enum class Kind : std::uint8_t {
    nobody,
    primary,   ///< who leads now
    backup,    ///< the one behind the primary
    others,    ///< all replicas that the step's other selector does not name; all but the Byzantine one else
    all,       ///< all replicas
    same,      ///< whom the last step with a selector was about
    clients,   ///< every client of the load
    client,    ///< the last client of the load
    replicas,  ///< those with these numbers
  };
  Kind kind = Kind::nobody;
  std::vector<ReplicaId> ids;
};

/// What is done.
enum class Action : std::uint8_t {
  kill,           ///< SIGKILL
  start,          ///< what does not run starts, on what it left on its disk
  restart,        ///< SIGTERM, and started again
  roll,           ///< restart, one after the other, each when the one before votes and has caught up; `program`
  pause,          ///< SIGSTOP
  resume,         ///< SIGCONT
  wipe,           ///< killed, its data removed
  cut_power,      ///< killed all at once, with every write that no sync covered; then all start
  network,        ///< the links from `who` to `to` get `link`
  heal,           ///< all links are whole again
  fill_disk,      ///< no file of it can grow
  free_disk,      ///< they can again
  fail_syncs,     ///< every sync ends with an input/output error
  shift_clock,    ///< its clock jumps by `seconds`
  starve,         ///< it gets `percent` of a core
  feed,           ///< it gets what it wants again
  attack,         ///< the Byzantine replica begins to lie
  relent,         ///< it behaves again
  client_attack,  ///< a Byzantine client begins: `program` is its attack
  client_relent,  ///< it ends
  twin,           ///< a second process with the replica's key begins beside it
  end_twin,       ///< it ends
  save_disk,      ///< stopped, its data copied, started again
  restore_disk,   ///< killed; the copy takes its data's place; started again
  damage_disk,    ///< killed; bytes of its log are changed
  settle,         ///< waits until all that run vote and have caught up
  await_slots,    ///< waits until so many `slots` more have been executed
};

[[nodiscard]] std::string_view to_string(Action action);

struct Step {
  double at_s = 0;  ///< from the start of the load; it begins when the steps before it are done, at the earliest
  Action action = Action::kill;
  Selector who;
  Selector to;                       ///< network: the other ends
  bool both = true;                  ///< network: in both directions
  LinkFault link;                    ///< network
  double seconds = 0;                ///< shift_clock
  double percent = 0;                ///< starve
  std::uint64_t slots = 0;           ///< await_slots
  std::string program;               ///< roll: "other" is the other build; client_attack: which
  std::vector<std::string> options;  ///< client_attack: further words for it
};

/// What the clients do. Where `per_second_max` is 0 they do what they can, with so many operations outstanding each.
struct LoadShape {
  std::uint32_t clients = 6;
  std::uint32_t outstanding = 4;
  std::uint32_t per_second_max = 2'000;  ///< of all clients together
  std::uint32_t value_bytes = 0;         ///< values are filled up to this size
};

/// A replica that is replaced by a program that can lie.
struct Byzantine {
  ReplicaId id = 0;
  std::string attack;
  std::vector<std::string> options;
};

struct Expect {
  bool primary_stays = false;                         ///< no view but the first
  bool primary_replaced = false;                      ///< the view is another at the end
  double pause_s_max = 8;                             ///< without any acknowledgement, outages aside
  std::optional<std::pair<double, double>> outage_s;  ///< within which nothing can be, and nothing is, acknowledged
  double recovery_s_max = 15;                         ///< after the outage's end
  bool cost = false;                                  ///< measure throughput under attack against that before it
  std::uint64_t unknown_max = 0;                      ///< calls that may end without an outcome
  std::vector<ReplicaId> lost;                        ///< replicas that need not come back: they have refused to go on
};

struct Scenario {
  std::string name;
  std::string title;
  std::string about;
  std::vector<std::string> rows;  ///< of the catalogue of attacks
  double seconds = 12;            ///< of load, at least

  std::uint32_t replicas = 4;
  Durability durability = Durability::sync;
  std::optional<Byzantine> byzantine;
  bool forgetful_disks = false;                  ///< they lose what was not synced when a process is killed
  std::optional<ReplicaId> lying_disk;           ///< this one forgets even what was synced
  std::optional<std::uint32_t> random_faults_s;  ///< a soak: faults drawn by seed for so long, instead of the steps

  LoadShape load;
  std::vector<Step> steps;
  Expect expect;
};

/// Reads a scenario file; the name is the file's without its ending. The reason names the file, the field and the mend.
[[nodiscard]] Result<Scenario> read_scenario(const std::string& path);

/// All *.toml of a folder, by name.
[[nodiscard]] Result<std::vector<Scenario>> read_scenarios(const std::string& folder);

}  // namespace tagma::drills
