#include "client_lib/cli/status_summary.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <tuple>
#include <utility>

#include "client_lib/cli/answer_text.h"
#include "client_lib/cli/text_format.h"

namespace tagma::cli {
namespace {

/// Told by a replica that has lost its memory, until it counts again.
constexpr std::string_view rejoin_boundary = "rejoin boundary slot";

/// Told by a replica whose core has raised the alarm (EffectPerformer counts it).
constexpr std::string_view alarms = "alarms";

/// The replicas per digest, of those that report one seq.
using ByDigest = std::map<Digest, std::vector<ReplicaId>>;

/// The digest with strictly more replicas than every other; null if there is none.
const Digest* majority(const ByDigest& by_digest) {
  const Digest* best = nullptr;
  std::size_t best_size = 0;
  for (const auto& [digest, replicas] : by_digest) {
    if (replicas.size() == best_size) best = nullptr;
    if (replicas.size() <= best_size) continue;
    best = &digest;
    best_size = replicas.size();
  }
  return best;
}

std::uint64_t counter_of(const Report& report, std::string_view name) {
  return counter_if_told(report, name).value_or(0);
}

}  // namespace

std::vector<Accusation> accusations(const std::vector<ReplicaReport>& reports) {
  constexpr std::string_view begin = "contradictions of replica ";
  constexpr std::string_view before_first = ", first ";
  std::map<ReplicaId, Accusation> found;
  for (const auto& replica : reports) {
    if (!replica.answered) continue;
    for (const auto& [name, count] : replica.report.counters) {
      ReplicaId accused = 0;
      if (!name.starts_with(begin)) continue;
      const auto* const end = name.data() + name.size();
      const auto number = std::from_chars(name.data() + begin.size(), end, accused);
      if (number.ec != std::errc{} || accused == replica.id) continue;
      auto& accusation = found[accused];
      accusation.accused = accused;
      accusation.accusers.push_back(replica.id);
      const std::string_view rest(number.ptr, static_cast<std::size_t>(end - number.ptr));
      if (accusation.first.empty() && rest.starts_with(before_first))
        accusation.first = rest.substr(before_first.size());
    }
  }
  std::vector<Accusation> result;
  for (auto& [accused, accusation] : found) result.push_back(std::move(accusation));
  return result;
}

StatusSummary summarise(const Membership& membership, const std::vector<ReplicaReport>& reports) {
  StatusSummary summary;
  std::map<Seq, ByDigest> by_seq;
  std::uint32_t in_epoch = 0;
  std::vector<ReplicaId> other_epoch;
  for (const auto& replica : reports) {
    if (!replica.answered) continue;
    ++summary.answered;
    if (counter_of(replica.report, alarms) != 0) summary.alarmed.push_back(replica.id);
    if (counter_if_told(replica.report, rejoin_boundary)) summary.forgetful.push_back(replica.id);
    if (replica.report.epoch == membership.epoch) {
      ++in_epoch;
      summary.voting += replica.report.voting ? 1U : 0U;
    } else {
      other_epoch.push_back(replica.id);
    }
    if (replica.report.state_digest_seq == 0) continue;  // it has made no checkpoint yet
    by_seq[replica.report.state_digest_seq][replica.report.state_digest].push_back(replica.id);
  }
  std::uint32_t differing_in_epoch = 0;
  for (const auto& [seq, by_digest] : by_seq) {
    if (by_digest.size() == 1) {
      const auto count = static_cast<std::uint32_t>(by_digest.begin()->second.size());
      if (count < 2) continue;
      summary.agreed_seq = seq;
      summary.agreeing_at_seq = count;
      continue;
    }
    const Digest* right = majority(by_digest);
    for (const auto& [digest, replicas] : by_digest) {
      if (right != nullptr && digest == *right) continue;
      for (const ReplicaId id : replicas) {
        summary.differing.push_back(id);
        const bool elsewhere = std::find(other_epoch.begin(), other_epoch.end(), id) != other_epoch.end();
        if (!elsewhere) ++differing_in_epoch;
      }
    }
  }
  std::sort(summary.differing.begin(), summary.differing.end());
  summary.quorum_agrees = in_epoch - differing_in_epoch >= membership.quorum();
  summary.quorum_votes = summary.voting >= membership.quorum();
  return summary;
}

std::string faults_text(const Membership& membership, const std::vector<ReplicaId>& forgetful) {
  const auto lost = static_cast<std::uint32_t>(forgetful.size());
  const std::uint32_t left = membership.n() - std::min(lost, membership.n());
  const std::uint32_t spare = left > membership.quorum() ? left - membership.quorum() : 0;
  const std::uint32_t faults = std::min(membership.faults, spare);
  if (lost == 0) {
    return "answers correctly while " + counted(membership.faults, "replica") +
           (membership.faults == 1 ? " lies" : " lie");
  }
  std::vector<std::string> names;
  for (const ReplicaId id : forgetful) names.push_back(std::to_string(id));
  const std::string who = lost == 1 ? "replica " + names.front() + " has lost its memory and is"
                                    : "replicas " + listed(names) + " have lost their memory and are";
  return who + " being taken back: until then " +
         (faults == 0 ? "no other may fail" : "at most " + counted(faults, "other") + " may fail");
}

namespace {

/// "group heat, member 2 (client 5): votes", taken apart; nothing if it is none of these.
struct MemberCounter {
  std::string group;
  std::uint32_t member = 0;
  ClientId client = 0;
  std::string what;
};
std::optional<MemberCounter> member_counter(std::string_view name) {
  constexpr std::string_view begin = "group ";
  constexpr std::string_view before_member = ", member ";
  constexpr std::string_view before_client = " (client ";
  constexpr std::string_view before_what = "): ";
  const auto member_at = name.find(before_member);
  const auto client_at = name.find(before_client);
  const auto what_at = name.find(before_what);
  if (!name.starts_with(begin) || what_at == std::string_view::npos || client_at > what_at || member_at > client_at) {
    return std::nullopt;
  }
  const auto between = [name](std::size_t from, std::size_t to) { return name.substr(from, to - from); };
  const auto member = number_of<std::uint32_t>(between(member_at + before_member.size(), client_at));
  const auto client = number_of<ClientId>(between(client_at + before_client.size(), what_at));
  if (!member || !client) return std::nullopt;
  return MemberCounter{std::string(between(begin.size(), member_at)), *member, *client,
                       std::string(name.substr(what_at + before_what.size()))};
}

}  // namespace

std::vector<MemberReport> member_reports(const Membership& membership, const std::vector<ReplicaReport>& reports) {
  using Key = std::tuple<std::string, std::uint32_t, ClientId>;
  std::map<Key, std::map<std::string, std::map<ReplicaId, std::uint64_t>>> told;
  for (const auto& replica : reports) {
    if (!replica.answered) continue;
    for (const auto& [name, count] : replica.report.counters) {
      if (auto counter = member_counter(name)) {
        told[{counter->group, counter->member, counter->client}][counter->what].try_emplace(replica.id, count);
      }
    }
  }
  std::vector<MemberReport> members;
  for (auto& each : told) {
    auto& counts = each.second;
    const auto reached = [&counts, &membership](const std::string& what) -> std::optional<std::uint64_t> {
      // What a replica says twice counts once.
      std::vector<std::uint64_t> values;
      for (const auto& [replica, count] : counts[what]) values.push_back(count);
      if (values.size() < membership.weak_quorum()) return std::nullopt;
      std::sort(values.begin(), values.end(), std::greater<>());
      return values[membership.faults];
    };
    if (!reached("votes")) continue;
    const auto& [group, member, client] = each.first;
    members.push_back({.group = group,
                       .member = member,
                       .client = client,
                       .votes = reached("votes").value_or(0),
                       .late = reached("late").value_or(0),
                       .disagreeing = reached("disagreeing").value_or(0),
                       .suspected = reached("suspected").value_or(0) > 0});
  }
  return members;
}

std::optional<std::uint64_t> counter_if_told(const Report& report, std::string_view name) {
  const auto found = std::find_if(report.counters.begin(), report.counters.end(),
                                  [name](const auto& counter) { return counter.first == name; });
  return found == report.counters.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::string> no_room(const Report& report) {
  if (counter_of(report, "no room on the disk") == 0) return std::nullopt;
  const auto megabytes = [](std::uint64_t bytes) { return fixed(static_cast<double>(bytes) / 1e6, 1) + " MB"; };
  std::vector<std::string> what;
  std::vector<std::string> amounts;
  if (const auto free = counter_if_told(report, "disk bytes free")) amounts.push_back(megabytes(*free) + " free");
  for (const std::string part : {"log", "state"}) {
    if (counter_of(report, "no room for the " + part) == 0) continue;
    what.push_back("the " + part);
    const auto needed = counter_of(report, part + " bytes needed");
    if (needed == 0) continue;
    amounts.push_back((part == "log" ? "about " : "more than ") + megabytes(needed) + " needed for the " + part);
  }
  std::string text = "its disk has no room";
  if (!what.empty()) text += " for " + listed(what);
  return amounts.empty() ? text : text + " (" + listed(amounts) + ")";
}

std::string why_not_voting(const Report& report) {
  if (counter_of(report, alarms) != 0) return "it has raised the alarm, and takes no part until it is started again";
  if (const auto text = no_room(report)) return *text + "; it goes on by itself once there is enough";
  const auto target = counter_of(report, "transfer target slot");
  if (const auto boundary = counter_if_told(report, rejoin_boundary); boundary && target == 0) {
    if (*boundary == 0) return "it has lost its memory, and asks the others to take it back";
    return "taken back as incarnation " + std::to_string(report.incarnation) + ", it votes on slots above " +
           std::to_string(*boundary) + ", and counts once a checkpoint there is stable";
  }
  if (const auto view = counter_if_told(report, "view not begun")) {
    return "it wants view " + std::to_string(*view) + ", which has not begun";
  }
  if (target == 0) {
    return "it has stopped, or it seeks somebody to fetch the state from; its log says which";
  }
  const auto fetched = counter_of(report, "transfer bytes fetched");
  const auto all = counter_of(report, "transfer bytes of the state");
  const auto a_second = counter_of(report, "transfer bytes a second");
  std::string text = "it fetches the state after slot " + std::to_string(target) + ", " +
                     std::to_string(fetched / 1'000'000) + " of at most about " + std::to_string(all / 1'000'000) +
                     " MB so far";
  if (a_second > 0 && all > fetched) {
    text += ", " + std::to_string(a_second / 1'000'000) + " MB a second, less than " +
            std::to_string((all - fetched) / a_second + 1) + " s left";
  }
  return text;
}

}  // namespace tagma::cli
