#include "checkpoint/lmdb_reader.h"

#include <utility>

#include "checkpoint/lmdb_verification.h"

namespace tagma {
namespace {

using lmdb::Cursor;
using lmdb::Transaction;

}  // namespace

LmdbReader::LmdbReader(std::shared_ptr<const lmdb::Environment> environment, const lmdb::Tables& tables,
                       std::function<HashFunction()> make_hash)
    : environment_(std::move(environment)),
      tables_(tables),
      make_hash_(std::move(make_hash)),
      transaction_(*environment_, Transaction::Kind::read),
      nodes_(transaction_, tables_),
      tree_(make_hash_(), nodes_) {
  look();
}

void LmdbReader::look() {
  head_ = read_head(transaction_, tables_.meta);
  roots_ = read_roots(transaction_, tables_.meta);
  check_root(transaction_, tables_, tree_);
  keys_ = transaction_.entries(tables_.keys);
}

void LmdbReader::refresh() {
  transaction_.renew();
  nodes_.renew();
  look();
}

void LmdbReader::leaf_missing(ByteView key) const {
  throw StateDamaged(folder() + ": table leaves: the record of key " + to_hex(key) + " is missing");
}

/// Borrowed; nothing if there is no record of the path.
std::optional<ByteView> LmdbReader::value_of(ByteView key, const Digest& path) const {
  const auto found = transaction_.get(tables_.leaves, path.view());
  if (!found) return std::nullopt;
  const auto leaf = read_leaf(transaction_, path.view(), *found);
  if (leaf.key == key) return leaf.value;
  throw StateDamaged(folder() + ": table leaves: the record of key " + to_hex(key) + " is that of another key");
}

/// Of a key that must be there.
ByteView LmdbReader::value_there(ByteView key) const {
  const auto value = value_of(key, tree_.path(key));
  if (!value) leaf_missing(key);
  return *value;
}

std::optional<Bytes> LmdbReader::get(ByteView key) const {
  if (key.empty() || key.size() > lmdb::key_bytes_max) return std::nullopt;
  const Digest path = tree_.path(key);
  if (const auto value = value_of(key, path)) return Bytes(*value);
  if (tree_.find(path, lmdb::kept_depth(keys_))) leaf_missing(key);
  return std::nullopt;
}

/// Calls `visit(key)` from `from` on, in order, until it returns false.
template <typename Visit>
void LmdbReader::each_key(ByteView from, const Visit& visit) const {
  Cursor cursor(transaction_, tables_.keys);
  // No key is longer; those that begin like this one's cut prefix and are no longer than it are smaller than `from`.
  const ByteView cut = from.substr(0, lmdb::key_bytes_max);
  auto entry = cursor.seek(cut);
  if (entry && cut.size() < from.size() && entry->first == cut) entry = cursor.next();
  for (; entry; entry = cursor.next()) {
    check_key(transaction_, entry->first, entry->second);
    if (!visit(entry->first)) return;
  }
}

std::optional<std::pair<Bytes, Bytes>> LmdbReader::seek(ByteView from) const {
  std::optional<std::pair<Bytes, Bytes>> found;
  each_key(from, [&](ByteView key) {
    found.emplace(key, value_there(key));
    return false;
  });
  return found;
}

std::vector<Bytes> LmdbReader::keys(ByteView from, std::size_t count_max, std::size_t bytes_max) const {
  std::vector<Bytes> keys;
  std::size_t bytes = 0;
  each_key(from, [&](ByteView key) {
    if (keys.size() == count_max || bytes >= bytes_max) return false;
    bytes += key.size();
    keys.emplace_back(key);
    return true;
  });
  return keys;
}

std::optional<StatePiece> LmdbReader::piece(const NibblePrefix& prefix, std::size_t bytes_max) const {
  StatePiece piece{prefix, {}};
  std::size_t bytes = 0;
  Cursor leaves(transaction_, tables_.leaves);
  each_leaf(transaction_, leaves, first_path(prefix), prefix, [&](const Digest& path, ByteView record) {
    const auto leaf = read_leaf(transaction_, path.view(), record);
    bytes += piece_entry_bytes + leaf.key.size() + leaf.value.size();
    if (bytes > bytes_max) return false;
    piece.entries.append(leaf.key, leaf.value);
    return true;
  });
  if (bytes > bytes_max) return std::nullopt;
  return piece;
}

std::unique_ptr<StateReader> LmdbReader::pin() const {
  try {
    return std::make_unique<LmdbReader>(environment_, tables_, make_hash_);
  } catch (const lmdb::Failed&) {
    return nullptr;  // no room for one more reader
  }
}

LmdbReader::Size LmdbReader::size() const {
  const auto size = environment_->size();
  return {.keys = keys_, .file_bytes = size.file_bytes, .map_bytes = size.map_bytes};
}

LmdbReader::Verification LmdbReader::verify(const std::function<bool(std::uint64_t, std::uint64_t)>& go_on) const {
  try {
    if (lmdb::verify({transaction_, tables_, tree_, head_}, go_on)) return Intact{};
    return Abandoned{};
  } catch (const StateDamaged& damaged) {
    return damaged;
  }
}

}  // namespace tagma
