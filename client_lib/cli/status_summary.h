// What the replicas' reports say together: who answered, and whose state differs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "messages/membership.h"
#include "tagma/client.h"

namespace tagma::cli {

struct StatusSummary {
  std::uint32_t answered = 0;
  /// Replicas whose digest is not that of most replicas that report the same state_digest_seq. Where no digest has more
  /// replicas than every other, all of that seq are named.
  std::vector<ReplicaId> differing;
  /// The highest state_digest_seq that two or more replicas report and all alike; 0 when there is none.
  Seq agreed_seq = 0;
  std::uint32_t agreeing_at_seq = 0;  ///< replicas that report agreed_seq
  /// A quorum answered, and a quorum of those neither differs nor is in another epoch.
  bool quorum_agrees = false;
};

[[nodiscard]] StatusSummary summarise(const Membership& membership, const std::vector<ReplicaReport>& reports);

}  // namespace tagma::cli
