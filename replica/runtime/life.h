// As which life of its replica a process starts (protocol: "Amnesia is a replacement of a member").
#pragma once

#include <string>

#include "messages/cluster_file/cluster_file.h"
#include "messages/messages.h"
#include "replica/runtime/data_directory.h"
#include "tagma/result.h"

namespace tagma::runtime {

struct Life {
  LifeNonce nonce;      ///< zero: the first one
  bool begins = false;  ///< nothing of it is on the disk, for it has promised nothing yet
};

/// One that knows nothing of what was promised before it, and must be taken back by the others.
[[nodiscard]] Life new_life();

/// Goes on as the life that the mark names, unless it was ahead of its disk when it ended. Without a mark the replica
/// begins where init permitted it to (a genesis file in `secret_folder` or in the data folder), else it has lost its
/// memory; with durability "memory" it has, if it started before. Refuses the data of another cluster, which is
/// somebody's memory.
[[nodiscard]] Result<Life> life_at_start(const DataDirectory& data, const ClusterId& cluster, Durability durability,
                                         const std::string& secret_folder);

/// Before anything is promised: writes the mark (with durability "async" one that says so), and takes the permission to
/// begin away. Durable on return.
[[nodiscard]] std::optional<Refused> begin_life(const DataDirectory& data, const ClusterId& cluster, const Life& life,
                                                Durability durability, const std::string& secret_folder);

/// After everything that was promised is durable: the life may go on at the next start, with "async" too.
[[nodiscard]] std::optional<Refused> end_cleanly(const DataDirectory& data, const ClusterId& cluster, const Life& life,
                                                 Durability durability);

}  // namespace tagma::runtime
