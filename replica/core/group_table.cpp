#include "replica/core/group_table.h"

#include <algorithm>
#include <bit>
#include <charconv>

#include "messages/assert.h"
#include "messages/mutant.h"
#include "messages/state_key.h"
#include "replica/core/group_codec.h"
#include "replica/core/session_table.h"
#include "replica/service/admin_rules.h"
#include "replica/service/text.h"
#include "tagma/limits.h"

namespace tagma {
namespace {

/// What a member has to do for `show` to name it suspected.
constexpr std::uint64_t suspected_after_absent = 3;
constexpr std::uint64_t suspected_rounds = 16;

std::uint64_t bit_of(std::uint32_t member) { return std::uint64_t{1} << member; }

std::optional<std::uint64_t> round_from(ByteView text) {
  std::uint64_t round = 0;
  const auto* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, round);
  if (parsed.ec != std::errc() || parsed.ptr != end || round == 0) return std::nullopt;
  return round;
}

ServiceReply refuse(std::string why) { return {ReplyStatus::refused, std::move(why)}; }

void erase_range(LayeredState& state, const Bytes& from, const Bytes& to) {
  std::vector<Bytes> keys;
  state.scan(from, to, [&keys](ByteView key, ByteView /*value*/) {
    keys.emplace_back(key);
    return true;
  });
  for (const auto& key : keys) state.erase(key);
}

std::string round_text(std::uint64_t round) { return "round " + std::to_string(round); }

std::vector<ClientId> clients_of(const GroupDefinition& group, const std::vector<std::uint32_t>& members) {
  std::vector<ClientId> clients;
  for (const auto member : members) clients.push_back(group.members[member]);
  return clients;
}

}  // namespace

GroupTable::GroupTable(LayeredState& state, const std::vector<GroupDefinition>& configured)
    : state_(state), configured_(configured) {
  restart();
}

void GroupTable::restart() {
  groups_.clear();
  for (const auto& definition : configured_) {
    groups_[definition.name] = Group{.definition = definition, .rounds = std::vector<OpenRound>(1)};
  }
  const Bytes from(1, state_key::group_prefix);
  const Bytes to(1, static_cast<char>(state_key::group_prefix + 1));
  state_.scan(from, to, [this](ByteView key, ByteView value) {
    if (value.empty()) {  // removed, and the configuration still names it
      groups_.erase(std::string(key.substr(2)));
      return true;
    }
    auto group = decode(value);
    auto name = group.definition.name;
    groups_[std::move(name)] = std::move(group);
    return true;
  });
}

Bytes GroupTable::encode(const Group& group) {
  Bytes bytes;
  append_group(bytes, group.definition);
  append_big_endian(bytes, group.next, sizeof group.next);
  append_big_endian(bytes, group.votes, sizeof group.votes);
  for (const auto& round : group.rounds) {
    append_big_endian(bytes, static_cast<std::uint64_t>(round.deadline_us), sizeof round.deadline_us);
    append_big_endian(bytes, round.voted, sizeof round.voted);
  }
  return bytes;
}

GroupTable::Group GroupTable::decode(ByteView bytes) {
  Group group;
  group.definition = take_group(bytes);
  group.next = take_number(bytes);
  group.votes = take_number(bytes);
  while (!bytes.empty()) {
    OpenRound round;
    round.deadline_us = static_cast<TimeUs>(take_number(bytes));
    round.voted = take_number(bytes);
    group.rounds.push_back(round);
  }
  TAGMA_ASSERT(!group.rounds.empty(), "a group has an open round");
  return group;
}

void GroupTable::store(const Group& group) { state_.put(state_key::group(group.definition.name), encode(group)); }

GroupTable::Group* GroupTable::find(ByteView name) {
  const auto found = groups_.find(name);
  return found == groups_.end() ? nullptr : &found->second;
}

GroupTable::MemberCounts GroupTable::counts_of(const Group& group, std::uint32_t member) const {
  const auto bytes = state_.get(state_key::group_member(group.definition.name, member));
  MemberCounts counts;
  if (!bytes) return counts;
  ByteView rest = *bytes;
  for (auto* const count : {&counts.votes, &counts.late, &counts.refused, &counts.disagreeing, &counts.absent,
                            &counts.absent_in_a_row, &counts.disagreed_last}) {
    *count = take_number(rest);
  }
  return counts;
}

void GroupTable::store_counts(const Group& group, std::uint32_t member, const MemberCounts& counts) {
  Bytes bytes;
  for (const auto count : {counts.votes, counts.late, counts.refused, counts.disagreeing, counts.absent,
                           counts.absent_in_a_row, counts.disagreed_last}) {
    append_big_endian(bytes, count, sizeof count);
  }
  state_.put(state_key::group_member(group.definition.name, member), bytes);
}

bool GroupTable::is_suspected(const Group& group, const MemberCounts& counts) {
  const bool disagreed = counts.disagreed_last != 0 && counts.disagreed_last + suspected_rounds >= group.next;
  return disagreed || counts.absent_in_a_row >= suspected_after_absent;
}

std::vector<std::pair<std::string, std::uint64_t>> GroupTable::member_counters(std::size_t members_max) const {
  std::vector<std::pair<std::string, std::uint64_t>> told;
  std::size_t told_members = 0;
  std::uint64_t others = 0;
  for (const auto& [name, group] : groups_) {
    for (std::uint32_t member = 0; member < group.definition.members.size(); ++member) {
      if (told_members == members_max) {
        ++others;
        continue;
      }
      ++told_members;
      const auto counts = counts_of(group, member);
      const std::string who = "group " + name + ", member " + std::to_string(member) + " (client " +
                              std::to_string(group.definition.members[member]) + "): ";
      told.emplace_back(who + "votes", counts.votes);
      told.emplace_back(who + "late", counts.late);
      told.emplace_back(who + "disagreeing", counts.disagreeing);
      told.emplace_back(who + "suspected", is_suspected(group, counts) ? 1 : 0);
    }
  }
  if (others > 0) told.emplace_back("members of groups not told", others);
  return told;
}

// ---------------------------------------------------------------------------------------------------------------------
// Changes

std::optional<std::string> GroupTable::group_of(ClientId client) const {
  for (const auto& [name, group] : groups_) {
    const auto& members = group.definition.members;
    if (std::find(members.begin(), members.end(), client) != members.end()) return name;
  }
  return std::nullopt;
}

std::optional<std::string> GroupTable::fault_of_setting(const GroupDefinition& definition) const {
  const auto found = groups_.find(definition.name);
  if (found == groups_.end()) {
    if (groups_.size() < groups_max) return std::nullopt;
    return "there are 64 groups, no more fit";
  }
  if (found->second.definition != definition) return std::nullopt;
  return "the group " + definition.name + " is laid down like that already";
}

void GroupTable::set(const GroupDefinition& definition) {
  auto& group = groups_[definition.name];
  const bool there = !group.rounds.empty();
  const std::uint64_t over_before = group.next;
  // No vote that was meant for what the name stood for can be for a round that is to come.
  group.next = there ? group.next + group.definition.rounds_max : floor();
  group.definition = definition;
  group.rounds.assign(1, {});
  if (there) {
    erase_all(state_key::group_vote_prefix, definition.name);
    erase_all(state_key::group_member_prefix, definition.name);
  }
  // Results that would be kept for longer than the new definition says go with the old one.
  if (over_before > definition.rounds_max) {
    erase_range(state_, state_key::group_result(definition.name, 0),
                state_key::group_result(definition.name, over_before - definition.rounds_max));
  }
  store(group);
}

void GroupTable::remove(ByteView name) {
  const bool configured = std::any_of(configured_.begin(), configured_.end(),
                                      [name](const auto& definition) { return definition.name == name; });
  for (const char prefix :
       {state_key::group_vote_prefix, state_key::group_result_prefix, state_key::group_member_prefix}) {
    erase_all(prefix, name);
  }
  if (configured) {
    state_.put(state_key::group(name), {});
  } else {
    state_.erase(state_key::group(name));
  }
  const auto found = groups_.find(name);
  Bytes floor_record;
  append_big_endian(floor_record, std::max(floor(), found->second.next + found->second.definition.rounds_max),
                    sizeof(std::uint64_t));
  state_.put(state_key::group_floor(), floor_record);
  groups_.erase(found);
}

std::uint64_t GroupTable::floor() const {
  const auto record = state_.get(state_key::group_floor());
  return record && record->size() == sizeof(std::uint64_t) ? read_big_endian(*record) : 1;
}

void GroupTable::erase_all(char prefix, ByteView name) {
  Bytes from = state_key::group(name);
  from.front() = prefix;
  Bytes to = from;
  // Names are ASCII: the last byte can be raised.
  to.back() = static_cast<char>(to.back() + 1);
  erase_range(state_, from, to);
}

// ---------------------------------------------------------------------------------------------------------------------
// Operations

ServiceReply GroupTable::execute(ClientId client, ByteView payload, TimeUs agreed_time_us, const Run& run) {
  constexpr ByteView usage =
      "group vote NAME ROUND VALUE... | result NAME ROUND | next NAME | show NAME | list | definition NAME";
  const auto words = decode_words(payload);
  if (!words.ok()) return refuse(words.reason() + "; usage: " + std::string(usage));
  const ByteView verb = words->empty() ? ByteView() : ByteView(words->front());
  if (verb == "vote" && words->size() >= 4) return vote(client, *words, agreed_time_us, run);
  if (verb == "result" && words->size() == 3) return result(*words);
  if (verb == "show" && words->size() == 2) return show(*words);
  if (verb == "list" && words->size() == 1) return list();
  if (verb == "definition" && words->size() == 2) return definition(*words);
  if (verb == "next" && words->size() == 2) {
    const auto* const group = find((*words)[1]);
    return group == nullptr ? no_such_group((*words)[1]) : ServiceReply{ReplyStatus::ok, std::to_string(group->next)};
  }
  return refuse("usage: " + std::string(usage));
}

ServiceReply GroupTable::no_such_group(ByteView name) const {
  std::string text =
      "no such group: " + std::string(name.substr(0, 64)) + (groups_.empty() ? "; there are none" : "; there are");
  for (const auto& [each, group] : groups_) text += " " + each;
  return refuse(text.substr(0, limits::text_bytes_max));
}

ServiceReply GroupTable::vote(ClientId client, const Words& words, TimeUs agreed_time_us, const Run& run) {
  auto* const group = find(words[1]);
  if (group == nullptr) return no_such_group(words[1]);
  const auto& members = group->definition.members;
  const auto found = std::find(members.begin(), members.end(), client);
  if (found == members.end()) return refuse("client " + std::to_string(client) + " is no member of " + words[1]);
  const auto member = static_cast<std::uint32_t>(found - members.begin());
  const auto round = round_from(words[2]);
  if (!round) return refuse("a round is a number from 1 on");
  return count_vote(*group, member, *round, Words(words.begin() + 3, words.end()), agreed_time_us, run);
}

ServiceReply GroupTable::count_vote(Group& group, std::uint32_t member, std::uint64_t round, const Words& words,
                                    TimeUs agreed_time_us, const Run& run) {
  auto counts = counts_of(group, member);
  const auto refused = [&](std::string why) {
    ++counts.refused;
    store_counts(group, member, counts);
    return refuse(std::move(why));
  };
  const auto value = read_group_vote(group.definition, words);
  if (!value.ok()) return refused(value.reason());
  const std::uint64_t at = round - group.next;  // of no meaning below
  const bool over = round < group.next;
  // Its end may have had to wait for the next batch.
  const bool passed = !over && at < group.rounds.size() && group.rounds[at].deadline_us != 0 &&
                      group.rounds[at].deadline_us <= agreed_time_us;
  if ((over || passed) && !(passed && mutant(Mutant::late_group_vote_counted))) {
    ++counts.late;
    store_counts(group, member, counts);
    return refuse("late: " + round_text(round) + " is over, the next is " +
                  std::to_string(over ? group.next : round + 1));
  }
  if (at >= group.definition.rounds_max) {
    return refuse(round_text(round) + " is too far ahead: the next is " + std::to_string(group.next));
  }
  if (group.rounds.size() <= at) group.rounds.resize(at + 1);
  auto& open = group.rounds[at];
  const bool again = (open.voted & bit_of(member)) != 0;
  if (again && !mutant(Mutant::group_vote_counted_twice))
    return refuse("has voted in " + round_text(round) + ": the first vote counts");
  open.voted |= bit_of(member);
  const auto voted = std::popcount(open.voted);
  ++counts.votes;
  store_counts(group, member, counts);
  Bytes kept;
  append_big_endian(kept, ++group.votes, sizeof group.votes);
  kept += *value;
  state_.put(state_key::group_vote(group.definition.name, round, member), kept);
  start_times(group, agreed_time_us);
  settle(group, agreed_time_us, group.definition.rounds_max, run);
  store(group);
  if (round < group.next) return result({"result", group.definition.name, std::to_string(round)});
  return {ReplyStatus::ok, "counted: " + round_text(round) + ", " + std::to_string(voted) + " of " +
                               std::to_string(group.definition.members.size())};
}

ServiceReply GroupTable::result(const Words& words) {
  auto* const group = find(words[1]);
  if (group == nullptr) return no_such_group(words[1]);
  const auto round = round_from(words[2]);
  if (!round) return refuse("a round is a number from 1 on");
  if (*round >= group->next) return {ReplyStatus::absent, round_text(*round) + " is not over"};
  auto kept = state_.get(state_key::group_result(group->definition.name, *round));
  if (!kept) return refuse("the result of " + round_text(*round) + " is not kept any more");
  return {ReplyStatus::ok, *std::move(kept)};
}

ServiceReply GroupTable::list() const {
  Bytes text;
  for (const auto& [name, group] : groups_) {
    if (!text.empty()) text.push_back('\n');
    text += name + "\t" + std::string(to_string(group.definition.rule)) + "\t" +
            std::string(to_string(group.definition.value)) + "\tm " + std::to_string(group.definition.members.size()) +
            "\tt " + std::to_string(group.definition.faulty_max) + "\tnext round " + std::to_string(group.next);
  }
  return {ReplyStatus::ok, std::move(text)};
}

ServiceReply GroupTable::definition(const Words& words) {
  const auto* const group = find(words[1]);
  if (group == nullptr) return no_such_group(words[1]);
  Bytes text;
  for (const auto& word : words_of(SetGroup{group->definition})) {
    if (!text.empty()) text.push_back('\t');
    append_escaped(text, word);
  }
  return {ReplyStatus::ok, std::move(text)};
}

ServiceReply GroupTable::show(const Words& words) {
  const auto* const group = find(words[1]);
  if (group == nullptr) return no_such_group(words[1]);
  const auto& definition = group->definition;
  Bytes text = "group\t" + definition.name + "\nrule\t" + std::string(to_string(definition.rule)) + "\nvalue\t" +
               std::string(to_string(definition.value)) + "\nmembers\t" + std::to_string(definition.members.size()) +
               "\nfaulty_max\t" + std::to_string(definition.faulty_max) + "\ndeadline_ms\t" +
               std::to_string(definition.deadline_us / 1'000) + "\nnext\t" + std::to_string(group->next);
  for (std::uint32_t member = 0; member < definition.members.size(); ++member) {
    const auto counts = counts_of(*group, member);
    text += "\nmember\t" + std::to_string(member) + "\tclient\t" + std::to_string(definition.members[member]) +
            "\tvotes\t" + std::to_string(counts.votes) + "\tlate\t" + std::to_string(counts.late) + "\trefused\t" +
            std::to_string(counts.refused) + "\tdisagreeing\t" + std::to_string(counts.disagreeing) + "\tabsent\t" +
            std::to_string(counts.absent) + "\tsuspected\t" + (is_suspected(*group, counts) ? "yes" : "no");
  }
  return {ReplyStatus::ok, std::move(text)};
}

// ---------------------------------------------------------------------------------------------------------------------
// Rounds

std::vector<GroupVote> GroupTable::votes_of(const Group& group, std::uint64_t round) const {
  std::vector<std::pair<std::uint64_t, GroupVote>> ordered;
  const std::uint64_t voted = group.rounds[round - group.next].voted;
  for (std::uint32_t member = 0; member < group.definition.members.size(); ++member) {
    if ((voted & bit_of(member)) == 0) continue;
    const auto bytes = state_.get(state_key::group_vote(group.definition.name, round, member));
    TAGMA_ASSERT(bytes.has_value(), "a counted vote is kept until its round is over");
    if (!bytes) continue;  // a mutant's state
    ByteView rest = *bytes;
    const auto order = take_number(rest);
    ordered.push_back({order, {member, Bytes(rest)}});
  }
  std::sort(ordered.begin(), ordered.end(),
            [](const auto& left, const auto& right) { return left.first < right.first; });
  std::vector<GroupVote> votes;
  for (auto& [order, vote] : ordered) votes.push_back(std::move(vote));
  return votes;
}

/// Of rounds in which, or in later ones, more than t members have voted.
void GroupTable::start_times(Group& group, TimeUs agreed_time_us) const {
  if (group.definition.deadline_us == 0) return;
  std::uint64_t from_here_on = 0;
  for (auto round = group.rounds.rbegin(); round != group.rounds.rend(); ++round) {
    from_here_on |= round->voted;
    const auto members = static_cast<std::uint32_t>(std::popcount(from_here_on));
    const std::uint32_t enough = group.definition.faulty_max + (mutant(Mutant::group_time_begun_by_one) ? 0U : 1U);
    if (round->deadline_us == 0 && members >= std::max(enough, 1U)) {
      round->deadline_us = agreed_time_us + group.definition.deadline_us;
    }
  }
}

std::size_t GroupTable::settle(Group& group, TimeUs agreed_time_us, std::size_t ended_max, const Run& run) {
  std::size_t ended = 0;
  while (ended < ended_max) {
    const auto& round = group.rounds.front();
    const bool passed = round.deadline_us != 0 && round.deadline_us <= agreed_time_us;
    if (round.voted == 0 && !passed) break;
    const auto decision = decide_group(group.definition, votes_of(group, group.next), passed);
    if (!decision.over) break;
    finish(group, decision, passed, run);
    ++ended;
  }
  return ended;
}

void GroupTable::finish(Group& group, const GroupDecision& decision, bool by_deadline, const Run& run) {
  const auto& definition = group.definition;
  const std::uint64_t round = group.next;
  count_members(group, decision, by_deadline);
  for (const auto member : decision.present) {
    state_.erase(state_key::group_vote(definition.name, round, member));
  }
  ++group.next;
  group.rounds.erase(group.rounds.begin());
  if (group.rounds.empty()) group.rounds.emplace_back();
  std::optional<ServiceReply> answer;
  const bool wanted = decision.grade == voting::Grade::unconditional || !definition.unconditional_only;
  if (decision.value && wanted) {
    const VotedInput voted{.group = definition.name,
                           .round = round,
                           .value = *decision.value,
                           .unconditional = decision.grade == voting::Grade::unconditional,
                           .present = clients_of(definition, decision.present),
                           .disagreeing = clients_of(definition, decision.disagreeing)};
    const auto operation = group_operation(definition, voted);
    if (operation && operation->size() > limits::operation_bytes_max) {
      answer = refuse("the operation has more than 128 KiB");
    } else if (operation) {
      answer = run(voted, *operation);
    }
  }
  state_.put(state_key::group_result(definition.name, round), describe_result(definition, round, decision, answer));
  if (round > definition.rounds_max) {  // numbers may have jumped: all up to it
    erase_range(state_, state_key::group_result(definition.name, 0),
                state_key::group_result(definition.name, round - definition.rounds_max + 1));
  }
}

void GroupTable::count_members(const Group& group, const GroupDecision& decision, bool by_deadline) {
  const auto holds = [](const std::vector<std::uint32_t>& members, std::uint32_t member) {
    return std::binary_search(members.begin(), members.end(), member);
  };
  for (std::uint32_t member = 0; member < group.definition.members.size(); ++member) {
    auto counts = counts_of(group, member);
    if (holds(decision.present, member)) {
      counts.absent_in_a_row = 0;
    } else {
      ++counts.absent;
      // Where the others' votes were enough, being slower says nothing.
      if (by_deadline) ++counts.absent_in_a_row;
    }
    if (holds(decision.disagreeing, member)) {
      ++counts.disagreeing;
      counts.disagreed_last = group.next;
    }
    store_counts(group, member, counts);
  }
}

/// Those that have waited longest first, so that no group's name puts it behind others for ever.
std::size_t GroupTable::expire(TimeUs agreed_time_us, const Run& run) {
  std::vector<std::pair<TimeUs, std::string>> due;
  for (const auto& [name, deadline_us] : deadlines()) {
    if (deadline_us <= agreed_time_us) due.emplace_back(deadline_us, name);
  }
  std::sort(due.begin(), due.end());
  std::size_t ended = 0;
  for (const auto& [deadline_us, name] : due) {
    if (ended >= expiries_max) break;
    auto& group = groups_.at(name);
    ended += settle(group, agreed_time_us, expiries_max - ended, run);
    store(group);
  }
  return ended;
}

bool GroupTable::any_deadline() const {
  return std::any_of(groups_.begin(), groups_.end(),
                     [](const auto& group) { return group.second.definition.deadline_us > 0; });
}

std::vector<std::pair<std::string, TimeUs>> GroupTable::deadlines() const {
  std::vector<std::pair<std::string, TimeUs>> running;
  for (const auto& [name, group] : groups_) {
    const auto deadline_us = group.rounds.front().deadline_us;
    if (deadline_us != 0) running.emplace_back(name, deadline_us);
  }
  return running;
}

std::optional<TimeUs> GroupTable::next_deadline_us() const {
  std::optional<TimeUs> next_us;
  for (const auto& [name, deadline_us] : deadlines()) next_us = std::min(next_us.value_or(deadline_us), deadline_us);
  return next_us;
}

// ---------------------------------------------------------------------------------------------------------------------
// Keys

namespace state_key {
namespace {

Bytes named(char prefix, ByteView name) {
  Bytes bytes(1, prefix);
  append_big_endian(bytes, name.size(), 1);
  bytes.append(name);
  return bytes;
}

}  // namespace

Bytes group(ByteView name) { return named(group_prefix, name); }

Bytes group_floor() { return Bytes(1, group_floor_prefix); }

Bytes group_vote(ByteView name, std::uint64_t round, std::uint32_t member) {
  Bytes bytes = named(group_vote_prefix, name);
  append_big_endian(bytes, round, sizeof round);
  append_big_endian(bytes, member, sizeof member);
  return bytes;
}

Bytes group_result(ByteView name, std::uint64_t round) {
  Bytes bytes = named(group_result_prefix, name);
  append_big_endian(bytes, round, sizeof round);
  return bytes;
}

Bytes group_member(ByteView name, std::uint32_t member) {
  Bytes bytes = named(group_member_prefix, name);
  append_big_endian(bytes, member, sizeof member);
  return bytes;
}

}  // namespace state_key

}  // namespace tagma
