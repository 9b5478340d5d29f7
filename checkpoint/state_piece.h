// A part of the state as one replica sends it to another, and the check that it is what a root stands for.
#pragma once

#include <optional>

#include "checkpoint/state_tree.h"
#include "messages/transfer.h"

namespace tagma {

/// The digest that a tree has at the piece's place if exactly these entries lie below it (README.md defines it).
/// Nothing if they cannot be such a piece: none at all, one that does not lie there, or not in rising order of their
/// paths. Whoever has the digest from the node above, and so on from a certified root, knows by comparing that no entry
/// is missing, added or changed.
[[nodiscard]] std::optional<Digest> digest_of(const StatePiece& piece, const HashFunction& hash);

/// The first path that lies below the place.
[[nodiscard]] Digest first_path(const NibblePrefix& prefix);

}  // namespace tagma
