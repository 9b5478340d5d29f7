#include "client_lib/cli/group/sense_text.h"

#include <charconv>
#include <optional>

#include "replica/service/group_rules.h"

namespace tagma::cli {
namespace {

constexpr std::string_view blanks = " \t\r\n\v\f";

/// The number at the beginning; what is left stays in `text`.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  return number;
}

Words words_of(std::string_view line) {
  Words words;
  for (auto begin = line.find_first_not_of(blanks); begin != std::string_view::npos;) {
    const auto end = line.find_first_of(blanks, begin);
    words.emplace_back(line.substr(begin, end - begin));
    begin = line.find_first_not_of(blanks, end);
  }
  return words;
}

/// The number behind "the next is ", with which such refusals end.
VoteAnswer with_next(VoteOutcome outcome, std::string_view text) {
  constexpr std::string_view mark = "the next is ";
  const auto at = text.rfind(mark);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + mark.size());
  const auto next = take_number(text);
  return next && text.empty() ? VoteAnswer{outcome, *next} : VoteAnswer{};
}

}  // namespace

Result<std::chrono::milliseconds> read_period(std::string_view text) {
  constexpr std::uint64_t least_ms = 10;
  constexpr std::uint64_t most_ms = 3'600'000;
  const Refused refused{"--every " + std::string(text) + ": write 500ms or 2s, from 10ms to 3600s"};
  const auto number = take_number(text);
  if (!number || *number > most_ms || (text != "ms" && text != "s")) return refused;
  const std::uint64_t period_ms = text == "s" ? *number * 1'000 : *number;
  if (period_ms < least_ms || period_ms > most_ms) return refused;
  return std::chrono::milliseconds(period_ms);
}

Result<Words> vote_of_line(const GroupDefinition& group, std::string_view line) {
  auto words = words_of(line);
  if (words.empty()) return Refused{"the line is empty"};
  if (group.value != GroupValue::operation) words.resize(1);
  if (const auto vote = read_group_vote(group, words); !vote) return Refused{vote.reason()};
  return words;
}

VoteAnswer read_vote_answer(const ServiceReply& reply) {
  if (reply.status == ReplyStatus::ok) return {VoteOutcome::counted};
  const std::string_view text = reply.text;
  if (text.starts_with("late: ")) return with_next(VoteOutcome::late, text);
  if (text.starts_with("has voted in ")) return {VoteOutcome::repeated};
  if (text.find(" is too far ahead: ") != std::string_view::npos) return with_next(VoteOutcome::ahead, text);
  return {};
}

}  // namespace tagma::cli
