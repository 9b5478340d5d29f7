#include "replica/core/group_codec.h"

#include "messages/assert.h"
#include "replica/core/session_table.h"
#include "replica/service/text.h"

namespace tagma {
namespace {

constexpr std::size_t number_bytes = sizeof(std::uint64_t);
/// Of the answer to the voted operation, in a result.
constexpr std::size_t answer_bytes_max = 4096;

void append_number(Bytes& bytes, std::uint64_t number) { append_big_endian(bytes, number, number_bytes); }

void append_text(Bytes& bytes, ByteView text) {
  append_number(bytes, text.size());
  bytes.append(text);
}

std::string take_text(ByteView& bytes) {
  const auto size = take_number(bytes);
  TAGMA_ASSERT(size <= bytes.size(), "a group's record has its own layout");
  std::string text(bytes.substr(0, size));
  bytes.remove_prefix(size);
  return text;
}

void append_clients(Bytes& text, std::string_view name, const GroupDefinition& group,
                    const std::vector<std::uint32_t>& members) {
  text += "\n" + Bytes(name) + "\t";
  for (const auto member : members) {
    if (member != members.front()) text.push_back(' ');
    text += std::to_string(group.members[member]);
  }
}

std::string_view name_of(ReplyStatus status) {
  return status == ReplyStatus::ok ? "ok" : status == ReplyStatus::absent ? "absent" : "refused";
}

}  // namespace

std::uint64_t take_number(ByteView& bytes) {
  TAGMA_ASSERT(bytes.size() >= number_bytes, "a group's record has its own layout");
  const auto number = read_big_endian(bytes.substr(0, number_bytes));
  bytes.remove_prefix(number_bytes);
  return number;
}

void append_group(Bytes& bytes, const GroupDefinition& group) {
  append_text(bytes, group.name);
  append_number(bytes, static_cast<std::uint64_t>(group.rule));
  append_number(bytes, static_cast<std::uint64_t>(group.value));
  append_number(bytes, group.members.size());
  for (const auto member : group.members) append_number(bytes, member);
  append_number(bytes, group.faulty_max);
  append_number(bytes, static_cast<std::uint64_t>(group.deadline_us));
  append_number(bytes, group.width_of_correct ? 1 : 0);
  append_text(bytes, group.width_max);
  append_number(bytes, group.components);
  append_number(bytes, group.unconditional_only ? 1 : 0);
  append_number(bytes, group.rounds_max);
  append_number(bytes, group.operation.size());
  for (const auto& word : group.operation) append_text(bytes, word);
}

GroupDefinition take_group(ByteView& bytes) {
  GroupDefinition group;
  group.name = take_text(bytes);
  group.rule = static_cast<GroupRule>(take_number(bytes));
  group.value = static_cast<GroupValue>(take_number(bytes));
  for (auto left = take_number(bytes); left > 0; --left) {
    group.members.push_back(static_cast<ClientId>(take_number(bytes)));
  }
  group.faulty_max = static_cast<std::uint32_t>(take_number(bytes));
  group.deadline_us = static_cast<TimeUs>(take_number(bytes));
  group.width_of_correct = take_number(bytes) != 0;
  group.width_max = take_text(bytes);
  group.components = static_cast<std::uint32_t>(take_number(bytes));
  group.unconditional_only = take_number(bytes) != 0;
  group.rounds_max = static_cast<std::uint32_t>(take_number(bytes));
  for (auto left = take_number(bytes); left > 0; --left) group.operation.push_back(take_text(bytes));
  return group;
}

Bytes describe_result(const GroupDefinition& group, std::uint64_t round, const GroupDecision& decision,
                      const std::optional<ServiceReply>& answer) {
  const bool wanted = decision.grade == voting::Grade::unconditional || !group.unconditional_only;
  Bytes text = "round\t" + std::to_string(round) + "\ngrade\t" + Bytes(to_string(decision.grade));
  if (decision.value && wanted) {
    text += "\nvalue\t";
    append_escaped(text, *decision.value);
  }
  append_clients(text, "present", group, decision.present);
  append_clients(text, "disagreeing", group, decision.disagreeing);
  text += Bytes("\ncontradictory\t") + (decision.contradictory ? "yes" : "no");
  if (answer) {
    text += "\nreply\t" + Bytes(name_of(answer->status)) + "\t";
    append_escaped(text, ByteView(answer->text).substr(0, answer_bytes_max));
  }
  return text;
}

}  // namespace tagma
