#include <array>

#include "messages/cluster_file/field_reader.h"

namespace tagma::cluster_file {
namespace {

constexpr std::array<std::string_view, 12> group_keys{"name",       "rule",        "value",      "members",
                                                      "faulty_max", "deadline_ms", "width",      "width_max",
                                                      "grade",      "components",  "rounds_max", "operation"};

/// What a field of a group must be, of a few words; nothing if it may be left out and is.
std::string choice(FieldReader& reader, const toml::table& table, const std::string& prefix, std::string_view key,
                   std::string_view first, std::string_view second) {
  if (table.get(key) == nullptr) return std::string(first);
  auto text = reader.text(table, prefix, key);
  if (text != first && text != second) {
    reader.fail(prefix + std::string(key),
                "neither \"" + std::string(first) + "\" nor \"" + std::string(second) + "\"; write one of them");
  }
  return text;
}

std::vector<ClientId> read_ids(FieldReader& reader, const toml::table& table, const std::string& prefix) {
  std::vector<ClientId> ids;
  const auto* const node = table.get("members");
  const auto* const array = node == nullptr ? nullptr : node->as_array();
  constexpr std::string_view mend = "not a list of clients' numbers; write members = [0, 1, 2]";
  if (array == nullptr) {
    reader.fail(prefix + "members", mend);
    return ids;
  }
  for (const auto& element : *array) {
    const auto* const id = element.as_integer();
    if (id == nullptr || id->get() < 0 || static_cast<std::uint64_t>(id->get()) > id_max) {
      reader.fail(prefix + "members", mend);
      return ids;
    }
    ids.push_back(static_cast<ClientId>(id->get()));
  }
  return ids;
}

std::vector<std::string> read_words(FieldReader& reader, const toml::table& table, const std::string& prefix) {
  std::vector<std::string> words;
  const auto* const node = table.get("operation");
  if (node == nullptr) return words;
  const auto* const array = node->as_array();
  constexpr std::string_view mend =
      "not a list of words; write operation = [\"kv\", \"put\", \"temperature\", \"{value}\"]";
  if (array == nullptr) {
    reader.fail(prefix + "operation", mend);
    return words;
  }
  for (const auto& element : *array) {
    const auto* const word = element.as_string();
    if (word == nullptr) {
      reader.fail(prefix + "operation", mend);
      return words;
    }
    words.push_back(word->get());
  }
  return words;
}

void read_rule(FieldReader& reader, const toml::table& table, const std::string& prefix, GroupDefinition& group) {
  if (const auto rule = group_rule_from(reader.text(table, prefix, "rule"))) {
    group.rule = *rule;
  } else {
    reader.fail(prefix + "rule", "no rule; write \"exact\", \"median\", \"interval\" or \"component-median\"");
  }
  if (const auto value = group_value_from(reader.text(table, prefix, "value"))) {
    group.value = *value;
  } else {
    reader.fail(prefix + "value",
                "nothing that members vote on; write \"bytes\", \"operation\", \"integer\", \"real\", "
                "\"integer-interval\", \"real-interval\" or \"reals\"");
  }
}

GroupDefinition read_group(FieldReader& reader, const toml::table& table, const std::string& prefix) {
  constexpr std::uint64_t deadline_ms_max = 24UL * 3'600 * 1'000;
  GroupDefinition group;
  reader.refuse_unknown(table, prefix, group_keys);
  group.name = reader.text(table, prefix, "name");
  read_rule(reader, table, prefix, group);
  group.members = read_ids(reader, table, prefix);
  group.faulty_max = static_cast<std::uint32_t>(reader.number(table, prefix, "faulty_max", id_max));
  const auto number = [&](std::string_view key, std::uint64_t otherwise, std::uint64_t maximum) {
    return table.get(key) == nullptr ? otherwise : reader.number(table, prefix, key, maximum);
  };
  group.deadline_us = static_cast<TimeUs>(number("deadline_ms", 0, deadline_ms_max)) * 1'000;
  group.width_of_correct = choice(reader, table, prefix, "width", "some", "correct") == "correct";
  if (table.get("width_max") != nullptr) group.width_max = reader.text(table, prefix, "width_max");
  group.unconditional_only = choice(reader, table, prefix, "grade", "timely", "unconditional") == "unconditional";
  group.components = static_cast<std::uint32_t>(number("components", 0, id_max));
  group.rounds_max = static_cast<std::uint32_t>(number("rounds_max", group.rounds_max, id_max));
  group.operation = read_words(reader, table, prefix);
  return group;
}

}  // namespace

std::vector<GroupDefinition> read_groups(FieldReader& reader, const toml::table& file) {
  std::vector<GroupDefinition> groups;
  const auto tables = reader.tables(file, "groups");
  for (std::size_t at = 0; at < tables.size(); ++at) {
    groups.push_back(read_group(reader, *tables[at], prefix_of("groups", at)));
  }
  return groups;
}

}  // namespace tagma::cluster_file
