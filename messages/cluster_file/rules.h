// The rules of a cluster file and the texts of its fields. Private to messages/cluster_file.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "messages/cluster_file/cluster_file.h"

namespace tagma::cluster_file {

inline constexpr std::size_t file_bytes_max = 4UL * 1024 * 1024;
inline constexpr std::int64_t format_version = 1;

/// What is wrong with a field, without the file's name: "replicas[2].key: ...; write ...".
using Problem = std::string;

/// What is wrong with a transport address; nothing if it is "tcp://host:port" or "ipc://path".
[[nodiscard]] std::optional<std::string> address_fault(std::string_view address);

/// The one of `known` that needs the fewest edits to become `name`.
[[nodiscard]] std::string_view nearest(std::string_view name, std::span<const std::string_view> known);

/// The first rule that a whole file breaks.
[[nodiscard]] std::optional<Problem> first_problem(const ClusterFile& file);

/// Parses the text of a cluster file; the reason is a Problem.
[[nodiscard]] Result<ClusterFile> parse(std::string_view text);

/// Parses the text of a file that has [[groups]] tables alone; the reason is a Problem.
[[nodiscard]] Result<std::vector<GroupDefinition>> parse_groups(std::string_view text);

/// The first rule that groups break which does not need the arithmetic: members that are no clients, names that stand
/// twice.
[[nodiscard]] std::optional<Problem> groups_problem(const std::vector<GroupDefinition>& groups,
                                                    const Membership& membership);

/// The text of a cluster file that breaks no rule.
[[nodiscard]] std::string render(const ClusterFile& file);

/// A reason in one line: "<path>: <problem>", control characters made visible as spaces.
[[nodiscard]] Refused in_one_line(std::string_view path, std::string_view problem);

}  // namespace tagma::cluster_file
