#include "checkpoint/lmdb_reader.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace tagma {
namespace {

using lmdb::Cursor;
using lmdb::Transaction;

constexpr std::uint64_t progress_interval = 1024;

/// About as deep lies a leaf among so many keys.
std::size_t leaf_depth(std::uint64_t keys) { return static_cast<std::size_t>(std::bit_width(keys)) / 4; }

/// The first path that lies below the place.
Digest first_path(const NibblePrefix& prefix) {
  Digest path;
  for (std::size_t at = 0; at < prefix.size(); ++at) {
    const auto nibble = static_cast<unsigned>(static_cast<unsigned char>(prefix[at]));
    path.bytes[at / 2] = static_cast<std::uint8_t>(path.bytes[at / 2] | (at % 2 == 0 ? nibble << 4U : nibble));
  }
  return path;
}

}  // namespace

LmdbReader::LmdbReader(std::shared_ptr<const lmdb::Environment> environment, const lmdb::Tables& tables,
                       HashFunction hash)
    : environment_(std::move(environment)),
      tables_(tables),
      transaction_(*environment_, Transaction::Kind::read),
      nodes_(transaction_, tables_.nodes),
      tree_(std::move(hash), nodes_) {
  look();
}

void LmdbReader::look() {
  head_ = read_head(transaction_, tables_.meta);
  keys_ = transaction_.entries(tables_.keys);
}

void LmdbReader::refresh() {
  transaction_.renew();
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
  if (tree_.find(path, leaf_depth(keys_))) leaf_missing(key);
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
  Cursor cursor(transaction_, tables_.leaves);
  for (auto entry = cursor.seek(first_path(prefix).view()); entry; entry = cursor.next()) {
    const auto leaf = read_leaf(transaction_, entry->first, entry->second);
    Digest path;
    std::memcpy(path.bytes.data(), entry->first.data(), std::min(entry->first.size(), Digest::size_bytes));
    if (!lies_below(path, prefix)) break;
    bytes += leaf.key.size() + leaf.value.size();
    if (bytes > bytes_max) return std::nullopt;
    piece.entries.emplace_back(leaf.key, leaf.value);
  }
  return piece;
}

LmdbReader::Size LmdbReader::size() const {
  const auto size = environment_->size();
  return {.keys = keys_, .file_bytes = size.file_bytes, .map_bytes = size.map_bytes};
}

std::optional<StateDamaged> LmdbReader::verify(
    const std::function<void(std::uint64_t, std::uint64_t)>& progress) const {
  const std::uint64_t total = keys_ + transaction_.entries(tables_.nodes);
  std::uint64_t done = 0;
  const auto step = [&] {
    if (++done % progress_interval == 0) progress(done, total);
  };
  try {
    verify_nodes(step);
    each_key({}, [&](ByteView key) {
      const Digest path = tree_.path(key);
      if (tree_.find(path, leaf_depth(keys_)) != tree_.leaf(key, value_there(key))) {
        throw StateDamaged(folder() + ": table leaves: the value of key " + to_hex(key) +
                           " is not the one in the tree");
      }
      step();
      return true;
    });
  } catch (const StateDamaged& damaged) {
    return damaged;
  }
  progress(total, total);
  return std::nullopt;
}

/// That every node is what it says, named by the one above it, and that there are as many leaves as keys.
template <typename Step>
void LmdbReader::verify_nodes(const Step& step) const {
  if (tree_.root() != head_.root) throw StateDamaged(folder() + ": the tree's root is not the checkpoint's");
  std::uint64_t inner = 0;
  std::uint64_t leaves = 0;
  Cursor cursor(transaction_, tables_.nodes);
  for (auto entry = cursor.seek({}); entry; entry = cursor.next()) {
    const NodeRecord record = read_node(transaction_, entry->first, entry->second);
    const NibblePrefix prefix = lmdb::node_place(entry->first);
    const bool lone_leaf = record.children.size() == 1 && record.leaves != 0;
    if (!lone_leaf && tree_.recomputed(record) != record.digest) {
      throw StateDamaged(folder() + ": the tree's node at \"" + nibbles_text(prefix) + "\" does not have its digest");
    }
    leaves += static_cast<std::uint64_t>(std::popcount(record.leaves));
    inner += static_cast<std::uint64_t>(std::popcount(record.occupied) - std::popcount(record.leaves));
    // From the root down each node is compared with what the one above it says.
    if (tree_.node(prefix).children != record.children) {
      throw StateDamaged(folder() + ": the tree's node at \"" + nibbles_text(prefix) + "\" is not part of the tree");
    }
    step();
  }
  const std::uint64_t nodes = transaction_.entries(tables_.nodes);
  const std::uint64_t records = transaction_.entries(tables_.leaves);
  if (leaves != keys_ || records != keys_ || inner + 1 != std::max<std::uint64_t>(nodes, 1)) {
    throw StateDamaged(folder() + ": the tree has " + std::to_string(leaves) + " leaves and " + std::to_string(nodes) +
                       " nodes, which do not fit " + std::to_string(keys_) + " keys with " + std::to_string(records) +
                       " values");
  }
}

}  // namespace tagma
