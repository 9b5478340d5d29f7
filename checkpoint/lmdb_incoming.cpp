#include "checkpoint/lmdb_incoming.h"

#include <algorithm>
#include <utility>

#include "messages/assert.h"

namespace tagma::lmdb {
namespace {

/// So many records are looked at before the first of them is changed: LMDB's reader must not see its table change.
constexpr std::size_t paths_at_once = 4096;
/// So many changes go into the tree together: their number bounds the memory, and since they come in the order of their
/// paths few nodes are written more than once.
constexpr std::size_t changes_at_once = 32'768;

/// So many new keys are gathered before they are written. They come in the order of their hashes; written like that
/// each would go to another page of the table.
constexpr std::size_t keys_at_once_bytes = 32UL * 1024 * 1024;

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
  each_leaf(transaction, leaves, from, below, [&paths](const Digest& path, ByteView /*record*/) {
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

void IncomingState::stage(const StatePiece& piece, const std::optional<Digest>& digest) {
  TAGMA_ASSERT(digest.has_value() == !piece.entries.empty(), "only an empty piece has no digest");
  for (std::size_t depth = 0; depth < piece.prefix.size(); ++depth) {
    const NibblePrefix above = piece.prefix.substr(0, depth);
    if (transaction_.get(tables_.pieces, node_key(above))) discard_below(above);
  }
  discard_below(piece.prefix);
  for (const auto& [key, value] : piece.entries)
    write_leaf(transaction_, tables_.incoming, tree_.path(key), {key, value});
  write_piece(transaction_, tables_.pieces, piece.prefix, digest);
}

/// With every piece at or below the place.
void IncomingState::discard_below(const NibblePrefix& prefix) {
  each_path(transaction_, tables_.incoming, prefix,
            [this](const Digest& path) { transaction_.erase(tables_.incoming, path.view()); });
  const Bytes first = node_key(prefix);
  std::vector<Bytes> places;
  Cursor cursor(transaction_, tables_.pieces);
  for (auto entry = cursor.seek(first); entry && entry->first.substr(0, first.size()) == first; entry = cursor.next()) {
    places.emplace_back(entry->first);
  }
  for (const auto& place : places) transaction_.erase(tables_.pieces, place);
}

void IncomingState::discard() {
  transaction_.clear(tables_.incoming);
  transaction_.clear(tables_.pieces);
}

Digest IncomingState::install(const std::set<NibblePrefix>& cover) {
  for (const auto& prefix : cover) {
    if (!transaction_.get(tables_.pieces, node_key(prefix))) {
      throw StateDamaged(transaction_.environment().folder() + ": table pieces: the piece at \"" +
                         nibbles_text(prefix) + "\" is missing");
    }
    erase_unstaged(prefix);
    take_staged(prefix);
  }
  write_keys();
  update_tree();
  discard();
  return tree_.root();
}

/// What lies there now and is in no piece goes.
void IncomingState::erase_unstaged(const NibblePrefix& prefix) {
  each_path(transaction_, tables_.leaves, prefix, [this](const Digest& path) {
    if (transaction_.get(tables_.incoming, path.view())) return;
    const auto found = transaction_.get(tables_.leaves, path.view());
    const Bytes key(read_leaf(transaction_, path.view(), *found).key);
    transaction_.erase(tables_.keys, key);
    transaction_.erase(tables_.leaves, path.view());
    change({.path = path, .leaf = std::nullopt, .there = true});
  });
}

void IncomingState::take_staged(const NibblePrefix& prefix) {
  each_leaf(transaction_, tables_.incoming, first_path(prefix), prefix, [this](const Digest& path, ByteView record) {
    // The table that is read stays as it is; what was borrowed from it is used before anything else is written.
    take(path, record);
    return true;
  });
}

void IncomingState::take(const Digest& path, ByteView record) {
  const Bytes taken(record);
  const auto leaf = read_leaf(transaction_, path.view(), taken);
  const auto before = transaction_.get(tables_.leaves, path.view());
  if (before && *before == taken) return;
  change({.path = path, .leaf = tree_.leaf(leaf.key, leaf.value), .there = before.has_value()});
  if (!before) add_key(leaf.key);
  transaction_.put(tables_.leaves, path.view(), taken);
}

void IncomingState::add_key(ByteView key) {
  new_keys_.emplace_back(key);
  new_keys_bytes_ += sizeof(Bytes) + key.size();
  if (new_keys_bytes_ >= keys_at_once_bytes) write_keys();
}

void IncomingState::write_keys() {
  std::sort(new_keys_.begin(), new_keys_.end());
  for (const auto& key : new_keys_) write_key(transaction_, tables_.keys, key);
  new_keys_.clear();
  new_keys_bytes_ = 0;
}

void IncomingState::change(StoredTree::Change change) {
  changes_.push_back(std::move(change));
  if (changes_.size() == changes_at_once) update_tree();
}

void IncomingState::update_tree() { tree_.update(std::exchange(changes_, {})); }

std::map<NibblePrefix, std::optional<Digest>> staged_pieces(const Transaction& transaction, const Tables& tables) {
  std::map<NibblePrefix, std::optional<Digest>> pieces;
  Cursor cursor(transaction, tables.pieces);
  for (auto entry = cursor.seek({}); entry; entry = cursor.next()) {
    pieces.emplace(node_place(transaction, entry->first), read_piece(transaction, entry->first, entry->second));
  }
  return pieces;
}

}  // namespace tagma::lmdb
