#include "replica/core/evidence.h"

namespace tagma {

std::string to_string(const Contradiction& contradiction) {
  const auto name = [](const Digest& digest) { return to_hex(digest.view()).substr(0, 12); };
  return "two " + std::string(contradiction.kind) + "s for view " + std::to_string(contradiction.view) + " slot " +
         std::to_string(contradiction.seq) + ": " + name(contradiction.first) + " and " + name(contradiction.second);
}

}  // namespace tagma
