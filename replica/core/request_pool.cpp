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
  ready_.push_back(key);
  ready_operations_ += queue.ready_operations;
}

MonotonicUs RequestPool::oldest_ready_us() const {
  TAGMA_ASSERT(!ready_.empty(), "asked only where something is ready");
  return queues_.at(ready_.front()).ready_since_us;
}

std::vector<std::shared_ptr<const SignedBundle>> RequestPool::take(std::size_t operations_max, std::size_t bytes_max) {
  std::vector<std::shared_ptr<const SignedBundle>> taken;
  std::size_t operations = 0;
  std::size_t bytes = 0;
  while (!ready_.empty() && taken.size() < limits::batch_bundles_max) {
    const Key key = ready_.front();
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
    ready_.pop_front();
    ready_operations_ -= queue.ready_operations;
    queue.ready = false;
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
  if (queue.ready) {
    ready_operations_ -= queue.ready_operations;
    std::erase(ready_, found->first);
    queue.ready = false;
  }
  for (auto bundle = queue.bundles.begin(); bundle != queue.bundles.end();) {
    const auto next = std::next(bundle);
    if (last_executed == 0 || bundle->second->content.end() <= last_executed + 1) drop(queue, bundle);
    bundle = next;
  }
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
  }
}

std::vector<std::pair<ClientId, SessionId>> RequestPool::sessions() const {
  std::vector<std::pair<ClientId, SessionId>> sessions;
  for (const auto& [key, queue] : queues_) sessions.push_back(key);
  return sessions;
}

}  // namespace tagma
