// The durable side of the replicated state: what a checkpoint wrote, with a root over all of it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "messages/inspection.h"
#include "messages/transfer.h"

namespace tagma {

/// Changes since the last checkpoint: a value, or nothing where the key was erased. Ordered, as the state is.
using Overlay = std::map<Bytes, std::optional<Bytes>, std::less<>>;

/// What was staged was damaged and has been thrown away; the state itself is whole.
struct StagedDiscarded {
  std::string reason;  ///< one line
};

/// What was installed did not have the root that it should have. Nothing has changed, and nothing is staged any more.
struct RootDiffers {
  Digest root;
};

/// The root that a state had after a slot.
struct StateRoot {
  Seq seq = 0;
  Digest root;
  auto operator<=>(const StateRoot&) const = default;
};

/// More than checkpoints that are written before one of them is stable: a window has fewer.
constexpr std::size_t state_roots_max = 16;

/// The checkpointed state as execution and those who compare read it, from one thread. Whoever finds the disk damaged
/// throws StateDamaged.
class StateReader {
 public:
  StateReader() = default;
  StateReader(const StateReader&) = delete;
  StateReader& operator=(const StateReader&) = delete;
  virtual ~StateReader() = default;

  [[nodiscard]] virtual std::optional<Bytes> get(ByteView key) const = 0;
  /// The smallest key >= `from` with its value.
  [[nodiscard]] virtual std::optional<std::pair<Bytes, Bytes>> seek(ByteView from) const = 0;
  /// The root over the state; it depends on the keys and values alone, not on the order in which they came to be.
  [[nodiscard]] virtual Digest root() const = 0;
  /// The slot after which this is the state; 0 before the first checkpoint.
  [[nodiscard]] virtual Seq seq() const = 0;

  /// Of the last checkpoints that were written here one after the other, since the state was installed or began: at
  /// most state_roots_max, the last one is seq() and root(); none before the first checkpoint. After a crash of all,
  /// replicas have come to different slots, and only what each of them was before says what they have in common.
  [[nodiscard]] virtual std::vector<StateRoot> roots() const = 0;

  /// A place of the tree whose root is root().
  [[nodiscard]] virtual StateNode node(const NibblePrefix& prefix) const = 0;
  /// The smallest keys >= `from` in rising order: at most `count_max`, and no more once they have `bytes_max` together.
  [[nodiscard]] virtual std::vector<Bytes> keys(ByteView from, std::size_t count_max, std::size_t bytes_max) const = 0;

  /// About what all keys and values take, in bytes.
  [[nodiscard]] virtual std::uint64_t content_bytes() const = 0;
  /// Everything that lies at a place; nothing if that is larger than `bytes_max` (size_of()).
  [[nodiscard]] virtual std::optional<StatePiece> piece(const NibblePrefix& prefix, std::size_t bytes_max) const = 0;
  /// One more reader of the newest written state, which stays at it: for a bounded time, since what it sees cannot be
  /// given up. Null if this store cannot. It does not outlive the store.
  [[nodiscard]] virtual std::unique_ptr<StateReader> pin() const = 0;
};

/// A piece of another state, and the digest that a certified root gives its place: nothing where nothing lies there.
struct VerifiedPiece {
  StatePiece piece;
  std::optional<Digest> digest;
};
/// What is staged of another state, by place.
using StagedPieces = std::map<NibblePrefix, std::optional<Digest>>;

/// The same with its writer on the same thread.
class StateStore : public StateReader {
 public:
  /// Applies a frozen overlay as the state after `seq` and returns the new root; the reader sees it at once. Cost
  /// follows the overlay's size, not the state's.
  virtual Digest apply(Seq seq, const Overlay& overlay) = 0;

  /// Keeps pieces of another state beside the own one, each in place of every earlier one that overlaps with it.
  virtual void stage(const std::vector<VerifiedPiece>& pieces) = 0;
  [[nodiscard]] virtual StagedPieces staged() const = 0;
  /// Makes the own state the one after `seq`, not below the own: at the places of `cover` what is staged there, and
  /// elsewhere what it is. False if that does not have the root: then the state stays. Nothing is staged afterwards.
  [[nodiscard]] virtual bool install(Seq seq, const Digest& root, const std::set<NibblePrefix>& cover) = 0;
};

}  // namespace tagma
