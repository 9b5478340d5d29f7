/**
 * @file
 * @brief What one replica says about itself, as `tagma status` shows it.
 */
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tagma/bytes.h"
#include "tagma/identifiers.h"

namespace tagma {

/**
 * One replica's word about itself: authenticated as its own, and voted by nobody. A faulty replica may say anything
 * here; what a client is to rely on is the voted reply of a call.
 */
struct Report {
  std::uint64_t nonce = 0;      ///< that of the question, which the library compares; of no use to a caller
  Epoch epoch = 0;              ///< the configuration that it is in
  Incarnation incarnation = 0;  ///< its life
  View view = 0;                ///< the view that it is in
  Seq last_executed = 0;        ///< the highest slot that it has executed; 0: none
  Seq stable_checkpoint = 0;    ///< the highest checkpoint of which it has a quorum's certificate; 0: none
  Seq state_digest_seq = 0;     ///< its own newest checkpoint; 0: none
  Digest state_digest;          ///< the state's root at state_digest_seq; replicas that agree have the same there
  bool voting = false;          ///< it takes part in agreement; false where it has stopped, or is too far behind

  /// Named counts since its start: refusals by reason, messages, slots. At most limits::report_counters_max.
  std::vector<std::pair<std::string, std::uint64_t>> counters;
  /// Compares all fields, in their order.
  auto operator<=>(const Report&) const = default;
};

}  // namespace tagma
