#include "replica/service/admin_rules.h"

#include <algorithm>
#include <set>

#include "replica/service/group_rules.h"
#include "replica/service/service_catalogue.h"
#include "replica/service/text.h"
#include "tagma/limits.h"

namespace tagma {
namespace {

constexpr std::uint64_t deadline_ms_max = 24UL * 3'600 * 1'000;
constexpr std::uint64_t number_max = 0xffffffff;

Refused not_a_change() { return Refused{"no change; write one of:\n" + std::string(admin_change_usage())}; }

Result<ClientId> client_from(ByteView text) {
  const auto id = parse_number(text, client_id_max);
  if (!id) return Refused{"a client is a number from 0 to " + std::to_string(client_id_max)};
  return static_cast<ClientId>(*id);
}

std::string members_text(const std::vector<ClientId>& members) {
  std::string text;
  for (const auto member : members) text += (text.empty() ? "" : ",") + std::to_string(member);
  return text;
}

std::optional<std::vector<ClientId>> members_from(ByteView text) {
  std::vector<ClientId> members;
  while (true) {
    const auto comma = text.find(',');
    const auto id = parse_number(text.substr(0, comma), client_id_max);
    if (!id) return std::nullopt;
    members.push_back(static_cast<ClientId>(*id));
    if (comma == ByteView::npos) return members;
    text.remove_prefix(comma + 1);
  }
}

/// Takes the fields KEY=VALUE of a group, each once at most.
class GroupFields {
 public:
  /// False if the field is none, stands there again, or has no such value; why() tells.
  bool take(ByteView word) {
    const auto mark = word.find('=');
    const ByteView key = word.substr(0, mark);
    const ByteView value = mark == ByteView::npos ? ByteView() : word.substr(mark + 1);
    if (mark == ByteView::npos || !assign(key, value)) {
      return fail("no field of a group with such a value");
    }
    if (!seen_.insert(Bytes(key)).second) return fail("the field stands there twice");
    return true;
  }
  [[nodiscard]] bool has(ByteView key) const { return seen_.contains(Bytes(key)); }
  [[nodiscard]] const std::string& why() const { return why_; }

  GroupDefinition group;

 private:
  bool fail(std::string why) {
    why_ = std::move(why);
    return false;
  }

  bool assign(ByteView key, ByteView value) {
    if (key == "rule") return put(group.rule, group_rule_from(value));
    if (key == "value") return put(group.value, group_value_from(value));
    if (key == "members") return put(group.members, members_from(value));
    if (key == "faulty_max") return put(group.faulty_max, parse_number(value, number_max));
    if (key == "components") return put(group.components, parse_number(value, number_max));
    if (key == "rounds_max") return put(group.rounds_max, parse_number(value, number_max));
    if (key == "width") return choose(group.width_of_correct, value, "some", "correct");
    if (key == "grade") return choose(group.unconditional_only, value, "timely", "unconditional");
    if (key == "width_max") {
      group.width_max = value;
      return true;
    }
    if (key == "deadline_ms") {
      const auto deadline_ms = parse_number(value, deadline_ms_max);
      group.deadline_us = static_cast<TimeUs>(deadline_ms.value_or(0)) * 1'000;
      return deadline_ms.has_value();
    }
    return false;
  }

  template <typename Field, typename Value>
  static bool put(Field& field, const std::optional<Value>& value) {
    if (value) field = static_cast<Field>(*value);
    return value.has_value();
  }

  static bool choose(bool& field, ByteView value, ByteView first, ByteView second) {
    field = value == second;
    return value == first || value == second;
  }

  std::set<Bytes> seen_;
  std::string why_;
};

Result<AdminChange> read_group(const Words& words) {
  if (words.size() == 3 && words[1] == "remove") {
    if (!is_service_name(words[2])) return Refused{"a group's name has 1 to 64 of the characters a-z, 0-9, _ and -"};
    return AdminChange{RemoveGroup{words[2]}};
  }
  if (words.size() < 3 || words[1] != "set") return not_a_change();
  GroupFields fields;
  fields.group.name = words[2];
  auto at = words.begin() + 3;
  for (; at != words.end() && *at != "operation"; ++at) {
    if (!fields.take(*at)) return Refused{quoted(*at) + ": " + fields.why()};
  }
  if (at != words.end()) fields.group.operation.assign(at + 1, words.end());
  for (const ByteView needed : {"rule", "value", "members", "faulty_max"}) {
    if (!fields.has(needed)) return Refused{"the group has no " + Bytes(needed) + "=..."};
  }
  if (const auto fault = group_fault(fields.group)) return Refused{*fault};
  return AdminChange{SetGroup{std::move(fields.group)}};
}

Result<AdminChange> read_client(const Words& words) {
  if (words.size() < 3) return not_a_change();
  const auto id = client_from(words[2]);
  if (!id.ok()) return Refused{id.reason()};
  if (words.size() == 3 && words[1] == "remove") return AdminChange{RemoveClient{*id}};
  if (words.size() != 4 || words[1] != "add") return not_a_change();
  auto key = public_key_from(words[3]);
  if (!key) return Refused{"not a public key; write \"p256:\" or \"ed25519:\" and the key in hexadecimal"};
  return AdminChange{AddClient{*id, *std::move(key)}};
}

Result<AdminChange> read_permission(const Words& words) {
  if (words.size() < 4 || words[1] != "set") return not_a_change();
  const auto id = client_from(words[2]);
  if (!id.ok()) return Refused{id.reason()};
  SetPermission permission{.client = *id, .services = std::nullopt};
  if (words.size() == 4 && words[3] == "all") return AdminChange{permission};
  std::set<std::string> services;
  const bool none = words.size() == 4 && words[3] == "none";
  for (auto word = words.begin() + 3; !none && word != words.end(); ++word) {
    if (!is_service_name(*word)) return Refused{quoted(*word) + ": no name of a service"};
    if (*word == "all" || *word == "none") return Refused{*word + " stands alone"};
    services.insert(*word);
  }
  permission.services.emplace(services.begin(), services.end());
  return AdminChange{std::move(permission)};
}

Words written(const SetGroup& set) {
  const auto& group = set.definition;
  Words words{"group",
              "set",
              group.name,
              "rule=" + std::string(to_string(group.rule)),
              "value=" + std::string(to_string(group.value)),
              "members=" + members_text(group.members),
              "faulty_max=" + std::to_string(group.faulty_max)};
  if (group.deadline_us > 0) words.push_back("deadline_ms=" + std::to_string(group.deadline_us / 1'000));
  if (group.width_of_correct) words.emplace_back("width=correct");
  if (!group.width_max.empty()) words.push_back("width_max=" + group.width_max);
  if (group.unconditional_only) words.emplace_back("grade=unconditional");
  if (group.components > 0) words.push_back("components=" + std::to_string(group.components));
  words.push_back("rounds_max=" + std::to_string(group.rounds_max));
  if (group.operation.empty()) return words;
  words.emplace_back("operation");
  words.insert(words.end(), group.operation.begin(), group.operation.end());
  return words;
}

Words written(const RemoveGroup& remove) { return {"group", "remove", remove.name}; }

Words written(const AddClient& add) { return {"client", "add", std::to_string(add.id), public_key_text(add.key)}; }

Words written(const RemoveClient& remove) { return {"client", "remove", std::to_string(remove.id)}; }

Words written(const SetPermission& permission) {
  Words words{"permission", "set", std::to_string(permission.client)};
  if (!permission.services) {
    words.emplace_back("all");
  } else if (permission.services->empty()) {
    words.emplace_back("none");
  } else {
    words.insert(words.end(), permission.services->begin(), permission.services->end());
  }
  return words;
}

}  // namespace

std::string_view admin_change_usage() {
  return "  group set NAME rule=R value=V members=A,B,C faulty_max=T [FIELD=...] [operation WORD...]\n"
         "  group remove NAME\n"
         "  client add NUMBER KEY\n"
         "  client remove NUMBER\n"
         "  permission set CLIENT all|none|SERVICE...";
}

Result<AdminChange> read_admin_change(const Words& words) {
  std::size_t bytes = 0;
  for (const auto& word : words) bytes += word.size();
  if (bytes > admin_change_bytes_max) return Refused{"the change has more than 16 KiB"};
  const ByteView what = words.empty() ? ByteView() : ByteView(words.front());
  if (what == "group") return read_group(words);
  if (what == "client") return read_client(words);
  if (what == "permission") return read_permission(words);
  return not_a_change();
}

Words words_of(const AdminChange& change) {
  return std::visit([](const auto& each) { return written(each); }, change);
}

}  // namespace tagma
