#include "checkpoint/lmdb_incoming.h"

#include <utility>

#include "messages/assert.h"

namespace tagma::lmdb {
namespace {

/// So many records are looked at before the first of them is changed: LMDB's reader must not see its table change.
constexpr std::size_t paths_at_once = 4096;
/// So many bytes of changes go into the tree together. Since they come in the order of their paths few nodes are
/// written more than once.
constexpr std::size_t waiting_bytes_max = 4UL * 1024 * 1024;

/// To the path after it; false behind the last one.
bool increment(Digest& path) {
  for (auto byte = path.bytes.rbegin(); byte != path.bytes.rend(); ++byte) {
    if (++*byte != 0) return true;
  }
  return false;
}

/// The next paths below the place, from one on.
std::vector<Digest> next_paths(const Transaction& transaction, Table leaves, const Digest& from,
                               const NibblePrefix& below) {
  std::vector<Digest> paths;
  Cursor cursor(transaction, leaves);
  each_leaf(transaction, cursor, from, below, [&paths](const Digest& path, ByteView /*record*/) {
    paths.push_back(path);
    return paths.size() < paths_at_once;
  });
  return paths;
}

/// Calls `visit(path)` for every path below the place; it may change the table.
template <typename Visit>
void each_path(const Transaction& transaction, Table leaves, const NibblePrefix& below, const Visit& visit) {
  Digest from = first_path(below);
  for (;;) {
    const auto paths = next_paths(transaction, leaves, from, below);
    for (const auto& path : paths) visit(path);
    if (paths.size() < paths_at_once) return;
    from = paths.back();
    if (!increment(from)) return;
  }
}

}  // namespace

void IncomingState::stage(const VerifiedPiece& piece) {
  TAGMA_ASSERT(piece.digest.has_value() == !piece.piece.entries.empty(), "only an empty piece has no digest");
  const NibblePrefix& prefix = piece.piece.prefix;
  for (std::size_t depth = 0; depth < prefix.size(); ++depth) {
    const Bytes above = node_key(prefix.substr(0, depth));
    if (transaction_.get(tables_.pieces, above)) transaction_.erase(tables_.pieces, above);
  }
  discard_below(prefix);
  write_piece(transaction_, tables_.pieces, piece);
}

/// Every piece at or below the place.
void IncomingState::discard_below(const NibblePrefix& prefix) {
  const Bytes first = node_key(prefix);
  std::vector<Bytes> places;
  {
    Cursor cursor(transaction_, tables_.pieces);
    for (auto entry = cursor.seek(first); entry && entry->first.substr(0, first.size()) == first;
         entry = cursor.next()) {
      places.emplace_back(entry->first);
    }
  }
  for (const auto& place : places) transaction_.erase(tables_.pieces, place);
}

void IncomingState::discard() { transaction_.clear(tables_.pieces); }

Digest IncomingState::install(const std::set<NibblePrefix>& cover) {
  fresh_ = transaction_.entries(tables_.leaves) == 0;
  for (const auto& prefix : cover) {
    const Bytes key = node_key(prefix);
    const auto found = transaction_.get(tables_.pieces, key);
    if (!found) {
      throw StagedDamaged(transaction_.environment().folder() + ": table pieces: the piece at \"" +
                          nibbles_text(prefix) + "\" is missing");
    }
    const auto piece = read_piece(transaction_, key, *found);
    const auto staged = placed(prefix, piece.entries);
    if (!fresh_) erase_unstaged(prefix, staged);
    for (const auto& entry : staged) take(entry);
  }
  apply_waiting();
  new_keys_.write();
  discard();
  return tree_.root();
}

std::vector<IncomingState::Placed> IncomingState::placed(const NibblePrefix& prefix,
                                                         const StateEntries& entries) const {
  std::vector<Placed> all;
  all.reserve(entries.size());
  for (const auto leaf : entries) {
    all.push_back({tree_.path(leaf.key), leaf});
    const bool in_order = all.size() == 1 || all[all.size() - 2].path < all.back().path;
    if (leaf.key.empty() || !in_order || !lies_below(all.back().path, prefix)) {
      throw StagedDamaged(transaction_.environment().folder() + ": table pieces: the piece at \"" +
                          nibbles_text(prefix) + "\" has key " + to_hex(leaf.key) + ", which does not lie there");
    }
  }
  return all;
}

/// What lies there now and is not in the piece goes.
void IncomingState::erase_unstaged(const NibblePrefix& prefix, const std::vector<Placed>& staged) {
  auto next = staged.begin();
  each_path(transaction_, tables_.leaves, prefix, [&](const Digest& path) {
    while (next != staged.end() && next->path < path) ++next;
    if (next != staged.end() && next->path == path) return;
    const auto found = transaction_.get(tables_.leaves, path.view());
    const Bytes key(read_leaf(transaction_, path.view(), *found).key);
    transaction_.erase(tables_.keys, key);
    wait({.change = {.path = path, .leaf = std::nullopt, .there = true}, .record = {}});
  });
}

void IncomingState::take(const Placed& staged) {
  const auto& [path, leaf] = staged;
  const auto before = fresh_ ? std::nullopt : transaction_.get(tables_.leaves, path.view());
  const Digest digest = tree_.leaf(leaf.key, leaf.value);
  Bytes record = leaf_record(path, {.key = leaf.key, .value = leaf.value, .digest = digest});
  // That it is the one in the tree is asked all the same.
  if (before && *before == record) record.clear();
  if (!before) new_keys_.add(leaf.key);
  wait({.change = {.path = path, .leaf = digest, .there = before.has_value()}, .record = std::move(record)});
}

void IncomingState::wait(Waiting waiting) {
  waiting_bytes_ += sizeof(Waiting) + waiting.record.size();
  waiting_.push_back(std::move(waiting));
  if (waiting_bytes_ >= waiting_bytes_max) apply_waiting();
}

/// The tree first, which must see the leaves as they were.
void IncomingState::apply_waiting() {
  std::vector<StoredTree::Change> changes;
  changes.reserve(waiting_.size());
  for (const auto& waiting : waiting_) changes.push_back(waiting.change);
  static_cast<void>(tree_.update(std::move(changes)));
  for (const auto& [change, record] : waiting_) {
    if (record.empty() && !change.leaf) {
      transaction_.erase(tables_.leaves, change.path.view());
    } else if (record.empty()) {
      continue;
    } else if (fresh_) {
      transaction_.append(tables_.leaves, change.path.view(), record);
    } else {
      transaction_.put(tables_.leaves, change.path.view(), record);
    }
  }
  waiting_.clear();
  waiting_bytes_ = 0;
}

std::map<NibblePrefix, std::optional<Digest>> staged_pieces(const Transaction& transaction, const Tables& tables) {
  std::map<NibblePrefix, std::optional<Digest>> pieces;
  Cursor cursor(transaction, tables.pieces);
  for (auto entry = cursor.seek({}); entry; entry = cursor.next()) {
    // The record first: its checksum covers the key too.
    const auto digest = read_piece_digest(transaction, entry->first, entry->second);
    pieces.emplace(node_place(transaction, entry->first), digest);
  }
  return pieces;
}

}  // namespace tagma::lmdb
