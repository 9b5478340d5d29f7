// The order of effects, in one place: nothing that others may rely on leaves before what it promises is durable.
#pragma once

#include <deque>

#include "replica/core/effects.h"

namespace tagma {

/// Takes the effects of many steps and hands them out as persistence allows. Used by runtime and simulator alike.
///
/// Invariant: an effect with `after_persists`, and a WriteCheckpoint, is handed out only after durable(k) for every
/// Persist with number <= k that was pushed before it; such effects keep their order. All others are handed out at
/// once.
class EffectSequencer {
 public:
  /// Adds the effects of one step. Returns those that may be performed at once, in order; Persist effects are among
  /// them: the caller gathers them and calls durable() when they are on disk.
  [[nodiscard]] Effects push(Effects effects);

  /// Persists up to `number` are durable. Returns the effects that this releases, in order.
  [[nodiscard]] Effects durable(PersistNumber number);

  /// Effects that wait for a persist.
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Waiting {
    PersistNumber after = 0;
    Effect effect;
  };
  PersistNumber pushed_ = 0;
  PersistNumber durable_ = 0;
  std::deque<Waiting> waiting_;
};

}  // namespace tagma
