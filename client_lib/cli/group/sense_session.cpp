#include "client_lib/cli/group/sense_session.h"

#include <poll.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "client_lib/cli/group/group_report.h"
#include "client_lib/cli/group/sense_text.h"
#include "client_lib/cli/open_client.h"
#include "client_lib/cli/text_format.h"

namespace tagma::cli {
namespace {

/// Of the machine: members on one, or on ones whose clocks agree, have the same periods.
std::int64_t unix_ms_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

std::string text_of(const Words& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

}  // namespace

SenseSession::SenseSession(SenseTask task, ReadingSource& source, StopSignals& stop, const Streams& streams)
    : task_(std::move(task)), source_(source), stop_(stop), streams_(streams) {}

int SenseSession::run() {
  auto client = task_.open();
  if (!client) return fail(streams_, "sense", client.reason());
  client_ = *std::move(client);
  if (!learn_group()) return status_.value_or(exit_ok);
  while (!over()) {
    wait_for_period();
    if (over()) break;
    // Votes that wait for their decision are enough where the task has an end.
    if (task_.rounds == 0 || decided_votes_ + voted_.size() < task_.rounds) vote();
    if (!over()) follow_results();
  }
  return status_.value_or(exit_ok);
}

/// What the replicas say of the group holds: administrators may have changed what the cluster file says.
bool SenseSession::learn_group() {
  const auto definition = ask({"group", "definition", task_.group.name});
  const auto next = definition ? ask({"group", "next", task_.group.name}) : std::nullopt;
  if (!definition || !next) return false;
  for (const auto& reply : {*definition, *next}) {
    if (reply.status == ReplyStatus::ok) continue;
    status_ = fail(streams_, "sense", "the replicas refuse: " + reply.text, exit_failed);
    return false;
  }
  auto group = read_group_definition(definition->text);
  if (!group) {
    status_ = fail(streams_, "sense", group.reason(), exit_failed);
    return false;
  }
  task_.group = *std::move(group);
  const auto& members = task_.group.members;
  if (task_.member >= members.size() || members[task_.member] != task_.client) {
    const bool there = task_.member < members.size();
    status_ = fail(streams_, "sense",
                   "the group " + task_.group.name + " has " + counted(members.size(), "member") + ", numbered from 0" +
                       (there ? ", and this one is client " + std::to_string(members[task_.member]) +
                                    "; say --client " + std::to_string(members[task_.member])
                              : std::string()));
    return false;
  }
  const auto& text = next->text;
  std::from_chars(text.data(), text.data() + text.size(), next_vote_);
  undecided_ = next_vote_;
  return true;
}

bool SenseSession::over() {
  return status_ || stop_.requested() || (task_.rounds != 0 && decided_votes_ >= task_.rounds);
}

/// The next one begins where the last one ended. Where the clock was set, or a period was missed, with the next one of
/// the clock.
void SenseSession::wait_for_period() {
  const std::int64_t period_ms = task_.period.count();
  const std::int64_t now_ms = unix_ms_now();
  const std::int64_t following_ms = period_at_ms_ + period_ms;
  const bool in_step = following_ms > now_ms - period_ms && following_ms <= now_ms + period_ms;
  period_at_ms_ = in_step ? following_ms : now_ms - now_ms % period_ms + period_ms;
  pollfd wait{stop_.descriptor(), POLLIN, 0};
  if (period_at_ms_ > now_ms) poll(&wait, 1, static_cast<int>(period_at_ms_ - now_ms));
}

// ---------------------------------------------------------------------------------------------------------------------
// Asking

std::optional<CallResult> SenseSession::awaited(Client& client, const Bytes& operation) {
  constexpr std::chrono::milliseconds glance(20);
  constexpr std::chrono::seconds patience(3);
  auto reply = client.submit(operation);
  const auto told_at = std::chrono::steady_clock::now() + patience;
  while (reply.wait_for(glance) != std::future_status::ready) {
    if (stop_.requested()) return std::nullopt;
    if (away_ || std::chrono::steady_clock::now() < told_at) continue;
    away_ = true;
    fail(streams_, "sense", "the cluster does not answer; the vote is sent until it does");
  }
  return reply.get();
}

std::optional<ServiceReply> SenseSession::ask(const Words& words) {
  const auto operation = operation_of(words);
  if (!operation) return ServiceReply{ReplyStatus::refused, operation.reason()};
  repeated_ = false;
  for (;;) {
    auto result = awaited(*client_, *operation);
    if (!result) return std::nullopt;
    if (result->status == CallStatus::ok) {
      if (std::exchange(away_, false)) fail(streams_, "sense", "the cluster answers again");
      return result->reply;
    }
    // A fresh session that is forgotten as well tells of a clock that was set back: no further one would fare better.
    const bool final = result->status == CallStatus::invalid || repeated_;
    auto client = final ? Refused{result->error} : task_.open();
    if (!client) {
      status_ = fail(streams_, "sense", client.reason(), exit_failed);
      return std::nullopt;
    }
    // Other programs have opened so many sessions as this client that this one is forgotten.
    client_ = *std::move(client);
    repeated_ = true;
  }
}

void SenseSession::complain(const std::string& what) {
  if (!std::exchange(in_trouble_, true)) fail(streams_, "sense", what);
}

// ---------------------------------------------------------------------------------------------------------------------
// Votes

void SenseSession::vote() {
  // No more rounds are open at once; a vote beyond them would be refused, and held against the member.
  const std::uint64_t open_end = undecided_ + task_.group.rounds_max;
  if (next_vote_ >= open_end) next_vote_ = lowest_without_vote(undecided_);
  if (next_vote_ >= open_end) return;
  const auto line = source_.newest(stop_, task_.period);
  if (stop_.requested()) return;
  const auto words = line ? vote_of_line(task_.group, *line) : Result<Words>(Refused{line.reason()});
  if (words) {
    cast(*words);
  } else {
    skip(words.reason());
  }
}

/// Without a deadline a round waits for its votes, so that none is passed over.
void SenseSession::skip(const std::string& why) {
  complain("no vote in round " + std::to_string(next_vote_) + ": " + why);
  if (task_.group.deadline_us > 0) next_vote_ = lowest_without_vote(next_vote_ + 1);
}

void SenseSession::cast(const Words& words) {
  const std::int64_t unix_ms = unix_ms_now();
  for (auto attempts = task_.group.rounds_max + 1; attempts > 0; --attempts) {
    Words operation{"group", "vote", task_.group.name, std::to_string(next_vote_)};
    operation.insert(operation.end(), words.begin(), words.end());
    const auto reply = ask(operation);
    if (!reply) return;
    const auto answer = read_vote_answer(*reply);
    const bool counted = answer.outcome == VoteOutcome::counted;
    if (counted || (answer.outcome == VoteOutcome::repeated && repeated_)) {
      note(next_vote_, words, unix_ms);
      next_vote_ = lowest_without_vote(next_vote_ + 1);
      in_trouble_ = false;
      return;
    }
    if (answer.outcome == VoteOutcome::refused) {
      if (!is_another_group()) skip(reply->text);
      return;
    }
    if (answer.outcome == VoteOutcome::repeated) voted_.emplace(next_vote_, std::nullopt);
    if (answer.outcome == VoteOutcome::late) {
      // What was read for the group as it was is no vote in another one.
      if (is_another_group()) return;
      // Some rounds need not all votes. The others have decided this period's: one more in it would hurry the group.
      const bool needs_all = task_.group.deadline_us > 0 && task_.group.rule != GroupRule::exact;
      if (!needs_all && answer.next == next_vote_ + 1) {
        next_vote_ = lowest_without_vote(answer.next);
        return;
      }
      if (needs_all) complain("a vote came too " + reply->text);
    }
    // Ahead of all that is open: what was passed over there is the next to vote in, if anything was.
    const std::uint64_t tried = next_vote_;
    next_vote_ = lowest_without_vote(answer.outcome == VoteOutcome::repeated ? tried : answer.next);
    if (answer.outcome == VoteOutcome::ahead && next_vote_ >= tried) return;
  }
}

bool SenseSession::is_another_group() {
  const auto definition = ask({"group", "definition", task_.group.name});
  if (!definition) return true;
  const auto group = read_group_definition(definition->text);
  const bool gone = definition->status == ReplyStatus::refused && definition->text.starts_with("no such group");
  const bool changed = definition->status == ReplyStatus::ok && group && *group != task_.group;
  if (!gone && !changed) return false;
  status_ = fail(streams_, "sense",
                 "the group " + task_.group.name + (gone ? " has been removed" : " has been changed; start this again"),
                 exit_failed);
  return true;
}

void SenseSession::note(std::uint64_t round, const Words& words, std::int64_t unix_ms) {
  voted_[round] = text_of(words);
  if (task_.record == nullptr) return;
  *task_.record << round << '\t' << *voted_[round] << '\t' << unix_ms << std::endl;
  if (!*task_.record) status_ = fail(streams_, "sense", "--record: the file cannot be written", exit_failed);
}

std::uint64_t SenseSession::lowest_without_vote(std::uint64_t from) const {
  while (voted_.contains(from)) ++from;
  return from;
}

// ---------------------------------------------------------------------------------------------------------------------
// Results

void SenseSession::follow_results() {
  for (auto left = task_.group.rounds_max + 1; left > 0 && !over(); --left) {
    const auto reply = ask({"group", "result", task_.group.name, std::to_string(undecided_)});
    if (!reply || reply->status == ReplyStatus::absent) return;
    if (reply->status == ReplyStatus::ok) {
      print(*reply);
    } else {
      complain(reply->text);
      // Anything else says nothing of the round: it is asked for again.
      if (!reply->text.ends_with("is not kept any more")) return;
    }
    const auto own = voted_.find(undecided_);
    if (own != voted_.end()) {
      decided_votes_ += own->second ? 1U : 0U;
      voted_.erase(own);
    }
    next_vote_ = std::max(next_vote_, lowest_without_vote(++undecided_));
  }
}

void SenseSession::print(const ServiceReply& reply) {
  const auto result = read_round_result(reply.text);
  if (!result) {
    status_ = fail(streams_, "sense", result.reason(), exit_failed);
    return;
  }
  if (!task_.json) {
    streams_.out << round_line(*result, task_.group.members.size()) << std::endl;
    return;
  }
  auto json = to_json(*result);
  json["vote"] = nullptr;
  if (const auto own = voted_.find(result->round); own != voted_.end() && own->second) json["vote"] = *own->second;
  streams_.out << json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
}

}  // namespace tagma::cli
