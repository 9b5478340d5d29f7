// Which parts of a certified state a replica lacks, and whether what others send is what it lacks. README.md has the
// walk.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "checkpoint/state_piece.h"
#include "checkpoint/state_store.h"

namespace tagma {

/// The walk from a certified root down to what differs. Pure: says which places to ask others about, judges what they
/// answer, and hands out pieces that the root vouches for. Equal parts are neither asked for nor handed out. Memory
/// follows the number of pieces, not their size. Single-threaded.
class StateTransfer {
 public:
  struct Target {
    Seq seq = 0;
    Digest root;  ///< certified: whatever it stands for is taken
  };

  /// `local` is the own state; it outlives the transfer and does not change meanwhile. `staged`: what is staged
  /// already, by an earlier life or for an earlier target.
  StateTransfer(const StateReader& local, HashFunction hash, const Target& target, StagedPieces staged);

  /// The next places, in the order of their paths, none that was asked already. At most `count_max`.
  [[nodiscard]] std::vector<StateQuestion> ask(std::size_t count_max);
  /// Whether from now on the nodes of places so deep are wanted, as what lies below most of them is too much for a
  /// piece. Every few places a piece is asked for all the same: only that tells whether it is still so.
  void want_nodes(std::size_t depth, bool wanted);
  static constexpr std::size_t probe_interval = 4;
  /// The answer did not come or was no good: the place is to be asked again.
  void ask_again(const NibblePrefix& prefix);

  enum class Judgement {
    accepted,
    unasked,  ///< of a place that is not asked for (any more): late, perhaps
    false_,   ///< not what the certified root stands for: whoever sent it lies, or reads from a damaged disk
  };
  /// What was accepted lies in take_verified().
  [[nodiscard]] Judgement judge(const StateNode& node);
  [[nodiscard]] Judgement judge(StatePiece piece);

  /// What is to be staged: all of it, in this order, before the target is installed.
  [[nodiscard]] std::vector<VerifiedPiece> take_verified();

  /// Whether nothing is left to ask about.
  [[nodiscard]] bool complete() const { return open_.empty(); }
  /// The places whose staged pieces, together with the rest of the local state, are the target.
  [[nodiscard]] const std::set<NibblePrefix>& cover() const { return cover_; }
  [[nodiscard]] const Target& target() const { return target_; }

  /// Keys and values that were accepted, in bytes.
  [[nodiscard]] std::uint64_t accepted_bytes() const { return accepted_bytes_; }

 private:
  /// A place that differs and is not yet known.
  struct Open {
    Digest digest;  ///< that the root vouches for
    bool node_wanted = false;
    bool asked = false;
  };
  /// What the local state has at a place.
  struct Local {
    NodeKind kind = NodeKind::absent;
    Digest digest;
  };

  [[nodiscard]] static Local local_child(const StateNode& node, const NibblePrefix& child, std::size_t nibble);
  [[nodiscard]] bool wants_node(std::size_t depth);
  void compare(const NibblePrefix& place, NodeKind kind, const Digest& digest, const Local& local);
  void expect_nothing(const NibblePrefix& place, const Local& local);

  const StateReader& local_;
  HashFunction hash_;
  Target target_;
  const StagedPieces staged_;
  std::map<NibblePrefix, Open> open_;
  std::map<std::size_t, std::size_t> node_depths_;  ///< where nodes are wanted: places that were asked about there
  std::set<NibblePrefix> cover_;
  std::vector<VerifiedPiece> verified_;
  std::uint64_t accepted_bytes_ = 0;
};

}  // namespace tagma
