#include "test/checkers/group_oracle.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace tagma::checkers {
namespace {

/// The text behind a result's line of this name; nothing if there is none.
std::optional<std::string> line_of(const Bytes& text, const std::string& name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name + "\t")) return line.substr(name.size() + 1);
  }
  return std::nullopt;
}

std::set<std::uint32_t> members_in(const GroupDefinition& definition, const std::string& clients) {
  std::set<std::uint32_t> members;
  std::istringstream words(clients);
  for (ClientId client = 0; words >> client;) {
    const auto found = std::find(definition.members.begin(), definition.members.end(), client);
    members.insert(static_cast<std::uint32_t>(found - definition.members.begin()));
  }
  return members;
}

struct Span {
  double low = 0;
  double high = 0;
};

Span span_of(const std::string& text) {
  const auto mark = text.find("..");
  const double low = std::strtod(text.c_str(), nullptr);
  return {low, mark == std::string::npos ? low : std::strtod(text.c_str() + mark + 2, nullptr)};
}

/// From the least to the greatest end that so many spans hold.
std::optional<Span> held_by(const std::vector<Span>& spans, std::size_t enough) {
  std::optional<Span> found;
  for (const auto& span : spans) {
    for (const double point : {span.low, span.high}) {
      const auto holding = std::count_if(spans.begin(), spans.end(),
                                         [point](const Span& each) { return each.low <= point && point <= each.high; });
      if (static_cast<std::size_t>(holding) < enough) continue;
      found = found ? Span{std::min(found->low, point), std::max(found->high, point)} : Span{point, point};
    }
  }
  return found;
}

/// What the votes come to by the rules, as a span; nothing if they come to no value.
std::optional<Span> decided(const GroupDefinition& definition, std::vector<Span> votes) {
  const std::size_t faulty = definition.faulty_max;
  if (definition.rule == GroupRule::interval) {
    const std::size_t among = votes.size() >= 2 * faulty + 1 ? votes.size() : definition.members.size();
    return held_by(votes, among - faulty);
  }
  std::sort(votes.begin(), votes.end(), [](const Span& left, const Span& right) { return left.low < right.low; });
  return votes[(votes.size() - 1) / 2];
}

}  // namespace

void GroupOracle::add(const GroupDefinition& definition, std::vector<bool> correct) {
  groups_[definition.name] = Group{definition, std::move(correct), {}};
}

void GroupOracle::asked(const std::string& group, std::uint32_t member, std::uint64_t round) {
  ++groups_.at(group).rounds[round].unanswered[member];
}

void GroupOracle::answered(const std::string& group, std::uint32_t member, std::uint64_t round, const Bytes& value,
                           Seq seq, const ServiceReply& reply) {
  auto& of = groups_.at(group).rounds[round];
  --of.unanswered[member];
  if (reply.text.starts_with("late:")) ++reached_.late;
  if (reply.status != ReplyStatus::ok) return;
  if (!of.counted.try_emplace(member, Vote{value, seq}).second) {
    report(groups_.at(group), round, "member " + std::to_string(member) + " was told twice that its vote counts");
  }
  if (reply.text.starts_with("round\t")) told(group, round, seq, reply.text);
}

void GroupOracle::told(const std::string& group, std::uint64_t round, Seq seq, const Bytes& text) {
  auto& result = groups_.at(group).rounds[round].result;
  if (!result) result = Result{text, seq};
  result->first_told = std::min(result->first_told, seq);
  if (result->text != text) report(groups_.at(group), round, "has two results: " + result->text + " and " + text);
}

void GroupOracle::judge() {
  for (const auto& [name, group] : groups_) {
    for (const auto& [number, round] : group.rounds) {
      if (round.result) judge_round(group, number, round);
    }
  }
}

void GroupOracle::judge_round(const Group& group, std::uint64_t number, const Round& round) {
  const auto present = members_in(group.definition, line_of(round.result->text, "present").value_or(""));
  bool known = true;
  for (const auto& [member, vote] : round.counted) {
    if (!present.contains(member))
      report(group, number, "member " + std::to_string(member) + " was told that its vote counts, and is not present");
  }
  for (const auto member : present) {
    if (round.counted.contains(member)) continue;
    known = false;
    const auto unanswered = round.unanswered.find(member);
    if (unanswered == round.unanswered.end() || unanswered->second == 0) {
      report(group, number, "member " + std::to_string(member) + " is present, whose votes were all refused");
    }
  }
  (line_of(round.result->text, "value") ? reached_.decided : reached_.given_up) += 1;
  if (line_of(round.result->text, "grade") == "timely") ++reached_.timely;
  judge_times(group, number, round, present.size());
  if (known) judge_value(group, number, round, present);
}

/// When the time of a round is over: the deadline after the slot at which more than t members had voted in it or in
/// later ones. Nothing if that is not known.
std::optional<TimeUs> GroupOracle::deadline_of(const Group& group, std::uint64_t number) const {
  std::map<std::uint32_t, Seq> first;  // at which slot each member had
  for (auto round = group.rounds.lower_bound(number); round != group.rounds.end(); ++round) {
    for (const auto& [member, unanswered] : round->second.unanswered) {
      if (unanswered > 0) return std::nullopt;
    }
    for (const auto& [member, vote] : round->second.counted) {
      const auto [at, fresh] = first.try_emplace(member, vote.seq);
      if (!fresh) at->second = std::min(at->second, vote.seq);
    }
  }
  std::vector<Seq> slots;
  for (const auto& [member, seq] : first) slots.push_back(seq);
  std::sort(slots.begin(), slots.end());
  if (slots.size() <= group.definition.faulty_max) return std::nullopt;
  const auto begun = agreed_us_.find(slots[group.definition.faulty_max]);
  if (begun == agreed_us_.end()) return std::nullopt;
  return begun->second + group.definition.deadline_us;
}

void GroupOracle::judge_times(const Group& group, std::uint64_t number, const Round& round, std::size_t present) {
  if (group.definition.deadline_us == 0) return;
  const auto deadline_us = deadline_of(group, number);
  if (!deadline_us) return;
  for (const auto& [member, vote] : round.counted) {
    const auto at = agreed_us_.find(vote.seq);
    if (at == agreed_us_.end() || at->second < *deadline_us) continue;
    report(group, number, "the vote of member " + std::to_string(member) + " counts, which came after the deadline");
  }
  const bool by_votes = present == group.definition.members.size() ||
                        (group.definition.rule == GroupRule::exact && line_of(round.result->text, "value").has_value());
  const auto told = agreed_us_.find(round.result->first_told);
  if (by_votes || told == agreed_us_.end() || told->second >= *deadline_us) return;
  report(group, number, "was over before its deadline, although members were absent");
}

void GroupOracle::judge_value(const Group& group, std::uint64_t number, const Round& round,
                              const std::set<std::uint32_t>& present) {
  const auto& definition = group.definition;
  const auto value = line_of(round.result->text, "value");
  const std::size_t faulty = definition.faulty_max;
  std::size_t liars = 0;
  std::vector<Span> spans;
  std::map<Bytes, std::size_t> alike;
  std::optional<Span> hull;  // of the correct ones present
  for (const auto member : present) {
    const auto& text = round.counted.at(member).value;
    spans.push_back(span_of(text));
    ++alike[text];
    if (!group.correct[member]) {
      ++liars;
    } else {
      hull = hull ? Span{std::min(hull->low, spans.back().low), std::max(hull->high, spans.back().high)} : spans.back();
    }
  }
  if (liars > 0 && value) ++reached_.lied_to;
  if (definition.rule == GroupRule::exact) {
    const auto agreed =
        std::find_if(alike.begin(), alike.end(), [&](const auto& each) { return each.second > faulty; });
    if ((agreed != alike.end()) != value.has_value() || (value && alike[*value] <= faulty)) {
      report(group, number, "has a value by other votes than t+1 alike");
    }
    return;
  }
  const bool unconditional = present.size() >= 2 * faulty + 1;
  const bool timely =
      definition.deadline_us > 0 && present.size() + faulty >= definition.members.size() && !present.empty();
  const std::string grade = unconditional ? "unconditional" : timely ? "timely" : "none";
  const auto expected = grade == "none" ? std::nullopt : decided(definition, spans);
  if (line_of(round.result->text, "grade") != (expected ? grade : "none"))
    report(group, number, "has another grade than " + grade);
  const bool wanted = expected && (unconditional || !definition.unconditional_only);
  if (wanted != value.has_value()) return report(group, number, "has a value, or has none, against the rules");
  if (!value) return;
  const auto made = span_of(*value);
  if (made.low != expected->low || made.high != expected->high) {
    report(group, number, "came to " + *value + " and not to what its votes come to");
  }
  // What was promised, whatever the rules are: with so many present no lie leads outside.
  const bool bound = present.size() >= 2 * liars + 1 && definition.rule == GroupRule::median;
  if (bound && hull && (made.low < hull->low || made.high > hull->high)) {
    report(group, number, "came to " + *value + ", outside of what correct members sent");
  }
}

void GroupOracle::report(const Group& group, std::uint64_t round, const std::string& what) {
  verdict_.report(Oracle::acknowledged,
                  "round " + std::to_string(round) + " of group " + group.definition.name + " " + what);
}

}  // namespace tagma::checkers
