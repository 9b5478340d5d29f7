// The state as execution sees it: an in-memory overlay above frozen overlays above the checkpointed store
// (architecture: "one replicated state").
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "checkpoint/state_store.h"
#include "checkpoint/write_trace.h"

namespace tagma {

/// Reads fall through the layers, writes go to the top one. Single-threaded. What is seen depends on the operations
/// alone, never on how far checkpoints have come: a put, an erase or an undo during a scan would break that, so it
/// throws std::logic_error and changes nothing.
class LayeredState {
 public:
  /// `store` outlives this object.
  explicit LayeredState(const StateReader& store) : store_(store) {}

  [[nodiscard]] std::optional<Bytes> get(ByteView key) const;
  void put(ByteView key, ByteView value);
  /// Returns whether the key was there.
  bool erase(ByteView key);
  /// Visits keys in [from, to) in rising order until `visit` returns false; an empty `to` means no end. `visit` may
  /// read but not change the state.
  void scan(ByteView from, ByteView to, const std::function<bool(ByteView key, ByteView value)>& visit) const;

  /// Every write from now on is told to `trace`, which outlives this object.
  void trace_writes(WriteTrace& trace) { trace_ = &trace; }

  /// Undo of one operation: everything written after begin() is taken back by rollback() or kept by commit().
  /// Not nested.
  void begin();
  void commit();
  void rollback();

  /// Freezes the top overlay as the changes up to and including `seq`; execution goes on in a new one.
  void freeze(Seq seq);
  /// The overlay that was frozen at `seq` and is not yet written; null if there is none. The store takes them in rising
  /// order.
  [[nodiscard]] std::shared_ptr<const Overlay> frozen(Seq seq) const;
  /// The store has applied the frozen overlay of `seq`, the oldest one; it is dropped here.
  void written(Seq seq);
  /// Whether an overlay is frozen and not yet written.
  [[nodiscard]] bool has_frozen() const { return !frozen_.empty(); }
  /// The store is another state now: what was executed above the old one is dropped.
  void restart();

 private:
  struct Frozen {
    Seq seq = 0;
    std::shared_ptr<const Overlay> overlay;
  };

  /// What one entry of the top overlay was before the running operation changed it. Entries leave the map in rollback()
  /// only, so that the iterator holds.
  struct Undo {
    Overlay::iterator entry;
    std::optional<std::optional<Bytes>> before;  ///< the outer optional is "no entry"
  };

  [[nodiscard]] std::optional<Bytes> get_below_top(ByteView key) const;
  void write(Overlay::iterator hint, ByteView key, std::optional<ByteView> value);
  void check_no_scan() const;

  const StateReader& store_;
  Overlay top_;
  std::deque<Frozen> frozen_;  ///< newest first, as reads look at them; falling seq
  WriteTrace* trace_ = nullptr;
  bool in_operation_ = false;
  std::vector<Undo> undo_;           ///< oldest first; empty outside of an operation
  mutable std::uint32_t scans_ = 0;  ///< scans that are running
};

}  // namespace tagma
