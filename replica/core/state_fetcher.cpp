#include "replica/core/state_fetcher.h"

#include <algorithm>
#include <utility>

namespace tagma {
namespace {

/// Of one source; the oldest ones are forgotten.
constexpr std::size_t requests_kept_max = 16;
constexpr std::uint32_t strikes_max = 8;
/// Nodes that may come in the place of pieces before anything came below them: those on the way down to what is asked
/// about at once.
constexpr std::uint64_t unwanted_nodes_free = 512;

}  // namespace

StateFetcher::StateFetcher(const CoreConfig& config, const StateReader& local, HashFunction hash, Start start)
    : config_(config), transfer_(local, std::move(hash), start.target, std::move(start.staged)), nonce_(start.nonce) {
  for (const ReplicaId source : start.sources) add_source(source);
}

std::set<ReplicaId> StateFetcher::sources() const {
  std::set<ReplicaId> ids;
  for (const auto& [id, source] : sources_) ids.insert(id);
  return ids;
}

std::size_t StateFetcher::Source::open_requests() const {
  return static_cast<std::size_t>(
      std::count_if(requests.begin(), requests.end(), [](const auto& request) { return !request.second.overdue; }));
}

bool StateFetcher::may_ask(const Source& source, MonotonicUs now_us) const {
  // One that has let us wait is tried with one question at a time.
  const std::size_t requests_max = source.strikes > 0 ? 1 : config_.transfer_requests_max;
  return now_us >= source.not_before_us && source.open_requests() < requests_max;
}

std::vector<StateFetcher::Query> StateFetcher::ask(MonotonicUs now_us) {
  give_up_late(now_us);
  auto queries = ask_in_turns(now_us);
  if (!queries.empty()) return queries;
  hedge(now_us);
  return ask_in_turns(now_us);
}

/// Until nobody may be asked more, so that what is there to ask is spread over all.
std::vector<StateFetcher::Query> StateFetcher::ask_in_turns(MonotonicUs now_us) {
  std::vector<Query> queries;
  for (bool asked = true; asked;) {
    asked = false;
    for (std::size_t step = 0; step < sources_.size(); ++step) {
      auto at = sources_.upper_bound(turn_);
      if (at == sources_.end()) at = sources_.begin();
      turn_ = at->first;
      if (auto query = next_query(at->first, at->second, now_us)) {
        queries.push_back(*std::move(query));
        asked = true;
      }
    }
  }
  return queries;
}

std::optional<StateFetcher::Query> StateFetcher::next_query(ReplicaId to, Source& source, MonotonicUs now_us) {
  if (!may_ask(source, now_us)) return std::nullopt;
  auto questions = transfer_.ask(config_.transfer_places_max);
  if (questions.empty()) return std::nullopt;
  if (source.requests.size() == requests_kept_max) source.requests.erase(source.requests.begin());
  source.requests.emplace(++nonce_, Request{.places = questions, .sent_us = now_us});
  return Query{to, {.nonce = nonce_, .seq = transfer_.target().seq, .places = std::move(questions)}};
}

void StateFetcher::ask_again(const Request& request) {
  for (const auto& place : request.places) transfer_.ask_again(place.prefix);
}

void StateFetcher::give_up_late(MonotonicUs now_us) {
  for (auto& [id, source] : sources_) {
    for (auto& [nonce, request] : source.requests) {
      if (request.overdue || now_us - request.sent_us < config_.transfer_timeout_us) continue;
      request.overdue = true;
      ask_again(request);
      source.strikes = std::min(source.strikes + 1, strikes_max);
      source.not_before_us = now_us + config_.transfer_timeout_us * source.strikes;
    }
  }
}

/// Near the end, or at its narrow beginning, nothing new is left to ask: then others are asked about what a slow one
/// was asked about.
void StateFetcher::hedge(MonotonicUs now_us) {
  const bool somebody_idle = std::any_of(sources_.begin(), sources_.end(), [&](const auto& source) {
    return source.second.open_requests() == 0 && may_ask(source.second, now_us);
  });
  if (!somebody_idle) return;
  for (auto& [id, source] : sources_) {
    for (auto& [nonce, request] : source.requests) {
      if (request.hedged || request.overdue || now_us - request.sent_us < config_.transfer_hedge_us) continue;
      request.hedged = true;
      ask_again(request);
    }
  }
}

void StateFetcher::drop(Sources::iterator source) {
  for (const auto& [nonce, request] : source->second.requests) ask_again(request);
  sources_.erase(source);
}

StateFetcher::Verdict StateFetcher::take(ReplicaId from, StateParts parts, MonotonicUs now_us) {
  const auto source = sources_.find(from);
  if (source == sources_.end()) return Verdict::late;
  const auto found = source->second.requests.find(parts.nonce);
  if (found == source->second.requests.end()) return Verdict::late;
  Request request = std::move(found->second);
  source->second.requests.erase(found);
  if (parts.seq != transfer_.target().seq) {
    ask_again(request);
    drop(source);
    return Verdict::lost;
  }
  const Judged judged = judge(from, request, parts);
  ask_again(request);  // what it did not speak of
  if (judged.lie) {
    drop(source);
    return Verdict::lie;
  }
  if (parts.nodes.empty() && parts.pieces.empty()) {
    source->second.not_before_us = now_us + config_.transfer_busy_us;
    return Verdict::busy;
  }
  source->second.strikes = 0;
  source->second.unwanted_nodes += judged.unwanted_nodes;
  unwanted_nodes_ += judged.unwanted_nodes;
  if (too_many_unwanted_nodes()) {
    const auto worst = std::max_element(sources_.begin(), sources_.end(), [](const auto& left, const auto& right) {
      return left.second.unwanted_nodes < right.second.unwanted_nodes;
    });
    unwanted_nodes_ -= worst->second.unwanted_nodes;
    const bool itself = worst == source;
    drop(worst);
    if (itself) return Verdict::splitter;
  }
  return judged.useful ? Verdict::useful : Verdict::late;
}

/// Up to the first lie. Places that were answered leave the request.
StateFetcher::Judged StateFetcher::judge(ReplicaId from, Request& request, StateParts& parts) {
  Judged judged;
  std::optional<StateQuestion> question;
  const auto answers = [&](const NibblePrefix& prefix) {
    const auto at = std::find_if(request.places.begin(), request.places.end(),
                                 [&prefix](const StateQuestion& place) { return place.prefix == prefix; });
    if (at == request.places.end()) return false;
    question = *at;
    request.places.erase(at);
    return true;
  };
  const auto holds = [&](StateTransfer::Judgement judgement, std::uint64_t bytes) {
    if (judgement == StateTransfer::Judgement::false_) {
      transfer_.ask_again(question->prefix);
      return false;
    }
    if (judgement == StateTransfer::Judgement::accepted) {
      judged.useful = true;
      useful_bytes_ += bytes;
    }
    return true;
  };
  for (const auto& node : parts.nodes) {
    judged.lie =
        !answers(node.prefix) || !holds(transfer_.judge(node), node.children.size() * sizeof(StateNode::Child));
    if (judged.lie) return judged;
    if (question->node_wanted) continue;
    note_answer(from, node.prefix.size(), true);
    // Where most are split nobody splits what would have been one.
    if (!depths_.at(node.prefix.size()).nodes_wanted) ++judged.unwanted_nodes;
  }
  for (auto& piece : parts.pieces) {
    const auto bytes = size_of(piece);
    judged.lie = !answers(piece.prefix) || !holds(transfer_.judge(std::move(piece)), bytes);
    if (judged.lie) return judged;
    if (!question->node_wanted) note_answer(from, question->prefix.size(), false);
  }
  return judged;
}

void StateFetcher::note_answer(ReplicaId from, std::size_t depth, bool split) {
  auto& answers = depths_[depth];
  if (split) answers.splitters.insert(from);
  ++(split ? answers.nodes : answers.pieces);
  answers.nodes_wanted =
      answers.splitters.size() >= config_.membership.weak_quorum() && answers.nodes > 2 * answers.pieces;
  transfer_.want_nodes(depth, answers.nodes_wanted);
}

bool StateFetcher::too_many_unwanted_nodes() const {
  const std::uint64_t allowed = unwanted_nodes_free + 2 * useful_bytes_ / config_.transfer_piece_bytes_max;
  return unwanted_nodes_ > allowed && sources_.size() > 1;
}

std::optional<MonotonicUs> StateFetcher::wake_at_us(MonotonicUs now_us) const {
  std::optional<MonotonicUs> at_us;
  const auto at_latest = [&](MonotonicUs time_us) {
    if (time_us > now_us) at_us = std::min(at_us.value_or(time_us), time_us);
  };
  for (const auto& [id, source] : sources_) {
    at_latest(source.not_before_us);
    for (const auto& [nonce, request] : source.requests) {
      if (request.overdue) continue;
      at_latest(request.sent_us + config_.transfer_timeout_us);
      at_latest(request.sent_us + config_.transfer_hedge_us);
    }
  }
  return at_us;
}

}  // namespace tagma
