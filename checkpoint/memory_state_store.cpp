#include "checkpoint/memory_state_store.h"

#include "checkpoint/state_damaged.h"
#include "checkpoint/state_piece.h"
#include "checkpoint/stored_tree.h"
#include "messages/assert.h"
#include "messages/mutant.h"

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
  seq_ = seq;
  roots_.push_back({seq, change(overlay)});
  if (roots_.size() > state_roots_max) roots_.erase(roots_.begin());
  return roots_.back().root;
}

Digest MemoryStateStore::change(const Overlay& overlay) {
  paths_.reset();
  // What leaves the map as it is costs no hash: a kept reply, for one, often comes and goes between two checkpoints.
  std::vector<StateChange> changes;
  changes.reserve(overlay.size());
  for (const auto& [key, value] : overlay) {
    const auto at = entries_.lower_bound(key);
    const bool there = at != entries_.end() && at->first == key;
    if (!value) {
      if (!there) continue;
      bytes_ -= at->first.size() + at->second.size();
      entries_.erase(at);
      changes.push_back({key, std::nullopt});
      continue;
    }
    if (!there) {
      bytes_ += key.size() + value->size();
      entries_.emplace_hint(at, key, *value);
    } else if (at->second != *value) {
      bytes_ += value->size();
      bytes_ -= at->second.size();
      at->second = *value;
    } else {
      continue;
    }
    changes.push_back({key, ByteView(*value)});
  }
  return tree_.update(changes);
}

const MemoryStateStore::Paths& MemoryStateStore::paths() const {
  if (!paths_) {
    paths_.emplace();
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) paths_->emplace(hash_(entry->first), entry);
  }
  return *paths_;
}

std::optional<StatePiece> MemoryStateStore::piece(const NibblePrefix& prefix, std::size_t bytes_max) const {
  StatePiece piece{prefix, {}};
  std::size_t bytes = 0;
  const auto& paths = this->paths();
  for (auto at = paths.lower_bound(first_path(prefix)); at != paths.end() && lies_below(at->first, prefix); ++at) {
    const auto& [key, value] = *at->second;
    bytes += piece_entry_bytes + key.size() + value.size();
    if (bytes > bytes_max) return std::nullopt;
    piece.entries.append(key, value);
  }
  return piece;
}

std::unique_ptr<StateReader> MemoryStateStore::pin() const {
  if (entries_.size() > pin_keys_max) return nullptr;
  auto copy = std::make_unique<MemoryStateStore>(hash_);
  Overlay all;
  for (const auto& [key, value] : entries_) all.emplace_hint(all.end(), key, value);
  copy->change(all);
  copy->seq_ = seq_;
  copy->roots_ = roots_;
  return copy;
}

void MemoryStateStore::stage(const std::vector<VerifiedPiece>& pieces) {
  for (const auto& piece : pieces) {
    const NibblePrefix& prefix = piece.piece.prefix;
    for (std::size_t depth = 0; depth < prefix.size(); ++depth) staged_.erase(prefix.substr(0, depth));
    for (auto at = staged_.lower_bound(prefix); at != staged_.end() && at->first.starts_with(prefix);) {
      at = staged_.erase(at);
    }
    staged_.emplace(prefix, piece);
  }
}

StagedPieces MemoryStateStore::staged() const {
  StagedPieces pieces;
  for (const auto& [prefix, piece] : staged_) pieces.emplace(prefix, piece.digest);
  return pieces;
}

Overlay MemoryStateStore::to_install(const std::set<NibblePrefix>& cover) const {
  Overlay overlay;
  const auto& paths = this->paths();
  for (const auto& prefix : cover) {
    for (auto at = paths.lower_bound(first_path(prefix)); at != paths.end() && lies_below(at->first, prefix); ++at) {
      overlay[at->second->first] = std::nullopt;
    }
    const auto staged = staged_.find(prefix);
    if (staged == staged_.end()) throw StateDamaged("the piece at \"" + nibbles_text(prefix) + "\" is missing");
    for (const auto& [key, value] : staged->second.piece.entries) overlay[Bytes(key)] = Bytes(value);
  }
  return overlay;
}

bool MemoryStateStore::install(Seq seq, const Digest& root, const std::set<NibblePrefix>& cover) {
  TAGMA_ASSERT(seq >= seq_, "a replica does not go back");
  const Overlay overlay = to_install(cover);
  Overlay before;
  for (const auto& [key, value] : overlay) before.emplace_hint(before.end(), key, get(key));
  staged_.clear();
  if (change(overlay) != root && !mutant(Mutant::piece_not_verified)) {
    change(before);
    return false;
  }
  seq_ = seq;
  roots_ = {{seq, tree_.root()}};
  return true;
}

}  // namespace tagma
