// Pieces of another state that gather on disk beside the own one, until together with what is alike they make it up.
// Private to the room.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "checkpoint/lmdb_records.h"
#include "checkpoint/state_piece.h"

namespace tagma::lmdb {

/// Within one transaction, which outlives it with the tables and the tree. Throws what the transaction throws.
class IncomingState {
 public:
  IncomingState(Transaction& transaction, const Tables& tables, StoredTree& tree)
      : transaction_(transaction), tables_(tables), tree_(tree) {}

  /// Keeps the piece, in place of every one that overlaps with it. `digest` is that of the piece, which the caller has
  /// compared with a certified root; nothing if the piece is empty.
  void stage(const StatePiece& piece, const std::optional<Digest>& digest);

  /// Makes the own state what the pieces say at the places of `cover`, where they lie; no two of them overlap. Returns
  /// the root. Throws everything away that was staged.
  Digest install(const std::set<NibblePrefix>& cover);

  void discard();

 private:
  void discard_below(const NibblePrefix& prefix);
  void erase_unstaged(const NibblePrefix& prefix);
  void take_staged(const NibblePrefix& prefix);
  void take(const Digest& path, ByteView record);
  void change(StoredTree::Change change);
  void update_tree();
  void add_key(ByteView key);
  void write_keys();

  Transaction& transaction_;
  const Tables& tables_;
  StoredTree& tree_;
  std::vector<StoredTree::Change> changes_;  ///< that the tree does not know yet
  std::vector<Bytes> new_keys_;              ///< that the table of keys does not have yet
  std::size_t new_keys_bytes_ = 0;
};

/// What is staged, by place.
[[nodiscard]] std::map<NibblePrefix, std::optional<Digest>> staged_pieces(const Transaction& transaction,
                                                                          const Tables& tables);

}  // namespace tagma::lmdb
