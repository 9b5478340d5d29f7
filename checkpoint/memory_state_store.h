// The checkpointed state of a replica that keeps nothing on disk (durability "memory"), and of the simulator.
#pragma once

#include "checkpoint/state_store.h"
#include "checkpoint/state_tree.h"

namespace tagma {

/// An ordered map with a state tree beside it. Lost with the process.
class MemoryStateStore final : public StateStore {
 public:
  explicit MemoryStateStore(HashFunction hash) : tree_(std::move(hash)) {}

  [[nodiscard]] std::optional<Bytes> get(ByteView key) const override;
  [[nodiscard]] std::optional<std::pair<Bytes, Bytes>> seek(ByteView from) const override;
  Digest apply(Seq seq, const Overlay& overlay) override;
  [[nodiscard]] Digest root() const override { return tree_.root(); }
  [[nodiscard]] Seq seq() const override { return seq_; }
  [[nodiscard]] StateNode node(const NibblePrefix& prefix) const override { return tree_.node(prefix); }
  [[nodiscard]] std::vector<Bytes> keys(ByteView from, std::size_t count_max, std::size_t bytes_max) const override;

  /// For tests and measurements.
  [[nodiscard]] const StateTree& tree() const { return tree_; }

 private:
  std::map<Bytes, Bytes, std::less<>> entries_;
  StateTree tree_;  ///< stands for exactly `entries_`
  Seq seq_ = 0;
};

}  // namespace tagma
