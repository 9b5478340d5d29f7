#include "client_lib/cli/group/group_report.h"

#include <nlohmann/json.hpp>

#include "client_lib/cli/answer_text.h"
#include "client_lib/cli/text_format.h"
#include "replica/service/admin_rules.h"

namespace tagma::cli {
namespace {

Refused not_an_answer(std::string_view line) {
  return Refused{"this is no answer of the group service: \"" + std::string(line.substr(0, 80)) +
                 "\"; do the replicas have another version than this program?"};
}

/// Takes one line over. False: it is none of a result.
bool take_field(RoundResult& result, const std::vector<std::string>& parts) {
  const auto& name = parts.front();
  if (name == "reply" && parts.size() == 3) {
    const auto text = unescaped(parts[2]);
    if (text) result.reply = RoundResult::Answer{parts[1], *text};
    return text.has_value();
  }
  if (parts.size() != 2) return false;
  const auto& value = parts[1];
  if (name == "round") {
    result.round = number_of<std::uint64_t>(value).value_or(0);
    return result.round != 0;
  }
  if (name == "grade") {
    result.grade = value;
    return true;
  }
  if (name == "value") {
    result.value = unescaped(value);
    return result.value.has_value();
  }
  if (name == "contradictory") {
    result.contradictory = value == "yes";
    return true;
  }
  if (name != "present" && name != "disagreeing") return true;  // a later version may say more
  const auto clients = value.empty() ? std::vector<ClientId>() : numbers_of(value);
  if (clients) (name == "present" ? result.present : result.disagreeing) = *clients;
  return clients.has_value();
}

nlohmann::json json_of(const GroupField& field) {
  if (const auto number = number_of<std::uint64_t>(field.value); number && field.name != "group") return *number;
  if (field.name == "suspected") return field.value == "yes";
  return field.value;
}

nlohmann::json json_of(const std::vector<GroupField>& fields) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& field : fields) json[field.name] = json_of(field);
  return json;
}

}  // namespace

Result<RoundResult> read_round_result(std::string_view text) {
  RoundResult result;
  for (const auto& line : parts_of(text, '\n')) {
    if (!take_field(result, parts_of(line, '\t'))) return not_an_answer(line);
  }
  if (result.round == 0 || result.grade.empty()) return not_an_answer(text);
  return result;
}

nlohmann::json to_json(const RoundResult& result) {
  nlohmann::json json = {{"round", result.round},
                         {"grade", result.grade},
                         {"value", nullptr},
                         {"present", result.present},
                         {"disagreeing", result.disagreeing},
                         {"contradictory", result.contradictory},
                         {"reply", nullptr}};
  if (result.value) json["value"] = *result.value;
  if (result.reply) json["reply"] = {{"status", result.reply->status}, {"text", result.reply->text}};
  return json;
}

std::string round_line(const RoundResult& result, std::size_t members) {
  std::string line = "round " + std::to_string(result.round) + "  " + (result.value ? *result.value : "-") + "  " +
                     result.grade + "  present " + std::to_string(result.present.size()) + " of " +
                     std::to_string(members);
  if (!result.disagreeing.empty()) line += "  disagreeing: client " + joined(result.disagreeing);
  if (result.contradictory) line += "  contradictory: more are faulty than faulty_max says";
  if (result.reply && result.reply->status != "ok")
    line += "  operation " + result.reply->status + ": " + result.reply->text;
  return line;
}

std::string round_table(const RoundResult& result) {
  const auto line = [](std::string name, const std::string& value) {
    return left_aligned(std::move(name), 15) + value + "\n";
  };
  std::string text = line("round", std::to_string(result.round)) + line("grade", result.grade);
  if (result.value) text += line("value", *result.value);
  text += line("present", joined(result.present)) + line("disagreeing", joined(result.disagreeing)) +
          line("contradictory", result.contradictory ? "yes" : "no");
  if (result.reply) text += line("reply", result.reply->status + "  " + result.reply->text);
  return text;
}

Result<GroupReport> read_group_report(std::string_view text) {
  GroupReport report;
  for (const auto& line : parts_of(text, '\n')) {
    const auto parts = parts_of(line, '\t');
    if (parts.size() % 2 != 0) return not_an_answer(line);
    std::vector<GroupField> fields;
    for (std::size_t at = 0; at < parts.size(); at += 2) fields.push_back({parts[at], parts[at + 1]});
    if (parts.front() == "member") {
      // The columns of a table, of which each row has the same ones.
      if (!report.members.empty() && report.members.back().size() != fields.size()) return not_an_answer(line);
      report.members.push_back(std::move(fields));
    } else {
      report.fields.insert(report.fields.end(), fields.begin(), fields.end());
    }
  }
  return report;
}

nlohmann::json to_json(const GroupReport& report) {
  auto json = json_of(report.fields);
  json["per_member"] = nlohmann::json::array();
  for (const auto& member : report.members) json["per_member"].push_back(json_of(member));
  return json;
}

std::string group_table(const GroupReport& report) {
  std::string text;
  for (const auto& field : report.fields) text += left_aligned(field.name, 13) + field.value + "\n";
  std::vector<std::vector<std::string>> rows(1);
  for (const auto& member : report.members) {
    std::vector<std::string> row;
    for (const auto& field : member) {
      if (rows.size() == 1) rows.front().push_back(field.name);
      row.push_back(field.value);
    }
    rows.push_back(std::move(row));
  }
  return text + "\n" + table_of(rows);
}

Result<GroupDefinition> read_group_definition(std::string_view text) {
  Words words;
  for (const auto& part : parts_of(text, '\t')) words.push_back(unescaped(part).value_or(""));
  auto change = read_admin_change(words);
  if (!change || !std::holds_alternative<SetGroup>(*change)) return not_an_answer(text);
  return std::get<SetGroup>(*std::move(change)).definition;
}

Result<std::vector<GroupSummary>> read_group_list(std::string_view text) {
  std::vector<GroupSummary> groups;
  if (text.empty()) return groups;
  for (const auto& line : parts_of(text, '\n')) {
    const auto parts = parts_of(line, '\t');
    if (parts.size() != 6) return not_an_answer(line);
    const auto number_behind = [&](std::size_t at, std::string_view word) {
      const std::string_view part = parts[at];
      return part.starts_with(word) ? number_of<std::uint64_t>(part.substr(word.size())) : std::nullopt;
    };
    const auto members = number_behind(3, "m ");
    const auto faulty_max = number_behind(4, "t ");
    const auto next = number_behind(5, "next round ");
    if (!members || !faulty_max || !next) return not_an_answer(line);
    groups.push_back({parts[0], parts[1], parts[2], *members, *faulty_max, *next});
  }
  return groups;
}

nlohmann::json to_json(const std::vector<GroupSummary>& groups) {
  nlohmann::json json = {{"groups", nlohmann::json::array()}};
  for (const auto& group : groups) {
    json["groups"].push_back({{"group", group.group},
                              {"rule", group.rule},
                              {"value", group.value},
                              {"members", group.members},
                              {"faulty_max", group.faulty_max},
                              {"next", group.next}});
  }
  return json;
}

std::string list_table(const std::vector<GroupSummary>& groups) {
  std::vector<std::vector<std::string>> rows{{"group", "rule", "value", "members", "faulty_max", "next"}};
  for (const auto& group : groups) {
    rows.push_back({group.group, group.rule, group.value, std::to_string(group.members),
                    std::to_string(group.faulty_max), std::to_string(group.next)});
  }
  return table_of(rows);
}

}  // namespace tagma::cli
