// What a stopped replica has on its disk, verified: for `tagma inspect`.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "messages/messages.h"
#include "tagma/result.h"

namespace tagma {

struct LogInspection {
  std::uint64_t groups = 0;
  std::uint64_t torn_bytes = 0;    ///< behind the last synced group, of a write that a crash cut short: no damage
  std::uint64_t pre_prepared = 0;  ///< records by kind
  std::uint64_t prepared = 0;
  std::uint64_t decided = 0;
  Seq first = 0;  ///< lowest slot of a record; 0: none
  Seq last = 0;
  Seq certificate = 0;  ///< slot of the last stable checkpoint; 0: none
  View view = 0;        ///< no vote of a lower view is cast any more
};

struct StateInspection {
  Seq seq = 0;
  Digest root;
  std::uint64_t keys = 0;
  std::uint64_t file_bytes = 0;
};

struct DataInspection {
  ClusterId cluster;
  LifeNonce life;                        ///< zero: the replica's first one
  bool ahead_of_disk = false;            ///< its process has not ended cleanly with durability "async": memory is lost
  bool on_disk = false;                  ///< false: of durability "memory", there is nothing but the mark
  std::optional<LogInspection> log;      ///< nothing where it is damaged
  std::optional<StateInspection> state;  ///< nothing where it is damaged
  std::optional<std::string> damage;     ///< the first that was found, in one line
};

/// Reads all of `data_directory` and changes nothing in it. Refuses a folder that is no replica's, and one that a
/// running replica holds. A state that a write found damaged (DATA/damage-found) is damaged, and not read. `progress`
/// is told how many of how many records of the state were verified.
[[nodiscard]] Result<DataInspection> inspect_data(
    const std::string& data_directory, const std::function<void(std::uint64_t done, std::uint64_t total)>& progress);

}  // namespace tagma
