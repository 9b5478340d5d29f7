#include "checkpoint/lmdb_records.h"

#define XXH_INLINE_ALL  // most records are short: half of the time would be calls
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "checkpoint/numbers.h"
#include "checkpoint/state_piece.h"
#include "checkpoint/tree_bits.h"
#include "tagma/limits.h"

namespace tagma::lmdb {
namespace {

constexpr std::size_t checksum_bytes = 8;
constexpr std::size_t key_length_bytes = 2;
/// Checksum, digest, and the digest's own checksum.
constexpr std::size_t leaf_head_bytes = checksum_bytes + Digest::size_bytes + checksum_bytes;
constexpr char node_key_head = 'n';  // LMDB allows no empty key, which the root's would be

/// What a checksum is about: its number on disk, and the table's name for people.
struct Sealed {
  std::uint64_t number;
  const char* name;
};
constexpr Sealed leaves_sealed{1, "leaves"};
constexpr Sealed leaf_digests_sealed{2, "leaves"};
constexpr Sealed keys_sealed{3, "keys"};
constexpr Sealed nodes_sealed{4, "nodes"};
constexpr Sealed meta_sealed{5, "meta"};
constexpr Sealed pieces_sealed{6, "pieces"};

/// Over table, key and content, so that no record passes for another one. One after the other: the hash of a few parts
/// in a stream costs several times as much.
std::uint64_t checksum_of(const Sealed& table, ByteView key, ByteView content) {
  return XXH3_64bits_withSeed(content.data(), content.size(),
                              XXH3_64bits_withSeed(key.data(), key.size(), table.number));
}

/// A record in the making: room for its checksum, and for so much content behind it.
Bytes begin_record(std::size_t content_bytes) {
  Bytes record;
  record.reserve(checksum_bytes + content_bytes);
  record.resize(checksum_bytes);
  return record;
}

void seal(const Sealed& table, ByteView key, Bytes& record) {
  write_number(record.data(), checksum_of(table, key, ByteView(record).substr(checksum_bytes)));
}

Bytes sealed(const Sealed& table, ByteView key, ByteView content) {
  Bytes record = begin_record(content.size());
  record.append(content);
  seal(table, key, record);
  return record;
}

/// The content of a record that was read.
ByteView unsealed(const Transaction& transaction, const Sealed& table, ByteView key, ByteView record) {
  if (record.size() < checksum_bytes ||
      read_number<std::uint64_t>(record, 0) != checksum_of(table, key, record.substr(checksum_bytes))) {
    throw StateDamaged(transaction.environment().folder() + ": table " + table.name + ": the record of key " +
                       to_hex(key) + " has a wrong checksum");
  }
  return record.substr(checksum_bytes);
}

[[noreturn]] void not_a_piece(const Transaction& transaction, ByteView key) {
  throw StagedDamaged(transaction.environment().folder() + ": table pieces: the record of key " + to_hex(key) +
                      " is no piece");
}

Bytes encode_node(const NodeRecord& record) {
  Bytes bytes(record.digest.view());
  append_number(bytes, record.leaf_count);
  append_number(bytes, record.occupied);
  append_number(bytes, record.leaves);
  append_number(bytes, record.derived);
  auto child = record.children.begin();
  for (unsigned nibble = 0; nibble < 16; ++nibble) {
    const auto bit = bit_of(nibble);
    if ((record.occupied & bit) == 0) continue;
    bytes.append(child->digest.view());
    if ((record.leaves & bit) != 0) bytes.append(child->path.view());
    if ((record.derived & bit) != 0) append_number(bytes, child->leaf_sum);
    ++child;
  }
  return bytes;
}

/// How many bytes the children of such a node take.
std::size_t children_bytes(const NodeRecord& record) {
  const auto count = [](std::uint16_t bits) { return static_cast<std::size_t>(std::popcount(bits)); };
  return (count(record.occupied) + count(record.leaves)) * Digest::size_bytes +
         count(record.derived) * sizeof(std::uint64_t);
}

/// Nothing if the bytes are no node.
std::optional<NodeRecord> decode_node(ByteView bytes) {
  constexpr std::size_t head_bytes = Digest::size_bytes + sizeof(std::uint64_t) + 3 * sizeof(std::uint16_t);
  if (bytes.size() < head_bytes) return std::nullopt;
  const auto take = [&bytes] {
    Digest digest;
    std::memcpy(digest.bytes.data(), bytes.data(), Digest::size_bytes);
    bytes.remove_prefix(Digest::size_bytes);
    return digest;
  };
  NodeRecord record;
  record.digest = take();
  record.leaf_count = read_number<std::uint64_t>(bytes, 0);
  record.occupied = read_number<std::uint16_t>(bytes, 8);
  record.leaves = read_number<std::uint16_t>(bytes, 10);
  record.derived = read_number<std::uint16_t>(bytes, 12);
  bytes.remove_prefix(head_bytes - Digest::size_bytes);
  const bool sound = record.occupied != 0 && (record.leaves & record.derived) == 0 &&
                     ((record.leaves | record.derived) & ~record.occupied) == 0;
  if (!sound || bytes.size() != children_bytes(record)) return std::nullopt;
  for (unsigned nibble = 0; nibble < 16; ++nibble) {
    const auto bit = bit_of(nibble);
    if ((record.occupied & bit) == 0) continue;
    auto& child = record.children.emplace_back();
    child.digest = take();
    if ((record.leaves & bit) != 0) child.path = take();
    if ((record.derived & bit) == 0) continue;
    child.leaf_sum = read_number<std::uint64_t>(bytes, 0);
    bytes.remove_prefix(sizeof(std::uint64_t));
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

namespace {

/// The caller has seen that it is there.
Digest digest_in(ByteView record) {
  Digest digest;
  std::memcpy(digest.bytes.data(), record.data() + checksum_bytes, Digest::size_bytes);
  return digest;
}

}  // namespace

Digest read_leaf_digest(const Transaction& transaction, ByteView path, ByteView record) {
  const bool whole = record.size() >= leaf_head_bytes;
  const Digest digest = whole ? digest_in(record) : Digest{};
  if (!whole || read_number<std::uint64_t>(record, checksum_bytes + Digest::size_bytes) !=
                    checksum_of(leaf_digests_sealed, path, digest.view())) {
    throw StateDamaged(transaction.environment().folder() + ": table leaves: the digest in the record of path " +
                       to_hex(path) + " has a wrong checksum");
  }
  return digest;
}

LeafRecord read_leaf(const Transaction& transaction, ByteView path, ByteView record) {
  static_cast<void>(unsealed(transaction, leaves_sealed, path, record));
  const ByteView content = record.size() < leaf_head_bytes ? ByteView{} : record.substr(leaf_head_bytes);
  const std::size_t length = content.size() < key_length_bytes ? 0 : read_number<std::uint16_t>(content, 0);
  if (length == 0 || content.size() < key_length_bytes + length) {
    throw StateDamaged(transaction.environment().folder() + ": table leaves: the record of path " + to_hex(path) +
                       " is no leaf");
  }
  return {.key = content.substr(key_length_bytes, length),
          .value = content.substr(key_length_bytes + length),
          .digest = digest_in(record)};
}

Bytes leaf_record(const Digest& path, const LeafRecord& leaf) {
  Bytes record = begin_record(leaf_head_bytes + key_length_bytes + leaf.key.size() + leaf.value.size());
  record.append(leaf.digest.view());
  append_number(record, checksum_of(leaf_digests_sealed, path.view(), leaf.digest.view()));
  append_number(record, static_cast<std::uint16_t>(leaf.key.size()));
  record.append(leaf.key).append(leaf.value);
  seal(leaves_sealed, path.view(), record);
  return record;
}

void check_key(const Transaction& transaction, ByteView key, ByteView record) {
  static_cast<void>(unsealed(transaction, keys_sealed, key, record));
}

void write_key(Cursor& keys, ByteView key, bool above_all) {
  const Bytes record = sealed(keys_sealed, key, {});
  above_all ? keys.append(key, record) : keys.put(key, record);
}

NodeRecord read_node(const Transaction& transaction, ByteView key, ByteView record) {
  auto node = decode_node(unsealed(transaction, nodes_sealed, key, record));
  if (!node) {
    throw StateDamaged(transaction.environment().folder() + ": table nodes: the record of key " + to_hex(key) +
                       " is no node");
  }
  return *std::move(node);
}

namespace {

/// The content of a piece's record: nothing, or a digest and the entries behind it.
ByteView piece_content(const Transaction& transaction, ByteView key, ByteView record) {
  try {
    const ByteView content = unsealed(transaction, pieces_sealed, key, record);
    if (!content.empty() && content.size() < Digest::size_bytes) not_a_piece(transaction, key);
    return content;
  } catch (const StagedDamaged&) {
    throw;
  } catch (const StateDamaged& damaged) {
    throw StagedDamaged(damaged.reason());
  }
}

}  // namespace

std::optional<Digest> read_piece_digest(const Transaction& transaction, ByteView key, ByteView record) {
  const ByteView content = piece_content(transaction, key, record);
  if (content.empty()) return std::nullopt;
  Digest digest;
  std::memcpy(digest.bytes.data(), content.data(), Digest::size_bytes);
  return digest;
}

PieceRecord read_piece(const Transaction& transaction, ByteView key, ByteView record) {
  PieceRecord piece{read_piece_digest(transaction, key, record), {}};
  if (!piece.digest) return piece;
  auto entries = StateEntries::unpacked(record.substr(checksum_bytes + Digest::size_bytes), limits::state_entries_max);
  if (!entries) not_a_piece(transaction, key);
  piece.entries = *std::move(entries);
  return piece;
}

void write_piece(Transaction& transaction, Table pieces, const VerifiedPiece& piece) {
  const auto& [content, digest] = piece;
  Bytes record = begin_record(Digest::size_bytes + content.entries.packed().size());
  if (digest) record.append(digest->view());
  record.append(content.entries.packed());
  const Bytes place = node_key(content.prefix);
  seal(pieces_sealed, place, record);
  transaction.put(pieces, place, record);
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
  return Bytes(unsealed(transaction, meta_sealed, key, *found));
}

void write_meta(Transaction& transaction, Table meta, ByteView key, ByteView content) {
  transaction.put(meta, key, sealed(meta_sealed, key, content));
}

namespace {

constexpr std::size_t state_root_bytes = sizeof(Seq) + Digest::size_bytes;

StateRoot state_root_at(ByteView bytes, std::size_t at) {
  StateRoot root;
  root.seq = read_number<Seq>(bytes, at);
  std::memcpy(root.root.bytes.data(), bytes.data() + at + sizeof(Seq), Digest::size_bytes);
  return root;
}

void append_state_root(Bytes& bytes, const StateRoot& root) {
  append_number(bytes, root.seq);
  bytes.append(root.root.view());
}

}  // namespace

Head read_head(const Transaction& transaction, Table meta) {
  const auto bytes = read_meta(transaction, meta, checkpoint_key);
  if (!bytes || bytes->size() != state_root_bytes) {
    throw StateDamaged(transaction.environment().folder() + ": table meta: the record of the checkpoint is missing");
  }
  return state_root_at(*bytes, 0);
}

void write_head(Transaction& transaction, Table meta, const Head& head) {
  Bytes bytes;
  append_state_root(bytes, head);
  write_meta(transaction, meta, checkpoint_key, bytes);
}

void check_root(const Transaction& transaction, const Tables& tables, const StoredTree& tree) {
  if (tree.root() == read_head(transaction, tables.meta).root) return;
  throw StateDamaged(transaction.environment().folder() + ": the tree's root is not the checkpoint's");
}

std::vector<StateRoot> read_roots(const Transaction& transaction, Table meta) {
  const auto bytes = read_meta(transaction, meta, roots_key);
  std::vector<StateRoot> roots;
  for (std::size_t at = 0; bytes && at + state_root_bytes <= bytes->size(); at += state_root_bytes) {
    roots.push_back(state_root_at(*bytes, at));
  }
  const Head head = read_head(transaction, meta);
  const std::string damaged = transaction.environment().folder() + ": table meta: ";
  if (!bytes || bytes->size() != roots.size() * state_root_bytes) {
    throw StateDamaged(damaged + "the record of the roots is missing");
  }
  if (roots.empty() ? head.seq != 0 : roots.back() != head) {
    throw StateDamaged(damaged + "the roots are not those of this checkpoint");
  }
  return roots;
}

void write_roots(Transaction& transaction, Table meta, std::vector<StateRoot> roots) {
  if (roots.size() > state_roots_max)
    roots.erase(roots.begin(), roots.end() - static_cast<std::ptrdiff_t>(state_roots_max));
  Bytes bytes;
  for (const auto& root : roots) append_state_root(bytes, root);
  write_meta(transaction, meta, roots_key, bytes);
}

TransactionNodes::TransactionNodes(Transaction& transaction, const Tables& tables)
    : transaction_(transaction),
      table_(tables.nodes),
      nodes_(transaction, tables.nodes),
      leaves_(transaction, tables.leaves) {}

void TransactionNodes::renew() {
  nodes_.renew();
  leaves_.renew();
}

std::size_t kept_depth(std::uint64_t keys) {
  const auto width = static_cast<std::size_t>(std::bit_width(keys / derived_leaves_max));
  return width == 0 ? 0 : (width - 1) / 4;
}

std::optional<NodeRecord> TransactionNodes::load(const NibblePrefix& prefix) const {
  const Bytes key = node_key(prefix);
  const auto found = nodes_.find(key);
  if (!found) return std::nullopt;
  return read_node(transaction_, key, *found);
}

void TransactionNodes::store(const NibblePrefix& prefix, const NodeRecord& record) {
  const Bytes key = node_key(prefix);
  nodes_.put(key, sealed(nodes_sealed, key, encode_node(record)));
}

void TransactionNodes::erase(const NibblePrefix& prefix) { transaction_.erase(table_, node_key(prefix)); }

std::vector<TreeLeaf> TransactionNodes::leaves(const NibblePrefix& prefix) const {
  std::vector<TreeLeaf> found;
  each_leaf(transaction_, leaves_, first_path(prefix), prefix, [&](const Digest& path, ByteView record) {
    found.push_back({.path = path, .digest = read_leaf_digest(transaction_, path.view(), record)});
    return found.size() <= derived_leaves_max;
  });
  return found;
}

}  // namespace tagma::lmdb
