// What one replica has on its disk: the log and the checkpointed state, both bound to one cluster and one key.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "checkpoint/lmdb_state_store.h"
#include "checkpoint/log.h"
#include "checkpoint/posix_disk.h"
#include "messages/membership.h"
#include "replica/core/effects.h"
#include "replica/runtime/life.h"
#include "replica/runtime/log.h"
#include "tagma/result.h"

namespace tagma::runtime {

/// The log's entry that says whose it is; it lasts. Numbers below are the core's records.
inline constexpr std::uint8_t log_owner_kind = 255;

struct ReplicaDiskOptions {
  const DataDirectory& data;  ///< log and state are folders in it
  ClusterId cluster;
  Bytes owner;  ///< owner_of(): a disk of another one is refused
  Life life;
  Seq genesis_slot = 0;                 ///< of the state that the cluster began with
  std::function<bool()> asked_to_stop;  ///< looked at now and then while that takes long
};

/// The verification ended early because somebody asked for it.
struct DiskAbandoned {};

/// Why a replica cannot go on from its disk.
struct DiskRefused {
  std::string reason;     ///< one line, with the mend
  bool may_pass = false;  ///< the next start may fare better (no room, say)
};

/// An open disk.
struct ReplicaDisk {
  std::unique_ptr<PosixFolder> log_folder;  ///< outlives the log
  tagma::Log log;
  std::unique_ptr<LmdbStateStore> store;
  std::vector<Record> records;  ///< of earlier processes, in the order of their writing
  Life life;                    ///< another one than was asked for where the log is damaged
};

/// Opens both, or makes them where the life begins; reads and verifies everything, with lines in the log while that
/// takes long. What it makes is durable on return. What is absent although the life has begun is damage. A damaged log
/// is set aside and the replica begins another life, for what it promised is lost; a damaged state, or one that the
/// mark DATA/damage-found speaks of, is set aside and fetched from the others.
[[nodiscard]] std::variant<ReplicaDisk, DiskRefused, DiskAbandoned> open_replica_disk(const ReplicaDiskOptions& options,
                                                                                      Log& log);

}  // namespace tagma::runtime
