// Contradictions that another replica has uttered to this one: what proves to this replica, and to nobody else, that it
// is faulty (architecture: "Evidence"). What a third party reports proves nothing, for frames carry MACs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messages/messages.h"

namespace tagma {

/// Two statements of one replica that no correct one makes both.
struct Contradiction {
  std::string_view kind;  ///< a literal: the message's name
  View view = 0;
  Seq seq = 0;
  Digest first;
  Digest second;
};

/// For whoever looks after the replica.
[[nodiscard]] std::string to_string(const Contradiction& contradiction);

/// Counted per replica; the first one is told to the operator. Invariant: whom anything is held against has a count
/// above zero, until it begins another life: then somebody has looked after it.
class EvidenceLog {
 public:
  explicit EvidenceLog(std::uint32_t replicas) : counts_(replicas, 0) {}

  /// Counts a contradiction; whether it is the first of this replica.
  [[nodiscard]] bool add(ReplicaId replica) { return ++counts_[replica] == 1; }
  /// Another life answers for nothing of this one; whether anything had been held against it.
  [[nodiscard]] bool forgive(ReplicaId replica) { return std::exchange(counts_[replica], 0) > 0; }

  [[nodiscard]] std::uint64_t count(ReplicaId replica) const { return counts_[replica]; }

 private:
  std::vector<std::uint64_t> counts_;  ///< by id
};

}  // namespace tagma
