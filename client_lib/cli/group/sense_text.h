// The texts around a sensor: periods, readings, and what the group service answers to a vote. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "messages/group.h"
#include "tagma/operation.h"
#include "tagma/result.h"

namespace tagma::cli {

/// "500ms", "2s": from 10 ms to an hour.
[[nodiscard]] Result<std::chrono::milliseconds> read_period(std::string_view text);

/// The vote that a line of readings is: its first word; of a group that votes on operations all of them. Refused is
/// what the group would refuse, so that it is not asked.
[[nodiscard]] Result<Words> vote_of_line(const GroupDefinition& group, std::string_view line);

enum class VoteOutcome : std::uint8_t {
  counted,
  late,      ///< the round is over
  repeated,  ///< this member has voted in the round before
  ahead,     ///< so many rounds are not open at once
  refused,   ///< for any other reason
};
struct VoteAnswer {
  VoteOutcome outcome = VoteOutcome::refused;
  std::uint64_t next = 0;  ///< where it is late or ahead: the round to go on with, the lowest that is not over
};
[[nodiscard]] VoteAnswer read_vote_answer(const ServiceReply& reply);

}  // namespace tagma::cli
