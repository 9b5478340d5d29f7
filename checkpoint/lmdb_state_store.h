// The checkpointed state on disk: LMDB, one transaction for each checkpoint. STATE.md defines every byte.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "checkpoint/disk.h"
#include "checkpoint/lmdb_reader.h"

namespace tagma {

struct LmdbOptions {
  enum class Mode : std::uint8_t {
    create,  ///< makes what is absent: only where nothing can have been lost
    open,    ///< whatever is absent is damage
    look,    ///< the same, for reading only, whoever the owner is
  };
  Mode mode = Mode::open;
  std::string folder;  ///< exists, and holds nothing but the store's files
  Bytes owner;         ///< whose state it is: of another owner it is refused
  /// Called once for each reader and for the writer, which may run on different threads.
  std::function<HashFunction()> make_hash;
  /// Address space; the file takes as much disk as it needs of it. Full, it counts as no room.
  std::uint64_t map_bytes = 64UL * 1024 * 1024 * 1024;
};

/// The state of another owner, or of another format. In one line.
struct StoreRefused {
  std::string reason;
};

/// write(), stage() and install() are for one thread, which need not be that of a reader. Only one object for a folder
/// in a process.
class LmdbStateStore {
 public:
  using OpenResult = std::variant<std::unique_ptr<LmdbStateStore>, StoreRefused, StateDamaged, DiskFailure>;
  /// Durable on return, where it makes the store. Reads the head only; LmdbReader::verify() reads everything.
  [[nodiscard]] static OpenResult open(const LmdbOptions& options);

  /// The reader that moves on with the checkpoints, by its refresh().
  [[nodiscard]] LmdbReader& reader() { return reader_; }
  [[nodiscard]] const LmdbReader& reader() const { return reader_; }
  /// Applies a frozen overlay as the state after `seq`, which must be higher than the one before, and returns its root.
  /// One transaction: durable on return, or nothing has changed. After `no_space` it may be tried again. Throws
  /// StateDamaged.
  [[nodiscard]] std::variant<Digest, DiskFailure> write(Seq seq, const Overlay& overlay);

  /// Keeps pieces of another state beside the own one, each in place of every earlier one that overlaps with it.
  /// Durable on return, or nothing has changed. Throws StateDamaged.
  [[nodiscard]] std::optional<DiskFailure> stage(const std::vector<VerifiedPiece>& pieces);
  /// What is staged, also by an earlier life; if any of it is damaged nothing is any more. For the writer's thread.
  /// Throws StateDamaged.
  [[nodiscard]] std::variant<StagedPieces, StagedDiscarded, DiskFailure> staged();
  /// Makes the own state the one after `seq`, not below the own: at the places of `cover` what is staged there, and
  /// elsewhere what it is. `root` is the certified root, which that must have. One transaction, like write(); memory
  /// does not follow its size. Nothing is staged afterwards. Throws StateDamaged.
  [[nodiscard]] std::variant<Digest, RootDiffers, DiskFailure> install(Seq seq, const Digest& root,
                                                                       const std::set<NibblePrefix>& cover);
  /// The state is somebody else's from now on. Durable on return.
  [[nodiscard]] std::optional<DiskFailure> change_owner(const Bytes& owner);
  /// Forgets what is staged.
  [[nodiscard]] std::optional<DiskFailure> discard_staged();

 private:
  template <typename Write>
  [[nodiscard]] std::optional<DiskFailure> written(const Write& write);
  LmdbStateStore(const LmdbOptions& options, const lmdb::Tables& tables,
                 std::shared_ptr<const lmdb::Environment> environment);

  std::shared_ptr<const lmdb::Environment> environment_;
  lmdb::Tables tables_;
  std::function<HashFunction()> make_hash_;
  HashFunction writer_hash_;
  LmdbReader reader_;
};

}  // namespace tagma
