// The permission to begin: a file that `init` writes for each replica of a new cluster, and that the replica removes
// for good before it promises anything. A replica with an empty disk and without it has lost its memory (protocol:
// "Genesis is an explicit one-time act").
#pragma once

#include <optional>
#include <string>

#include "messages/membership.h"
#include "tagma/result.h"

namespace tagma {

/// Where it lies: "<folder>/genesis", in the folder of a replica's secret or in its data folder.
[[nodiscard]] std::string genesis_path(const std::string& folder);

/// Writes it for this cluster: durable on return.
[[nodiscard]] std::optional<Refused> write_genesis(const std::string& folder, const ClusterId& cluster);

/// Whether it is there, for this cluster. One for another cluster permits nothing; one that cannot be read is refused.
[[nodiscard]] Result<bool> has_genesis(const std::string& folder, const ClusterId& cluster);

/// Removes it, if it is there: durable on return.
[[nodiscard]] std::optional<Refused> remove_genesis(const std::string& folder);

}  // namespace tagma
