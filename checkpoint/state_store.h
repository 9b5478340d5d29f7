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

/// The checkpointed state. One writer; the cores read it between writes, from the same thread.
class StateStore {
 public:
  StateStore() = default;
  StateStore(const StateStore&) = delete;
  StateStore& operator=(const StateStore&) = delete;
  virtual ~StateStore() = default;

  [[nodiscard]] virtual std::optional<Bytes> get(ByteView key) const = 0;
  /// The smallest key >= `from` with its value.
  [[nodiscard]] virtual std::optional<std::pair<Bytes, Bytes>> seek(ByteView from) const = 0;
  /// Applies a frozen overlay as the state after `seq` and returns the new root. Cost follows the overlay's size, not
  /// the state's. The root depends on the keys and values alone, not on the order in which they came to be.
  virtual Digest apply(Seq seq, const Overlay& overlay) = 0;
  /// The root after the last apply(); of the empty state before the first.
  [[nodiscard]] virtual Digest root() const = 0;
  /// The slot of the last apply(); 0 before the first.
  [[nodiscard]] virtual Seq seq() const = 0;

  /// A place of the tree whose root is root().
  [[nodiscard]] virtual StateNode node(const NibblePrefix& prefix) const = 0;
  /// The smallest keys >= `from` in rising order: at most `count_max`, and no more once they have `bytes_max` together.
  [[nodiscard]] virtual std::vector<Bytes> keys(ByteView from, std::size_t count_max, std::size_t bytes_max) const = 0;
};

}  // namespace tagma
