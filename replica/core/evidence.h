// Contradictions that another replica has uttered to this one: what proves to this replica, and to nobody else, that it
// is faulty (architecture: "Evidence"). What a third party reports proves nothing, for frames carry MACs.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
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

/// Kept per replica, the latest ones, and all counted. Invariant: whom anything is held against has a count above zero,
/// until it begins another life: then somebody has looked after it.
class EvidenceLog {
 public:
  explicit EvidenceLog(std::uint32_t replicas) : against_(replicas) {}

  /// Keeps it; whether it is the first against this replica.
  bool add(ReplicaId replica, const Contradiction& contradiction);
  /// Another life answers for nothing of this one; whether anything had been held against it.
  bool forgive(ReplicaId replica);

  [[nodiscard]] std::uint64_t count(ReplicaId replica) const { return against_[replica].count; }
  [[nodiscard]] const std::deque<Contradiction>& latest(ReplicaId replica) const { return against_[replica].latest; }

  static constexpr std::size_t latest_max = 16;

 private:
  struct Against {
    std::uint64_t count = 0;
    std::deque<Contradiction> latest;
  };
  std::vector<Against> against_;  ///< by id
};

}  // namespace tagma
