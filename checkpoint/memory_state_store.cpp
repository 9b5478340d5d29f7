#include "checkpoint/memory_state_store.h"

#include "messages/assert.h"

namespace tagma {

std::optional<Bytes> MemoryStateStore::get(ByteView key) const {
  const auto at = entries_.find(key);
  if (at == entries_.end()) return std::nullopt;
  return at->second;
}

std::optional<std::pair<Bytes, Bytes>> MemoryStateStore::seek(ByteView from) const {
  const auto at = entries_.lower_bound(from);
  if (at == entries_.end()) return std::nullopt;
  return std::pair(at->first, at->second);
}

std::vector<Bytes> MemoryStateStore::keys(ByteView from, std::size_t count_max, std::size_t bytes_max) const {
  std::vector<Bytes> keys;
  std::size_t bytes = 0;
  for (auto at = entries_.lower_bound(from); at != entries_.end(); ++at) {
    if (keys.size() == count_max || bytes >= bytes_max) break;
    bytes += at->first.size();
    keys.push_back(at->first);
  }
  return keys;
}

Digest MemoryStateStore::apply(Seq seq, const Overlay& overlay) {
  TAGMA_ASSERT(seq > seq_, "checkpoints are applied in rising order");
  // What leaves the map as it is costs no hash: a kept reply, for one, often comes and goes between two checkpoints.
  std::vector<StateChange> changes;
  changes.reserve(overlay.size());
  for (const auto& [key, value] : overlay) {
    const auto at = entries_.lower_bound(key);
    const bool there = at != entries_.end() && at->first == key;
    if (!value) {
      if (!there) continue;
      entries_.erase(at);
      changes.push_back({key, std::nullopt});
      continue;
    }
    if (!there) {
      entries_.emplace_hint(at, key, *value);
    } else if (at->second != *value) {
      at->second = *value;
    } else {
      continue;
    }
    changes.push_back({key, ByteView(*value)});
  }
  seq_ = seq;
  return tree_.update(changes);
}

}  // namespace tagma
