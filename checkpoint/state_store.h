// The durable side of the replicated state: what a checkpoint wrote, with a root over all of it.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "messages/inspection.h"

namespace tagma {

/// Changes since the last checkpoint: a value, or nothing where the key was erased. Ordered, as the state is.
using Overlay = std::map<Bytes, std::optional<Bytes>, std::less<>>;

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

  /// A place of the tree whose root is root().
  [[nodiscard]] virtual StateNode node(const NibblePrefix& prefix) const = 0;
  /// The smallest keys >= `from` in rising order: at most `count_max`, and no more once they have `bytes_max` together.
  [[nodiscard]] virtual std::vector<Bytes> keys(ByteView from, std::size_t count_max, std::size_t bytes_max) const = 0;
};

/// The same with its writer on the same thread.
class StateStore : public StateReader {
 public:
  /// Applies a frozen overlay as the state after `seq` and returns the new root; the reader sees it at once. Cost
  /// follows the overlay's size, not the state's.
  virtual Digest apply(Seq seq, const Overlay& overlay) = 0;
};

}  // namespace tagma
