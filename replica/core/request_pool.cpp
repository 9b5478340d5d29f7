#include "replica/core/request_pool.h"

#include <algorithm>

#include "messages/assert.h"
#include "messages/mutant.h"

namespace tagma {

RequestPool::Admission RequestPool::judge(const SignedBundle& bundle, const SessionProgress& progress,
                                          std::uint32_t relay) const {
  const auto& content = bundle.content;
  if (mutant(Mutant::pending_without_limit)) return Admission::admitted;
  const auto queue = queues_.find({content.client, content.session});
  const bool known_session = queue != queues_.end();
  if (known_session && queue->second.bundles.contains(content.first)) return Admission::known;
  if (!known_session && !progress.open) {
    // Number 1 opens a session. Anything else could wait for it for ever, in room that openings need.
    if (content.first != 1) return Admission::busy;
    const auto waiting = openings_.find({content.client, relay});
    if (waiting != openings_.end() && waiting->second >= config_.openings_per_relay_max) {
      return Admission::too_many_sessions;
    }
  }
  const RequestNumber lowest = progress.last_executed + 1;
  const bool reserved = content.first <= lowest && lowest < content.end() &&
                        (!known_session || bundle_with(queue->second, lowest) == nullptr);
  if (reserved) return Admission::admitted;
  const std::size_t session_operations = known_session ? queue->second.operations : 0;
  const auto client = client_bytes_.find(content.client);
  const std::size_t client_bytes = client == client_bytes_.end() ? 0 : client->second;
  if (session_operations + content.operations.size() > config_.session_pending_operations_max ||
      client_bytes + size_of(bundle) > config_.client_pending_bytes_max ||
      bytes_ + size_of(bundle) > config_.pending_bytes_max) {
    return Admission::busy;
  }
  return Admission::admitted;
}

void RequestPool::add(std::shared_ptr<const SignedBundle> bundle, const SessionProgress& progress, std::uint32_t relay,
                      MonotonicUs now_us) {
  const auto& content = bundle->content;
  const Key key{content.client, content.session};
  const auto [found, fresh] = queues_.try_emplace(key);
  auto& queue = found->second;
  if (fresh) {
    queue.executed = progress.last_executed;
    queue.next = progress.last_executed + 1;
    queue.opening = !progress.open;
    queue.relay = relay;
    if (queue.opening) ++openings_[{content.client, relay}];
  }
  const std::size_t operations = content.operations.size();
  const std::size_t bytes = size_of(*bundle);
  if (!queue.bundles.emplace(content.first, std::move(bundle)).second) return;
  queue.operations += operations;
  operations_ += operations;
  bytes_ += bytes;
  client_bytes_[key.first] += bytes;
  mark_ready(key, queue, now_us);
  note_waiting(queue, now_us);
}

void RequestPool::note_waiting(Queue& queue, MonotonicUs now_us) const {
  if (queue.waiting_since_us != 0 || bundle_with(queue, queue.executed + 1) == nullptr) return;
  queue.waiting_since_us = now_us;
  queue.waiting_backlog_operations = operations_;
  queue.waiting_backlog_bytes = bytes_;
  queue.relayed_us = 0;
}

std::vector<RequestPool::Waiting> RequestPool::waiting() const {
  std::vector<Waiting> waiting;
  std::map<ClientId, Waiting> openings;
  for (const auto& [key, queue] : queues_) {
    if (queue.waiting_since_us == 0) continue;
    Waiting found{.client = key.first,
                  .session = key.second,
                  .number = queue.executed + 1,
                  .bundle = *bundle_with(queue, queue.executed + 1),
                  .since_us = queue.waiting_since_us,
                  .relayed_us = queue.relayed_us,
                  .backlog_operations = queue.waiting_backlog_operations,
                  .backlog_bytes = queue.waiting_backlog_bytes};
    if (!queue.opening) {
      waiting.push_back(std::move(found));
      continue;
    }
    found.openings = openings_of(key.first);
    const auto [opening, first] = openings.try_emplace(key.first, found);
    if (!first && found.since_us < opening->second.since_us) opening->second = std::move(found);
  }
  for (auto& [client, opening] : openings) waiting.push_back(std::move(opening));
  return waiting;
}

std::size_t RequestPool::openings_of(ClientId client) const {
  std::size_t count = 0;
  for (auto way = openings_.lower_bound({client, 0}); way != openings_.end() && way->first.first == client; ++way) {
    count += way->second;
  }
  return count;
}

void RequestPool::relayed(ClientId client, SessionId session, MonotonicUs now_us) {
  const auto queue = queues_.find({client, session});
  if (queue != queues_.end()) queue->second.relayed_us = now_us;
}

void RequestPool::hand_out_again(MonotonicUs now_us) {
  std::vector<Key> waiting;
  for (auto& [key, queue] : queues_) {
    unmark_ready(key, queue);
    queue.next = queue.executed + 1;
    waiting.push_back(key);
  }
  std::stable_sort(waiting.begin(), waiting.end(), [this](const Key& left, const Key& right) {
    return queues_.at(left).waiting_since_us < queues_.at(right).waiting_since_us;
  });
  for (const auto& key : waiting) mark_ready(key, queues_.at(key), now_us);
}

void RequestPool::ordered(const Bundle& bundle, MonotonicUs now_us) {
  const Key key{bundle.client, bundle.session};
  const auto found = queues_.find(key);
  if (found == queues_.end() || bundle.first > found->second.next || bundle.end() <= found->second.next) return;
  unmark_ready(key, found->second);
  found->second.next = bundle.end();
  mark_ready(key, found->second, now_us);
}

void RequestPool::decided(const Bundle& bundle, MonotonicUs now_us) {
  const Key key{bundle.client, bundle.session};
  const auto found = queues_.find(key);
  if (found == queues_.end() || bundle.end() <= found->second.executed + 1) return;
  unmark_ready(key, found->second);
  found->second.next = found->second.executed + 1;
  mark_ready(key, found->second, now_us);
}

void RequestPool::unmark_ready(const Key& key, Queue& queue) {
  if (!queue.ready) return;
  if (ready_.at(key.first).size() == 1) std::erase(turns_, key.first);
  take_from_ready(key, queue);
}

void RequestPool::take_from_ready(const Key& key, Queue& queue) {
  const auto sessions = ready_.find(key.first);
  if (sessions->second.front() == key.second) {
    sessions->second.pop_front();
  } else {
    std::erase(sessions->second, key.second);
  }
  if (sessions->second.empty()) ready_.erase(sessions);
  ready_operations_ -= queue.ready_operations;
  queue.ready = false;
}

bool RequestPool::holds(const SignedBundle& bundle) const {
  const auto queue = queues_.find({bundle.content.client, bundle.content.session});
  if (queue == queues_.end()) return false;
  const auto held = queue->second.bundles.find(bundle.content.first);
  return held != queue->second.bundles.end() && held->second->body == bundle.body &&
         held->second->signature == bundle.signature;
}

const std::shared_ptr<const SignedBundle>* RequestPool::bundle_with(const Queue& queue, RequestNumber number) {
  auto bundle = queue.bundles.upper_bound(number);
  while (bundle != queue.bundles.begin()) {
    --bundle;
    if (bundle->second->content.end() > number) return &bundle->second;
  }
  return nullptr;
}

void RequestPool::mark_ready(const Key& key, Queue& queue, MonotonicUs now_us) {
  if (queue.ready) return;
  const auto* bundle = bundle_with(queue, queue.next);
  if (bundle == nullptr) return;
  queue.ready = true;
  queue.ready_since_us = now_us;
  queue.ready_operations = (*bundle)->content.operations.size();
  auto& sessions = ready_[key.first];
  if (sessions.empty()) turns_.push_back(key.first);
  sessions.push_back(key.second);
  ready_operations_ += queue.ready_operations;
}

MonotonicUs RequestPool::oldest_ready_us() const {
  TAGMA_ASSERT(!turns_.empty(), "asked only where something is ready");
  return queues_.at({turns_.front(), ready_.at(turns_.front()).front()}).ready_since_us;
}

std::vector<std::shared_ptr<const SignedBundle>> RequestPool::take(std::size_t operations_max, std::size_t bytes_max) {
  std::vector<std::shared_ptr<const SignedBundle>> taken;
  std::size_t operations = 0;
  std::size_t bytes = 0;
  while (!turns_.empty() && taken.size() < limits::batch_bundles_max) {
    const Key key{turns_.front(), ready_.at(turns_.front()).front()};
    auto& queue = queues_.at(key);
    const auto* bundle = bundle_with(queue, queue.next);
    TAGMA_ASSERT(bundle != nullptr, "a ready session has its next number here");
    const std::size_t bundle_operations = (*bundle)->content.operations.size();
    const bool fits = operations + bundle_operations <= operations_max && bytes + size_of(**bundle) <= bytes_max;
    if (!taken.empty() && !fits) break;
    operations += bundle_operations;
    bytes += size_of(**bundle);
    queue.next = (*bundle)->content.end();
    taken.push_back(*bundle);
    turns_.pop_front();
    if (ready_.at(key.first).size() > 1) turns_.push_back(key.first);
    take_from_ready(key, queue);
    mark_ready(key, queue, queue.ready_since_us);
  }
  return taken;
}

void RequestPool::drop(Queue& queue, std::map<RequestNumber, std::shared_ptr<const SignedBundle>>::iterator bundle) {
  const auto& content = bundle->second->content;
  const std::size_t bytes = size_of(*bundle->second);
  queue.operations -= content.operations.size();
  operations_ -= content.operations.size();
  bytes_ -= bytes;
  const auto client = client_bytes_.find(content.client);
  client->second -= bytes;
  if (client->second == 0) client_bytes_.erase(client);
  queue.bundles.erase(bundle);
}

void RequestPool::drop_queue(std::map<Key, Queue>::iterator queue) {
  TAGMA_ASSERT(!queue->second.ready, "a session that has a turn has a bundle for it");
  if (queue->second.opening) {
    const auto waiting = openings_.find({queue->first.first, queue->second.relay});
    if (--waiting->second == 0) openings_.erase(waiting);
  }
  queues_.erase(queue);
}

void RequestPool::executed(ClientId client, SessionId session, RequestNumber last_executed, MonotonicUs now_us) {
  const auto found = queues_.find({client, session});
  if (found == queues_.end()) return;
  auto& queue = found->second;
  // Where `next` stays, so does the bundle that holds it, and with it the session's place: it would go to the end of
  // its line each time that something of it is executed.
  const bool keeps_place = last_executed > 0 && last_executed < queue.next;
  if (!keeps_place) unmark_ready(found->first, queue);
  for (auto bundle = queue.bundles.begin(); bundle != queue.bundles.end();) {
    const auto next = std::next(bundle);
    if (last_executed == 0 || bundle->second->content.end() <= last_executed + 1) drop(queue, bundle);
    bundle = next;
  }
  // What is ordered again without being executed does not put anybody's time off.
  if (last_executed > queue.executed) queue.waiting_since_us = 0;
  queue.executed = std::max(queue.executed, last_executed);
  queue.next = std::max(queue.next, last_executed + 1);
  if (queue.opening && last_executed > 0) {
    queue.opening = false;
    const auto waiting = openings_.find({client, queue.relay});
    if (--waiting->second == 0) openings_.erase(waiting);
  }
  if (queue.bundles.empty()) {
    drop_queue(found);
  } else {
    mark_ready(found->first, queue, now_us);
    note_waiting(queue, now_us);
  }
}

std::vector<std::pair<ClientId, SessionId>> RequestPool::sessions() const {
  std::vector<std::pair<ClientId, SessionId>> sessions;
  for (const auto& [key, queue] : queues_) sessions.push_back(key);
  return sessions;
}

}  // namespace tagma
