// Pieces of another state that gather on disk beside the own one, until together with what is alike they make it up.
// Private to the room.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "checkpoint/lmdb_new_keys.h"
#include "checkpoint/lmdb_records.h"
#include "checkpoint/state_piece.h"

namespace tagma::lmdb {

/// Within one transaction, which outlives it with the tables and the tree. Throws what the transaction throws.
class IncomingState {
 public:
  IncomingState(Transaction& transaction, const Tables& tables, StoredTree& tree)
      : transaction_(transaction), tables_(tables), tree_(tree), new_keys_(transaction, tables.keys) {}

  /// Keeps the piece, in place of every one that overlaps with it. The caller has compared its digest with a certified
  /// root.
  void stage(const VerifiedPiece& piece);

  /// Makes the own state what the pieces say at the places of `cover`, where they lie; no two of them overlap. Returns
  /// the root. Throws everything away that was staged.
  Digest install(const std::set<NibblePrefix>& cover);

  void discard();

 private:
  /// An entry of a piece and where its leaf lies.
  struct Placed {
    Digest path;
    StateEntries::Entry leaf;  ///< borrowed from the piece
  };
  void discard_below(const NibblePrefix& prefix);
  [[nodiscard]] std::vector<Placed> placed(const NibblePrefix& prefix, const StateEntries& entries) const;
  void erase_unstaged(const NibblePrefix& prefix, const std::vector<Placed>& staged);
  void take(const Placed& staged);
  /// A change of the tree and the leaf's new record; an empty one where it is gone, or where the leaf that is there
  /// stays.
  struct Waiting {
    StoredTree::Change change;
    Bytes record;
  };
  void wait(Waiting waiting);
  void apply_waiting();

  Transaction& transaction_;
  const Tables& tables_;
  StoredTree& tree_;
  std::vector<Waiting> waiting_;  ///< that neither the tree nor the leaves know yet
  std::size_t waiting_bytes_ = 0;
  bool fresh_ = false;  ///< there was nothing before: leaves come in the order of their table
  NewKeys new_keys_;
};

/// What is staged, by place.
[[nodiscard]] std::map<NibblePrefix, std::optional<Digest>> staged_pieces(const Transaction& transaction,
                                                                          const Tables& tables);

}  // namespace tagma::lmdb
