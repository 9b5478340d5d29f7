// The records of the state on disk (STATE.md): how they are encoded, sealed and read back. Private to the room.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "checkpoint/lmdb_handles.h"
#include "checkpoint/state_store.h"
#include "checkpoint/stored_tree.h"
#include "tagma/identifiers.h"

namespace tagma::lmdb {

inline constexpr std::uint32_t format_version = 6;
inline constexpr unsigned tables_max = 5;
inline constexpr ByteView format_key = "format";
inline constexpr ByteView owner_key = "owner";
inline constexpr ByteView checkpoint_key = "checkpoint";
inline constexpr ByteView roots_key = "roots";

struct Tables {
  Table leaves = 0;  ///< keys and values, in the order of their paths: neighbours of a subtree are neighbours on disk
  Table keys = 0;    ///< the keys alone, in their own order
  Table nodes = 0;   ///< inner nodes of the tree
  Table meta = 0;
  Table pieces = 0;  ///< of another state, which wait (lmdb_incoming.h)
};
[[nodiscard]] Table open_meta(Transaction& transaction);
/// Once the format is known to be this one.
[[nodiscard]] Tables open_tables(Transaction& transaction);

/// A leaf as it was read; borrowed from the transaction.
struct LeafRecord {
  ByteView key;
  ByteView value;
  Digest digest;  ///< of key and value, as the tree has it
};
/// Each throws StateDamaged for a record that is not as it was written, and what the transaction throws.
[[nodiscard]] Digest leaf_path(const Transaction& transaction, ByteView key);
[[nodiscard]] LeafRecord read_leaf(const Transaction& transaction, ByteView path, ByteView record);
/// The digest alone, without a look at a value that may be long.
[[nodiscard]] Digest read_leaf_digest(const Transaction& transaction, ByteView path, ByteView record);
[[nodiscard]] Bytes leaf_record(const Digest& path, const LeafRecord& leaf);
void check_key(const Transaction& transaction, ByteView key, ByteView record);
/// `above_all`: it is known to stand above all that are there.
void write_key(Cursor& keys, ByteView key, bool above_all);
[[nodiscard]] NodeRecord read_node(const Transaction& transaction, ByteView key, ByteView record);
/// A piece of an incoming state as it was read.
struct PieceRecord {
  std::optional<Digest> digest;  ///< of what lies at its place; nothing where nothing does
  StateEntries entries;          ///< in the order of their paths
};
[[nodiscard]] PieceRecord read_piece(const Transaction& transaction, ByteView key, ByteView record);
/// Its digest alone.
[[nodiscard]] std::optional<Digest> read_piece_digest(const Transaction& transaction, ByteView key, ByteView record);
void write_piece(Transaction& transaction, Table pieces, const VerifiedPiece& piece);

/// Calls `visit(path, record)` for the leaves below the place from a path on, in order, until it returns false. What
/// it is given is borrowed.
template <typename Visit>
void each_leaf(const Transaction& transaction, Cursor& leaves, const Digest& from, const NibblePrefix& below,
               const Visit& visit) {
  for (auto entry = leaves.seek(from.view()); entry; entry = leaves.next()) {
    const Digest path = leaf_path(transaction, entry->first);
    if (!lies_below(path, below) || !visit(path, entry->second)) return;
  }
}

/// The place of an entry of the tables `nodes` and `pieces`, and back.
[[nodiscard]] Bytes node_key(const NibblePrefix& prefix);
[[nodiscard]] NibblePrefix node_place(const Transaction& transaction, ByteView key);

/// Nothing if it is absent.
[[nodiscard]] std::optional<Bytes> read_meta(const Transaction& transaction, Table meta, ByteView key);
void write_meta(Transaction& transaction, Table meta, ByteView key, ByteView content);

/// The slot and the root of a checkpoint.
using Head = StateRoot;
/// An absent one is damage.
[[nodiscard]] Head read_head(const Transaction& transaction, Table meta);
void write_head(Transaction& transaction, Table meta, const Head& head);

/// That the tree is the checkpoint's: its first node is the only one that no other names.
void check_root(const Transaction& transaction, const Tables& tables, const StoredTree& tree);

/// As StateReader::roots(). An absent one is damage.
[[nodiscard]] std::vector<StateRoot> read_roots(const Transaction& transaction, Table meta);
/// The last state_roots_max of them.
void write_roots(Transaction& transaction, Table meta, std::vector<StateRoot> roots);

/// The tree's nodes and leaves as one transaction sees them; it outlives them.
class TransactionNodes final : public NodeRecords {
 public:
  TransactionNodes(Transaction& transaction, const Tables& tables);

  /// Once the transaction was renewed.
  void renew();

  [[nodiscard]] std::optional<NodeRecord> load(const NibblePrefix& prefix) const override;
  void store(const NibblePrefix& prefix, const NodeRecord& record) override;
  void erase(const NibblePrefix& prefix) override;
  [[nodiscard]] std::vector<TreeLeaf> leaves(const NibblePrefix& prefix) const override;

 private:
  Transaction& transaction_;
  Table table_;
  mutable Cursor nodes_;
  mutable Cursor leaves_;
};

/// About as deep lie the last nodes that are kept among so many keys.
[[nodiscard]] std::size_t kept_depth(std::uint64_t keys);

}  // namespace tagma::lmdb
