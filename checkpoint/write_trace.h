// What the operations of one slot wrote, as one digest: two replicas that executed the same slot alike have the same.
#pragma once

#include <cstddef>
#include <optional>

#include "checkpoint/state_tree.h"

namespace tagma {

/// Takes the writes in the order in which they were made; those that were undone are left out. Holds little: what has
/// gathered is folded into a digest now and then. Single-threaded.
///
/// What is hashed: `digest of what was folded` (32 zero bytes at first), then per write u32(bytes of key), key, and
/// 0x00 for a key that is gone or 0x01, u32(bytes of value), value. Lengths are little-endian.
class WriteTrace {
 public:
  /// Folded between operations when as much has gathered.
  static constexpr std::size_t fold_bytes = 64UL * 1024;

  explicit WriteTrace(HashFunction hash);

  void wrote(ByteView key, const std::optional<ByteView>& value);
  /// An operation begins; what it writes may be undone.
  void begin() { begun_at_ = gathered_.size(); }
  void commit();
  void rollback();

  /// The digest of everything since the last take(); begins anew.
  [[nodiscard]] Digest take();

 private:
  void fold();

  HashFunction hash_;
  Bytes gathered_;
  std::optional<std::size_t> begun_at_;  ///< where the running operation's writes begin
};

}  // namespace tagma
