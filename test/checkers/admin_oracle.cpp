#include "test/checkers/admin_oracle.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace tagma::checkers {
namespace {

std::vector<std::string> split(std::string_view text, char mark) {
  std::vector<std::string> parts;
  for (;;) {
    const auto end = text.find(mark);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::uint64_t number_in(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::vector<AdminId> ids_in(std::string_view text) {
  std::vector<AdminId> ids;
  if (text.empty()) return ids;
  for (const auto& part : split(text, ' ')) ids.push_back(static_cast<AdminId>(number_in(part)));
  return ids;
}

}  // namespace

void AdminOracle::begin(std::vector<bool> correct, ClientId probe, std::string probed_service) {
  correct_ = std::move(correct);
  probe_ = std::to_string(probe);
  probed_service_ = std::move(probed_service);
}

std::vector<AdminOracle::Line> AdminOracle::lines_of(std::string_view text) {
  std::vector<Line> lines;
  if (!text.starts_with("proposal\t")) {
    for (const auto& each : split(text, '\n')) {
      const auto parts = split(each, '\t');
      if (parts.size() < 6) continue;
      lines.push_back({number_in(parts[0]), parts[1], ids_in(parts[3]), Words(parts.begin() + 5, parts.end())});
    }
    return lines;
  }
  Line line;
  for (const auto& each : split(text, '\n')) {
    const auto parts = split(each, '\t');
    if (parts[0] == "proposal") line.number = number_in(parts[1]);
    if (parts[0] == "state") line.state = parts[1];
    if (parts[0] == "approved") line.approved = ids_in(parts[1]);
    if (parts[0] == "change") line.change = Words(parts.begin() + 1, parts.end());
  }
  lines.push_back(std::move(line));
  return lines;
}

void AdminOracle::told(Seq seq, std::string_view text) {
  for (const auto& line : lines_of(text)) learn(seq, line);
}

void AdminOracle::learn(Seq seq, const Line& line) {
  const auto known = changes_.try_emplace(line.number, line.change).first;
  if (known->second != line.change) {
    report("proposal " + std::to_string(line.number) + " is another one than before");
  }
  const std::set<AdminId> distinct(line.approved.begin(), line.approved.end());
  if (distinct.size() != line.approved.size()) {
    report("an administrator counts twice for proposal " + std::to_string(line.number));
  }
  for (const auto id : distinct) {
    if (id >= correct_.size() || (correct_[id] && !wanted_[line.change].contains(id))) {
      report("proposal " + std::to_string(line.number) + " counts administrator " + std::to_string(id) +
             ", who has not wanted it");
    }
  }
  if (line.state == "open") {
    auto& until = open_until_[line.number];
    until = std::max(until, seq);
  }
  if (line.state != "applied") return;
  // Counted here once more: more than half.
  if (2 * distinct.size() <= correct_.size()) {
    report("proposal " + std::to_string(line.number) + " took effect with " + std::to_string(distinct.size()) + " of " +
           std::to_string(correct_.size()) + " administrators");
  }
  const auto found = applied_.try_emplace(line.number, Applied{.by = seq, .change = line.change}).first;
  found->second.by = std::min(found->second.by, seq);
}

bool AdminOracle::has_applied(const Words& change) const {
  return std::any_of(applied_.begin(), applied_.end(),
                     [&change](const auto& each) { return each.second.change == change; });
}

std::optional<bool> AdminOracle::refuses(const Words& change) const {
  if (change.size() >= 3 && change[2] != probe_) return std::nullopt;
  if (change[0] == "client" && change[1] == "remove") return true;
  if (change[0] != "permission") return std::nullopt;
  if (change[3] == "all") return false;
  return std::find(change.begin() + 3, change.end(), probed_service_) == change.end();
}

/// What the probed client must be told in this slot; nothing where what is known does not tell. Of the changes that may
/// have been the last one before it all must say the same.
std::optional<bool> AdminOracle::must_refuse(Seq seq, const std::vector<Turn>& turns) {
  std::set<bool> possible;
  Seq surely_behind = 0;  // a change that took effect for certain before this was not the last one
  for (const auto& turn : turns) {
    if (turn.by < seq) surely_behind = std::max(surely_behind, turn.after);
  }
  for (const auto& turn : turns) {
    if (turn.after <= seq && turn.by >= surely_behind) possible.insert(turn.refuses);
  }
  // Before the first of them nothing is refused.
  if (std::none_of(turns.begin(), turns.end(), [seq](const Turn& turn) { return turn.by < seq; }))
    possible.insert(false);
  if (possible.size() != 1) return std::nullopt;
  return *possible.begin();
}

void AdminOracle::judge() {
  std::vector<Turn> turns;
  for (const auto& [number, applied] : applied_) {
    ++reached_.applied;
    const auto open = open_until_.find(number);
    const Seq after = open == open_until_.end() ? 0 : open->second;
    if (const auto refused = refuses(applied.change)) turns.push_back({after, applied.by, *refused});
  }
  for (const auto& probe : probes_) {
    const auto refused = must_refuse(probe.seq, turns);
    if (!refused) continue;
    ++reached_.probes;
    reached_.refused += *refused ? 1U : 0U;
    if (probe.refused == *refused) continue;
    report("in slot " + std::to_string(probe.seq) + " the client was " + (probe.refused ? "" : "not ") +
           "refused what it may" + (*refused ? " not" : "") + " ask for");
  }
}

}  // namespace tagma::checkers
