#include "replica/service/group_rules.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "messages/assert.h"
#include "messages/mutant.h"
#include "replica/service/service_catalogue.h"
#include "tagma/limits.h"

namespace tagma {
namespace {

constexpr std::string_view interval_mark = "..";
constexpr std::size_t number_bytes_max = 64;

template <voting::VotedNumber Number>
std::optional<Number> number_from(ByteView text) {
  // A plus sign is how some programs write a temperature; from_chars knows none.
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  Number number{};
  const auto* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || !voting::admissible(number)) return std::nullopt;
  return number;
}

/// The shortest text that reads back to the same number, the same on every machine.
template <voting::VotedNumber Number>
Bytes text_of(Number number) {
  char text[32];
  const auto written = std::to_chars(std::begin(text), std::end(text), number);
  TAGMA_ASSERT(written.ec == std::errc(), "the longest number has 24 characters");
  return Bytes(text, written.ptr);
}

template <voting::VotedNumber Number>
Bytes text_of(const voting::Interval<Number>& interval) {
  return text_of(interval.low) + Bytes(interval_mark) + text_of(interval.high);
}

/// "lo..hi", or one number: an interval that is a point.
template <voting::VotedNumber Number>
std::optional<voting::Interval<Number>> interval_from(ByteView text) {
  const auto mark = text.find(interval_mark);
  const auto low = number_from<Number>(text.substr(0, mark));
  const auto high = mark == ByteView::npos ? low : number_from<Number>(text.substr(mark + interval_mark.size()));
  if (!low || !high) return std::nullopt;
  return voting::Interval<Number>{.low = *low, .high = *high};
}

std::vector<ByteView> split(ByteView text, char at) {
  std::vector<ByteView> parts;
  for (auto next = text.find(at); next != ByteView::npos; next = text.find(at)) {
    parts.push_back(text.substr(0, next));
    text.remove_prefix(next + 1);
  }
  parts.push_back(text);
  return parts;
}

voting::Shape shape_of(const GroupDefinition& group) {
  voting::Shape shape;
  shape.rule = group.rule == GroupRule::exact      ? voting::Rule::exact
               : group.rule == GroupRule::interval ? voting::Rule::interval
                                                   : voting::Rule::median;
  shape.members = static_cast<std::uint32_t>(group.members.size());
  shape.faulty_max = group.faulty_max;
  if (mutant(Mutant::group_threshold_one_off) && shape.rule == voting::Rule::exact && shape.faulty_max > 0) {
    --shape.faulty_max;
  }
  shape.deadline = group.deadline_us > 0;
  shape.width = group.width_of_correct ? voting::Width::of_correct : voting::Width::of_some;
  return shape;
}

bool goes_with(GroupRule rule, GroupValue value) {
  switch (rule) {
    case GroupRule::exact: return value != GroupValue::reals;
    case GroupRule::median: return value == GroupValue::integer || value == GroupValue::real;
    case GroupRule::interval: return value == GroupValue::integer_interval || value == GroupValue::real_interval;
    case GroupRule::component_median: return value == GroupValue::reals;
  }
  return false;
}

bool is_interval(GroupValue value) {
  return value == GroupValue::integer_interval || value == GroupValue::real_interval;
}

std::optional<std::string> operation_fault(const GroupDefinition& group) {
  const auto& words = group.operation;
  if (words.empty()) return std::nullopt;
  if (group.value == GroupValue::operation) return "operation: the members vote on it; leave it out";
  if (words.size() > group_operation_words_max) return "operation: has more than 16 words";
  if (!is_service_name(words.front())) {
    return "operation: the first word names a service; write operation = [\"kv\", \"put\", \"temperature\", "
           "\"{value}\"]";
  }
  std::size_t bytes = 0;
  for (const auto& word : words) bytes += word.size();
  if (bytes > group_vote_bytes_max) return "operation: has more than 4096 bytes";
  return std::nullopt;
}

/// One that wants 2t+1 votes, or 3t+1, must get them with t members silent.
std::optional<std::string> grade_fault(const GroupDefinition& group) {
  if (!group.unconditional_only || group.rule == GroupRule::exact) return std::nullopt;
  const std::uint64_t factor = group.width_of_correct ? 4 : 3;
  const std::uint64_t least = factor * group.faulty_max + 1;
  if (group.members.size() >= least) return std::nullopt;
  return "grade: values that hold in any case, with t members silent, need m >= " + std::to_string(factor) +
         "t+1: for t = " + std::to_string(group.faulty_max) + " that is " + std::to_string(least) + " members, not " +
         std::to_string(group.members.size());
}

std::optional<std::string> width_fault(const GroupDefinition& group) {
  if (!is_interval(group.value)) {
    if (!group.width_max.empty() || group.width_of_correct) return "width_max, width: only intervals have a width";
    return std::nullopt;
  }
  if (group.width_max.empty()) return std::nullopt;
  if (group.width_max.size() > number_bytes_max) return "width_max: has more than 64 characters";
  const bool fits = group.value == GroupValue::integer_interval
                        ? number_from<std::int64_t>(group.width_max).value_or(-1) >= 0
                        : number_from<double>(group.width_max).value_or(-1) >= 0;
  if (!fits) return "width_max: \"" + group.width_max + "\" is no number from 0 on; write one in quotation marks";
  return std::nullopt;
}

template <voting::VotedNumber Number>
Result<Bytes> read_interval(const GroupDefinition& group, ByteView text) {
  const auto interval = interval_from<Number>(text);
  if (!interval) return Refused{"the vote is no interval; write lo..hi"};
  std::optional<Number> cap;
  if (!group.width_max.empty()) cap = number_from<Number>(group.width_max);
  if (!voting::interval_admissible(*interval, cap)) {
    return Refused{"the interval's ends do not stand in order, or it is wider than " +
                   (group.width_max.empty() ? "it may be" : group.width_max)};
  }
  return text_of(*interval);
}

Result<Bytes> read_reals(const GroupDefinition& group, ByteView text) {
  const auto parts = split(text, ',');
  if (parts.size() != group.components) {
    return Refused{"the vote has " + std::to_string(parts.size()) + " numbers and not " +
                   std::to_string(group.components) + "; write a,b,c"};
  }
  Bytes written;
  for (const auto part : parts) {
    const auto number = number_from<double>(part);
    if (!number) return Refused{"the vote has a part that is no finite number; write a,b,c"};
    if (!written.empty()) written.push_back(',');
    written += text_of(*number);
  }
  return written;
}

Result<Bytes> read_number(bool whole, ByteView text) {
  if (whole) {
    const auto number = number_from<std::int64_t>(text);
    if (!number) return Refused{"the vote is no whole number of 64 bits"};
    return text_of(*number);
  }
  const auto number = number_from<double>(text);
  if (!number) return Refused{"the vote is no finite number"};
  return text_of(*number);
}

Result<Bytes> read_operation(const Words& words) {
  if (words.empty() || !is_service_name(words.front()))
    return Refused{"the vote is no operation; write SERVICE WORD..."};
  return encode_operation(words.front(), encode_words(Words(words.begin() + 1, words.end())));
}

/// Counts the votes, each read from its text by `read`, and writes the value by `write`.
template <typename Value, typename Read, typename Write>
GroupDecision decide_on(const GroupDefinition& group, const std::vector<GroupVote>& votes, bool deadline_passed,
                        Read read, Write write) {
  voting::Round<Value> round(shape_of(group));
  for (const auto& vote : votes) {
    const bool counted = round.take(vote.member, read(vote.value));
    TAGMA_ASSERT(counted, "a member votes once");
  }
  auto made = round.decision();
  GroupDecision decision{.over = round.over(deadline_passed),
                         .grade = made.grade,
                         .value = std::nullopt,
                         .present = std::move(made.present),
                         .disagreeing = std::move(made.disagreeing),
                         .contradictory = made.contradictory};
  if (made.value) decision.value = write(*made.value);
  return decision;
}

template <voting::VotedNumber Number>
GroupDecision decide_on_numbers(const GroupDefinition& group, const std::vector<GroupVote>& votes,
                                bool deadline_passed) {
  auto decision = decide_on<Number>(
      group, votes, deadline_passed, [](const Bytes& text) { return *number_from<Number>(text); },
      [](Number value) { return text_of(value); });
  if (mutant(Mutant::group_median_averaged) && decision.value && group.rule == GroupRule::median) {
    double sum = 0;
    for (const auto& vote : votes) sum += static_cast<double>(*number_from<Number>(vote.value));
    decision.value = text_of(static_cast<Number>(sum / static_cast<double>(votes.size())));
  }
  return decision;
}

template <voting::VotedNumber Number>
GroupDecision decide_on_intervals(const GroupDefinition& group, const std::vector<GroupVote>& votes,
                                  bool deadline_passed) {
  return decide_on<voting::Interval<Number>>(
      group, votes, deadline_passed, [](const Bytes& text) { return *interval_from<Number>(text); },
      [](const voting::Interval<Number>& value) { return text_of(value); });
}

/// Component by component, each with the same votes present.
GroupDecision decide_on_reals(const GroupDefinition& group, const std::vector<GroupVote>& votes, bool deadline_passed) {
  GroupDecision decision;
  Bytes value;
  for (std::uint32_t component = 0; component < group.components; ++component) {
    std::vector<GroupVote> part;
    for (const auto& vote : votes) part.push_back({vote.member, Bytes(split(vote.value, ',')[component])});
    decision = decide_on_numbers<double>(group, part, deadline_passed);
    if (!decision.value) return decision;
    if (component > 0) value.push_back(',');
    value += *decision.value;
  }
  decision.value = std::move(value);
  return decision;
}

/// What a mark in a word of a group's operation stands for; nothing if it is none.
std::optional<Bytes> meaning_of(ByteView mark, const VotedInput& voted, bool interval) {
  const auto parted = interval ? voted.value.find(interval_mark) : Bytes::npos;
  const bool one = parted == Bytes::npos;
  if (mark == "{value}") return voted.value;
  if (mark == "{low}") return one ? voted.value : voted.value.substr(0, parted);
  if (mark == "{high}") return one ? voted.value : voted.value.substr(parted + interval_mark.size());
  if (mark == "{round}") return std::to_string(voted.round);
  if (mark == "{group}") return voted.group;
  if (mark == "{grade}") return Bytes(voted.unconditional ? "unconditional" : "timely");
  return std::nullopt;
}

/// In one pass: marks in what a member wrote mean nothing.
Bytes filled(ByteView word, const VotedInput& voted, bool interval) {
  Bytes text;
  while (!word.empty()) {
    const auto end = word.front() == '{' ? word.find('}') : ByteView::npos;
    const auto meaning = end == ByteView::npos ? std::nullopt : meaning_of(word.substr(0, end + 1), voted, interval);
    if (meaning) {
      text += *meaning;
      word.remove_prefix(end + 1);
    } else {
      text.push_back(word.front());
      word.remove_prefix(1);
    }
  }
  return text;
}

}  // namespace

std::optional<std::string> group_fault(const GroupDefinition& group) {
  if (!is_service_name(group.name)) return "name: a group's name has 1 to 64 of the characters a-z, 0-9, _ and -";
  if (!goes_with(group.rule, group.value)) {
    return "value: the " + std::string(to_string(group.rule)) + " rule does not vote on " +
           std::string(to_string(group.value)) + "; choose another value or rule";
  }
  const std::set<ClientId> distinct(group.members.begin(), group.members.end());
  if (distinct.size() != group.members.size()) return "members: a client stands twice among them; name each once";
  if (group.deadline_us < 0) return "deadline_ms: is below 0; write 0 for none";
  if (const auto why = voting::refusal(shape_of(group))) return "members: " + *why;
  if (auto why = grade_fault(group)) return why;
  if (auto why = width_fault(group)) return why;
  const bool tuple = group.value == GroupValue::reals;
  if (tuple != (group.components > 0) || group.components > group_components_max) {
    return std::string("components: ") +
           (tuple ? "1 to 64 numbers of a vote" : "only \"reals\" have them; leave it out");
  }
  if (group.rounds_max == 0 || group.rounds_max > group_rounds_max) return "rounds_max: 1 to 64; write one of these";
  return operation_fault(group);
}

TimeUs group_deadline_min_us(const GroupTiming& timing) {
  constexpr TimeUs new_views_us = 250'000;  // of one
  const TimeUs primaries = timing.faults + 1;
  return 3 * timing.clock_window_us + timing.view_change_timeout_us * ((TimeUs{1} << primaries) - 1) +
         primaries * new_views_us;
}

std::optional<std::string> group_timing_fault(const GroupDefinition& group, const GroupTiming& timing) {
  const TimeUs least_us = group_deadline_min_us(timing);
  const bool by_time = group.deadline_us > 0 && (!group.unconditional_only || group.rule == GroupRule::exact);
  if (!by_time || group.deadline_us >= least_us) return std::nullopt;
  return "deadline_ms: is below " + std::to_string(least_us / 1'000) +
         ", which correct votes need to be in time whoever leads (3 clock_window_ms + the timeouts and NEW-VIEWs "
         "of f+1 primaries); raise it, lower limits.clock_window_ms, or take values that hold in any "
         "case alone (grade = \"unconditional\", m >= 3t+1)";
}

std::optional<std::string> first_group_fault(const std::vector<GroupDefinition>& groups, const GroupTiming& timing) {
  for (std::size_t at = 0; at < groups.size(); ++at) {
    const auto& group = groups[at];
    const std::string field = "groups[" + std::to_string(at) + "].";
    if (auto fault = group_fault(group)) return field + *fault;
    if (auto fault = group_timing_fault(group, timing)) return field + *fault;
  }
  return std::nullopt;
}

Result<Bytes> read_group_vote(const GroupDefinition& group, const Words& words) {
  if (group.value == GroupValue::operation) {
    auto operation = read_operation(words);
    if (operation.ok() && operation->size() > group_vote_bytes_max) return Refused{"the vote has more than 4096 bytes"};
    return operation;
  }
  if (words.size() != 1) return Refused{"a vote is one word"};
  const ByteView text = words.front();
  if (text.size() > group_vote_bytes_max) return Refused{"the vote has more than 4096 bytes"};
  switch (group.value) {
    case GroupValue::integer: return read_number(true, text);
    case GroupValue::real: return read_number(false, text);
    case GroupValue::integer_interval: return read_interval<std::int64_t>(group, text);
    case GroupValue::real_interval: return read_interval<double>(group, text);
    case GroupValue::reals: return read_reals(group, text);
    case GroupValue::bytes:
    case GroupValue::operation: break;
  }
  return Bytes(text);
}

GroupDecision decide_group(const GroupDefinition& group, const std::vector<GroupVote>& votes, bool deadline_passed) {
  if (group.rule == GroupRule::exact) {
    const auto same = [](const Bytes& text) { return text; };
    return decide_on<Bytes>(group, votes, deadline_passed, same, same);
  }
  switch (group.value) {
    case GroupValue::integer: return decide_on_numbers<std::int64_t>(group, votes, deadline_passed);
    case GroupValue::real: return decide_on_numbers<double>(group, votes, deadline_passed);
    case GroupValue::integer_interval: return decide_on_intervals<std::int64_t>(group, votes, deadline_passed);
    case GroupValue::real_interval: return decide_on_intervals<double>(group, votes, deadline_passed);
    default: return decide_on_reals(group, votes, deadline_passed);
  }
}

std::optional<Bytes> group_operation(const GroupDefinition& group, const VotedInput& voted) {
  if (group.value == GroupValue::operation) return voted.value;
  if (group.operation.empty()) return std::nullopt;
  Words words;
  for (auto at = group.operation.begin() + 1; at != group.operation.end(); ++at) {
    words.push_back(filled(*at, voted, is_interval(group.value)));
  }
  return encode_operation(group.operation.front(), encode_words(words));
}

std::string_view to_string(voting::Grade grade) {
  switch (grade) {
    case voting::Grade::none: return "none";
    case voting::Grade::timely: return "timely";
    case voting::Grade::unconditional: return "unconditional";
  }
  return "unknown";
}

}  // namespace tagma
