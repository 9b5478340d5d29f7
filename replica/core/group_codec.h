// How groups stand in the replicated state, and how a round's result reads.
#pragma once

#include <cstdint>
#include <optional>

#include "messages/group.h"
#include "replica/service/group_rules.h"
#include "tagma/operation.h"

namespace tagma {

/// Appends a definition; take_group() reads it back.
void append_group(Bytes& bytes, const GroupDefinition& group);
/// Takes a definition from the front of bytes that append_group() wrote; others end the process.
[[nodiscard]] GroupDefinition take_group(ByteView& bytes);
/// Takes a big-endian number of eight bytes from the front.
[[nodiscard]] std::uint64_t take_number(ByteView& bytes);

/// The result of a round as members get it: one line each of `round`, `grade`, `value` (escaped), `present`,
/// `disagreeing` (clients), `contradictory`, and `reply` with the status and the escaped text, each with a tab behind
/// its name. A value that the group does not want stands nowhere.
[[nodiscard]] Bytes describe_result(const GroupDefinition& group, std::uint64_t round, const GroupDecision& decision,
                                    const std::optional<ServiceReply>& answer);

}  // namespace tagma
