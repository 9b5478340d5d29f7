// The checkpointed state of a replica that keeps nothing on disk (durability "memory"), and of the simulator.
#pragma once

#include "checkpoint/state_store.h"
#include "checkpoint/state_tree.h"

namespace tagma {

/// An ordered map with a state tree beside it. Lost with the process.
class MemoryStateStore final : public StateStore {
 public:
  explicit MemoryStateStore(HashFunction hash) : hash_(std::move(hash)), tree_(hash_) {}

  [[nodiscard]] std::optional<Bytes> get(ByteView key) const override;
  [[nodiscard]] std::optional<std::pair<Bytes, Bytes>> seek(ByteView from) const override;
  Digest apply(Seq seq, const Overlay& overlay) override;
  [[nodiscard]] Digest root() const override { return tree_.root(); }
  [[nodiscard]] Seq seq() const override { return seq_; }
  [[nodiscard]] std::vector<StateRoot> roots() const override { return roots_; }
  [[nodiscard]] StateNode node(const NibblePrefix& prefix) const override { return tree_.node(prefix); }
  [[nodiscard]] std::vector<Bytes> keys(ByteView from, std::size_t count_max, std::size_t bytes_max) const override;

  [[nodiscard]] std::uint64_t content_bytes() const override { return bytes_; }
  /// The first call after a change hashes every key.
  [[nodiscard]] std::optional<StatePiece> piece(const NibblePrefix& prefix, std::size_t bytes_max) const override;
  /// A copy; null if the state has more than pin_keys_max keys, whose copying would hold up everything else.
  [[nodiscard]] std::unique_ptr<StateReader> pin() const override;
  static constexpr std::size_t pin_keys_max = 200'000;

  void stage(const std::vector<VerifiedPiece>& pieces) override;
  [[nodiscard]] StagedPieces staged() const override;
  [[nodiscard]] bool install(Seq seq, const Digest& root, const std::set<NibblePrefix>& cover) override;

  /// For tests and measurements.
  [[nodiscard]] const StateTree& tree() const { return tree_; }

 private:
  using Entries = std::map<Bytes, Bytes, std::less<>>;
  using Paths = std::map<Digest, Entries::const_iterator>;

  Digest change(const Overlay& overlay);
  [[nodiscard]] const Paths& paths() const;
  /// What makes the places of the cover what is staged there.
  [[nodiscard]] Overlay to_install(const std::set<NibblePrefix>& cover) const;

  HashFunction hash_;
  Entries entries_;
  StateTree tree_;  ///< stands for exactly `entries_`
  Seq seq_ = 0;
  std::vector<StateRoot> roots_;
  std::uint64_t bytes_ = 0;                       ///< of all keys and values
  mutable std::optional<Paths> paths_;            ///< of `entries_`, once somebody asks
  std::map<NibblePrefix, VerifiedPiece> staged_;  ///< no two overlap
};

}  // namespace tagma
