// What one replica says about itself. One replica's word, authenticated as its own and believed by nobody else.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tagma/bytes.h"
#include "tagma/identifiers.h"

namespace tagma {

struct Report {
  std::uint64_t nonce = 0;
  Epoch epoch = 0;
  Incarnation incarnation = 0;
  View view = 0;
  Seq last_executed = 0;
  Seq stable_checkpoint = 0;
  Seq state_digest_seq = 0;  ///< newest own checkpoint; 0 when there is none
  Digest state_digest;       ///< root at state_digest_seq
  bool voting = false;
  std::vector<std::pair<std::string, std::uint64_t>> counters;  ///< refusals by reason and other counts
  auto operator<=>(const Report&) const = default;
};

}  // namespace tagma
