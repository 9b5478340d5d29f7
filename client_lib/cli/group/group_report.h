// What the group service answers, read: results, counts of members, the list. Texts in, values out.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/group.h"
#include "tagma/bytes.h"
#include "tagma/identifiers.h"
#include "tagma/result.h"

namespace tagma::cli {

/// One decided round, as `group result` answers.
struct RoundResult {
  struct Answer {
    std::string status;  ///< "ok", "absent", "refused"
    Bytes text;
  };
  std::uint64_t round = 0;
  std::string grade;
  std::optional<Bytes> value;
  std::vector<ClientId> present;
  std::vector<ClientId> disagreeing;
  bool contradictory = false;
  std::optional<Answer> reply;  ///< to the operation that the value became
};
[[nodiscard]] Result<RoundResult> read_round_result(std::string_view text);
[[nodiscard]] nlohmann::json to_json(const RoundResult& result);
/// "round 12  20.3  unconditional  present 3 of 3", then whatever is not as it should be. `members` is m.
[[nodiscard]] std::string round_line(const RoundResult& result, std::size_t members);

[[nodiscard]] std::string round_table(const RoundResult& result);

/// A word with its value, in the order of the answer.
struct GroupField {
  std::string name;
  std::string value;
};
/// As `group show` answers: the definition, then the counts of each member.
struct GroupReport {
  std::vector<GroupField> fields;
  std::vector<std::vector<GroupField>> members;
};
[[nodiscard]] Result<GroupReport> read_group_report(std::string_view text);
[[nodiscard]] nlohmann::json to_json(const GroupReport& report);
[[nodiscard]] std::string group_table(const GroupReport& report);

/// As `group definition` answers.
[[nodiscard]] Result<GroupDefinition> read_group_definition(std::string_view text);

/// One line of `group list`.
struct GroupSummary {
  std::string group;
  std::string rule;
  std::string value;
  std::uint64_t members = 0;
  std::uint64_t faulty_max = 0;
  std::uint64_t next = 0;
};
[[nodiscard]] Result<std::vector<GroupSummary>> read_group_list(std::string_view text);
[[nodiscard]] nlohmann::json to_json(const std::vector<GroupSummary>& groups);
[[nodiscard]] std::string list_table(const std::vector<GroupSummary>& groups);

}  // namespace tagma::cli
