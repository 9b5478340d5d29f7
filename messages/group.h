// A group: a replicated client, of whose m members up to t may lie, be silent or late; and how its votes become one
// operation (Schneider 1990, section 5.1). What shapes the arithmetic bears is replica/service/group_rules.h's to say.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tagma/bytes.h"
#include "tagma/identifiers.h"

namespace tagma {

/// By what a group decides (tagma/voting.h). `component_median` decides each number of a tuple for itself: the tuple
/// may be one that nobody sent, hence it must be asked for by name.
enum class GroupRule : std::uint8_t { exact, median, interval, component_median };

/// What its members vote on.
enum class GroupValue : std::uint8_t {
  bytes,      ///< any text; exact
  operation,  ///< an operation, which is executed as it stands; exact
  integer,    ///< 64 bits, signed
  real,       ///< a double
  integer_interval,
  real_interval,
  reals,  ///< a tuple of doubles, for component_median
};

/// One group, as the cluster file or an ordered change lays it down.
struct GroupDefinition {
  std::string name;  ///< as that of a service: 1 to 64 of the characters a-z, 0-9, _ and -
  GroupRule rule = GroupRule::exact;
  GroupValue value = GroupValue::bytes;
  std::vector<ClientId> members;    ///< m clients, each once; a member's index is its place here
  std::uint32_t faulty_max = 0;     ///< t
  TimeUs deadline_us = 0;           ///< in agreed time, from the vote with which t+1 have voted; 0: none
  bool width_of_correct = false;    ///< of an interval: no wider than a correct member's
  std::string width_max;            ///< of an interval: votes that are wider are not admitted; a number, or empty
  std::uint32_t components = 0;     ///< of `reals`
  bool unconditional_only = false;  ///< a value that holds only if correct members kept the deadline is none
  std::uint32_t rounds_max = 16;    ///< rounds that may have votes at once, and results that are kept
  /// Service and words of the operation that the value becomes; {value}, {low}, {high}, {round}, {group} and {grade}
  /// stand for what they say. Empty: none, the value is kept as the round's result alone; for `operation` always empty.
  std::vector<std::string> operation;

  auto operator<=>(const GroupDefinition&) const = default;
};

[[nodiscard]] std::string_view to_string(GroupRule rule);
[[nodiscard]] std::string_view to_string(GroupValue value);
[[nodiscard]] std::optional<GroupRule> group_rule_from(std::string_view text);
[[nodiscard]] std::optional<GroupValue> group_value_from(std::string_view text);

}  // namespace tagma
