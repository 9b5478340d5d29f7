// The checkpointed state as one LMDB snapshot shows it.
#pragma once

#include <functional>
#include <memory>
#include <variant>

#include "checkpoint/lmdb_records.h"
#include "checkpoint/state_damaged.h"
#include "checkpoint/state_piece.h"
#include "checkpoint/state_store.h"

namespace tagma {

/// For one thread at a time. Writers may go on meanwhile: the reader sees the same state until refresh(). As long as it
/// lives the pages of its snapshot are not used again, so that the file grows with what is written.
///
/// Every record has a checksum; a key counts as absent only where the tree says so too. What is not as it was written
/// throws StateDamaged. A damaged page that LMDB itself stumbles over may end the process instead.
class LmdbReader final : public StateReader {
 public:
  LmdbReader(std::shared_ptr<const lmdb::Environment> environment, const lmdb::Tables& tables,
             std::function<HashFunction()> make_hash);

  [[nodiscard]] std::optional<Bytes> get(ByteView key) const override;
  /// A key that damage took from the table without a trace in its neighbours is not missed here, but by verify().
  [[nodiscard]] std::optional<std::pair<Bytes, Bytes>> seek(ByteView from) const override;
  [[nodiscard]] Digest root() const override { return head_.root; }
  [[nodiscard]] Seq seq() const override { return head_.seq; }
  [[nodiscard]] std::vector<StateRoot> roots() const override { return roots_; }
  [[nodiscard]] StateNode node(const NibblePrefix& prefix) const override { return tree_.node(prefix); }
  [[nodiscard]] std::vector<Bytes> keys(ByteView from, std::size_t count_max, std::size_t bytes_max) const override;

  [[nodiscard]] std::uint64_t content_bytes() const override { return transaction_.bytes(tables_.leaves); }
  [[nodiscard]] std::optional<StatePiece> piece(const NibblePrefix& prefix, std::size_t bytes_max) const override;
  /// Holds its snapshot, whose pages are not used again, so that the file grows. May be called on the reader's thread
  /// while another one writes.
  [[nodiscard]] std::unique_ptr<StateReader> pin() const override;

  /// From now on reads see the newest state.
  void refresh();

  struct Size {
    std::uint64_t keys = 0;
    std::uint64_t file_bytes = 0;
    std::uint64_t map_bytes = 0;
  };
  [[nodiscard]] Size size() const;

  struct Intact {};
  struct Abandoned {};
  using Verification = std::variant<Intact, Abandoned, StateDamaged>;
  /// Reads all that the reader sees, in the order of the disk, and recomputes the root. `go_on` is told how many of how
  /// many records were looked at, about every thousand; where it returns false the verification is abandoned. Returns
  /// the damage that it finds first.
  [[nodiscard]] Verification verify(const std::function<bool(std::uint64_t done, std::uint64_t total)>& go_on) const;

 private:
  template <typename Visit>
  void each_key(ByteView from, const Visit& visit) const;
  [[nodiscard]] std::optional<ByteView> value_of(ByteView key, const Digest& path) const;
  [[nodiscard]] ByteView value_there(ByteView key) const;
  [[noreturn]] void leaf_missing(ByteView key) const;
  [[nodiscard]] const std::string& folder() const { return environment_->folder(); }
  void look();

  std::shared_ptr<const lmdb::Environment> environment_;
  lmdb::Tables tables_;
  std::function<HashFunction()> make_hash_;
  lmdb::Transaction transaction_;
  lmdb::TransactionNodes nodes_;
  StoredTree tree_;
  lmdb::Head head_;
  std::vector<StateRoot> roots_;
  std::uint64_t keys_ = 0;
};

}  // namespace tagma
