#include "replica/core/evidence.h"

#include <utility>

namespace tagma {

std::string to_string(const Contradiction& contradiction) {
  const auto name = [](const Digest& digest) { return to_hex(digest.view()).substr(0, 12); };
  return "two " + std::string(contradiction.kind) + "s for view " + std::to_string(contradiction.view) + " slot " +
         std::to_string(contradiction.seq) + ": " + name(contradiction.first) + " and " + name(contradiction.second);
}

bool EvidenceLog::add(ReplicaId replica, const Contradiction& contradiction) {
  auto& against = against_[replica];
  against.latest.push_back(contradiction);
  if (against.latest.size() > latest_max) against.latest.pop_front();
  return ++against.count == 1;
}

bool EvidenceLog::forgive(ReplicaId replica) { return std::exchange(against_[replica], Against{}).count > 0; }

}  // namespace tagma
