#include "checkpoint/lmdb_records.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "checkpoint/numbers.h"
#include "checkpoint/tree_bits.h"

namespace tagma::lmdb {
namespace {

constexpr std::size_t checksum_bytes = 8;
constexpr std::size_t key_length_bytes = 2;
constexpr char node_key_head = 'n';  // LMDB allows no empty key, which the root's would be

constexpr ByteView leaves_name = "leaves";
constexpr ByteView keys_name = "keys";
constexpr ByteView nodes_name = "nodes";
constexpr ByteView meta_name = "meta";
constexpr ByteView pieces_name = "pieces";

/// Over table, key and content, so that no record passes for another one.
std::uint64_t checksum_of(ByteView table, ByteView key, ByteView content) {
  Bytes bytes(table);
  append_number(bytes, static_cast<std::uint32_t>(key.size()));
  bytes.append(key).append(content);
  return XXH3_64bits(bytes.data(), bytes.size());
}

Bytes sealed(ByteView table, ByteView key, ByteView content) {
  Bytes record;
  record.reserve(checksum_bytes + content.size());
  append_number(record, checksum_of(table, key, content));
  return record.append(content);
}

/// The content of a record that was read.
ByteView unsealed(const Transaction& transaction, ByteView table, ByteView key, ByteView record) {
  if (record.size() < checksum_bytes ||
      read_number<std::uint64_t>(record, 0) != checksum_of(table, key, record.substr(checksum_bytes))) {
    throw StateDamaged(transaction.environment().folder() + ": table " + std::string(table) + ": the record of key " +
                       to_hex(key) + " has a wrong checksum");
  }
  return record.substr(checksum_bytes);
}

Bytes encode_node(const NodeRecord& record) {
  Bytes bytes(record.digest.view());
  append_number(bytes, record.occupied);
  append_number(bytes, record.leaves);
  auto child = record.children.begin();
  for (unsigned nibble = 0; nibble < 16; ++nibble) {
    const auto bit = bit_of(nibble);
    if ((record.occupied & bit) == 0) continue;
    bytes.append(child->digest.view());
    if ((record.leaves & bit) != 0) bytes.append(child->path.view());
    ++child;
  }
  return bytes;
}

/// Nothing if the bytes are no node.
std::optional<NodeRecord> decode_node(ByteView bytes) {
  constexpr std::size_t head_bytes = Digest::size_bytes + 2 + 2;
  if (bytes.size() < head_bytes) return std::nullopt;
  const auto take = [&bytes] {
    Digest digest;
    std::memcpy(digest.bytes.data(), bytes.data(), Digest::size_bytes);
    bytes.remove_prefix(Digest::size_bytes);
    return digest;
  };
  NodeRecord record;
  record.digest = take();
  record.occupied = read_number<std::uint16_t>(bytes, 0);
  record.leaves = read_number<std::uint16_t>(bytes, 2);
  bytes.remove_prefix(4);
  if ((record.leaves & ~record.occupied) != 0 || record.occupied == 0) return std::nullopt;
  const auto digests = static_cast<std::size_t>(std::popcount(record.occupied) + std::popcount(record.leaves));
  if (bytes.size() != digests * Digest::size_bytes) return std::nullopt;
  for (unsigned nibble = 0; nibble < 16; ++nibble) {
    const auto bit = bit_of(nibble);
    if ((record.occupied & bit) == 0) continue;
    auto& child = record.children.emplace_back();
    child.digest = take();
    if ((record.leaves & bit) != 0) child.path = take();
  }
  return record;
}

}  // namespace

Table open_meta(Transaction& transaction) { return transaction.table("meta"); }

Tables open_tables(Transaction& transaction) {
  return {.leaves = transaction.table("leaves"),
          .keys = transaction.table("keys"),
          .nodes = transaction.table("nodes"),
          .meta = open_meta(transaction),
          .incoming = transaction.table("incoming"),
          .pieces = transaction.table("pieces")};
}

Digest leaf_path(const Transaction& transaction, ByteView key) {
  Digest path;
  if (key.size() != Digest::size_bytes) {
    throw StateDamaged(transaction.environment().folder() +
                       ": a table of leaves has a key that is no path: " + to_hex(key));
  }
  std::memcpy(path.bytes.data(), key.data(), Digest::size_bytes);
  return path;
}

LeafRecord read_leaf(const Transaction& transaction, ByteView path, ByteView record) {
  const ByteView content = unsealed(transaction, leaves_name, path, record);
  const std::size_t length = content.size() < key_length_bytes ? 0 : read_number<std::uint16_t>(content, 0);
  if (length == 0 || content.size() < key_length_bytes + length) {
    throw StateDamaged(transaction.environment().folder() + ": table leaves: the record of path " + to_hex(path) +
                       " is no leaf");
  }
  return {.key = content.substr(key_length_bytes, length), .value = content.substr(key_length_bytes + length)};
}

void write_leaf(Transaction& transaction, Table leaves, const Digest& path, const LeafRecord& leaf) {
  Bytes content;
  content.reserve(key_length_bytes + leaf.key.size() + leaf.value.size());
  append_number(content, static_cast<std::uint16_t>(leaf.key.size()));
  content.append(leaf.key).append(leaf.value);
  transaction.put(leaves, path.view(), sealed(leaves_name, path.view(), content));
}

void check_key(const Transaction& transaction, ByteView key, ByteView record) {
  static_cast<void>(unsealed(transaction, keys_name, key, record));
}

void write_key(Transaction& transaction, Table keys, ByteView key) {
  transaction.put(keys, key, sealed(keys_name, key, {}));
}

NodeRecord read_node(const Transaction& transaction, ByteView key, ByteView record) {
  auto node = decode_node(unsealed(transaction, nodes_name, key, record));
  if (!node) {
    throw StateDamaged(transaction.environment().folder() + ": table nodes: the record of key " + to_hex(key) +
                       " is no node");
  }
  return *std::move(node);
}

std::optional<Digest> read_piece(const Transaction& transaction, ByteView key, ByteView record) {
  const ByteView content = unsealed(transaction, pieces_name, key, record);
  if (content.empty()) return std::nullopt;
  if (content.size() != Digest::size_bytes) {
    throw StateDamaged(transaction.environment().folder() + ": table pieces: the record of key " + to_hex(key) +
                       " is no piece");
  }
  Digest digest;
  std::memcpy(digest.bytes.data(), content.data(), Digest::size_bytes);
  return digest;
}

void write_piece(Transaction& transaction, Table pieces, const NibblePrefix& prefix,
                 const std::optional<Digest>& digest) {
  const Bytes key = node_key(prefix);
  transaction.put(pieces, key, sealed(pieces_name, key, digest ? digest->view() : ByteView{}));
}

Bytes node_key(const NibblePrefix& prefix) { return node_key_head + prefix; }

NibblePrefix node_place(const Transaction& transaction, ByteView key) {
  const auto is_nibble = [](char byte) { return static_cast<unsigned char>(byte) < 16; };
  if (key.empty() || key.front() != node_key_head || !std::all_of(key.begin() + 1, key.end(), is_nibble)) {
    throw StateDamaged(transaction.environment().folder() +
                       ": a table of places has a key that is none: " + to_hex(key));
  }
  return NibblePrefix(key.substr(1));
}

std::optional<Bytes> read_meta(const Transaction& transaction, Table meta, ByteView key) {
  const auto found = transaction.get(meta, key);
  if (!found) return std::nullopt;
  return Bytes(unsealed(transaction, meta_name, key, *found));
}

void write_meta(Transaction& transaction, Table meta, ByteView key, ByteView content) {
  transaction.put(meta, key, sealed(meta_name, key, content));
}

Head read_head(const Transaction& transaction, Table meta) {
  const auto bytes = read_meta(transaction, meta, checkpoint_key);
  if (!bytes || bytes->size() != sizeof(Seq) + Digest::size_bytes) {
    throw StateDamaged(transaction.environment().folder() + ": table meta: the record of the checkpoint is missing");
  }
  Head head;
  head.seq = read_number<Seq>(*bytes, 0);
  std::memcpy(head.root.bytes.data(), bytes->data() + sizeof(Seq), Digest::size_bytes);
  return head;
}

void write_head(Transaction& transaction, Table meta, const Head& head) {
  Bytes bytes;
  append_number(bytes, head.seq);
  bytes.append(head.root.view());
  write_meta(transaction, meta, checkpoint_key, bytes);
}

std::optional<NodeRecord> TransactionNodes::load(const NibblePrefix& prefix) const {
  const Bytes key = node_key(prefix);
  const auto found = transaction_.get(table_, key);
  if (!found) return std::nullopt;
  return read_node(transaction_, key, *found);
}

void TransactionNodes::store(const NibblePrefix& prefix, const NodeRecord& record) {
  const Bytes key = node_key(prefix);
  transaction_.put(table_, key, sealed(nodes_name, key, encode_node(record)));
}

void TransactionNodes::erase(const NibblePrefix& prefix) { transaction_.erase(table_, node_key(prefix)); }

}  // namespace tagma::lmdb
