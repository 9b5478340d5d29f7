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

/// Counted per replica; the first one is kept, and told to the operator. Invariant: whom anything is held against has a
/// count above zero, until it begins another life: then somebody has looked after it.
class EvidenceLog {
 public:
  /// Against one replica.
  struct Held {
    std::uint64_t count = 0;
    Contradiction first;  ///< means nothing while the count is 0
  };

  explicit EvidenceLog(std::uint32_t replicas) : held_(replicas) {}

  /// Counts a contradiction; whether it is the first of this replica.
  [[nodiscard]] bool add(ReplicaId replica, const Contradiction& contradiction) {
    auto& held = held_[replica];
    if (held.count == 0) held.first = contradiction;
    return ++held.count == 1;
  }
  /// Another life answers for nothing of this one; whether anything had been held against it.
  [[nodiscard]] bool forgive(ReplicaId replica) { return std::exchange(held_[replica], {}).count > 0; }

  [[nodiscard]] const Held& against(ReplicaId replica) const { return held_[replica]; }

 private:
  std::vector<Held> held_;  ///< by id
};

}  // namespace tagma
