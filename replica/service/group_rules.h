// What a group's votes come to: texts in, one text out. The arithmetic is that of tagma/voting.h; here are the values
// that members write, and how a decision becomes an operation. Deterministic, pure; knows no state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "messages/group.h"
#include "tagma/bytes.h"
#include "tagma/operation.h"
#include "tagma/result.h"
#include "tagma/service.h"
#include "tagma/voting.h"

namespace tagma {

/// One vote: a few numbers, or a small operation.
inline constexpr std::size_t group_vote_bytes_max = 4096;
inline constexpr std::uint32_t group_rounds_max = 64;
inline constexpr std::uint32_t group_components_max = 64;
inline constexpr std::size_t group_operation_words_max = 16;

/// The first rule that a group breaks, with the formula where the arithmetic does not bear its shape: "members: ...".
[[nodiscard]] std::optional<std::string> group_fault(const GroupDefinition& group);

/// What correct members' votes are promised time for.
struct GroupTiming {
  std::uint32_t faults = 0;    ///< f
  TimeUs clock_window_us = 0;  ///< what correct clocks may differ by
  /// T. The rule's own: it is looked at in execution, where all replicas must have the same.
  TimeUs view_change_timeout_us = 400'000;
};
/// The least deadline of a group that acts on values which hold only if correct members keep it: a vote that reaches
/// all correct replicas when the round's time begins is ordered before it is over, whoever leads. That takes the
/// timeouts of f+1 primaries in a row, T + 2T + ..., what their NEW-VIEWs take, and the window three times: a faulty
/// primary may begin the time a window behind the slowest correct clock, go on with one that is a window ahead of the
/// fastest, and these two differ. While timeouts have doubled, after a time in which messages took long, it takes as
/// much longer.
[[nodiscard]] TimeUs group_deadline_min_us(const GroupTiming& timing);

/// Why its values are promised too little time: "deadline_ms: ..."; nothing if they are not.
[[nodiscard]] std::optional<std::string> group_timing_fault(const GroupDefinition& group, const GroupTiming& timing);

/// The first of the groups that breaks a rule: "groups[1].members: ...".
[[nodiscard]] std::optional<std::string> first_group_fault(const std::vector<GroupDefinition>& groups,
                                                           const GroupTiming& timing);

/// A vote as it is kept and compared, from the words behind `group vote NAME ROUND`: numbers are written in one way
/// only. Refused: what is no value of the group's kind, NaN, infinities, intervals turned round or wider than the cap.
[[nodiscard]] Result<Bytes> read_group_vote(const GroupDefinition& group, const Words& words);

/// A vote of one round.
struct GroupVote {
  std::uint32_t member = 0;  ///< its index in the group
  Bytes value;               ///< as read_group_vote() gave it
};

/// What the votes so far come to, in the order in which they were counted, at most one of each member.
struct GroupDecision {
  bool over = false;  ///< whether the round ends with these votes; else what follows may change yet
  voting::Grade grade = voting::Grade::none;
  std::optional<Bytes> value;              ///< there unless the grade is none
  std::vector<std::uint32_t> present;      ///< rising
  std::vector<std::uint32_t> disagreeing;  ///< rising
  bool contradictory = false;              ///< enough were present, and still no value: more than t are faulty
};
[[nodiscard]] GroupDecision decide_group(const GroupDefinition& group, const std::vector<GroupVote>& votes,
                                         bool deadline_passed);

/// The operation that a decided value becomes; none where the group names none. A value of an `operation` group is one.
[[nodiscard]] std::optional<Bytes> group_operation(const GroupDefinition& group, const VotedInput& voted);

/// "unconditional", "timely", "none".
[[nodiscard]] std::string_view to_string(voting::Grade grade);

}  // namespace tagma
