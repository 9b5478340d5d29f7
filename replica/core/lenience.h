// How much is forgiven to primaries: more only when it has been shown that a correct one could not do with less.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>

#include "messages/messages.h"

namespace tagma {

/// With so many doublings a clock may be wrong by centuries: nothing is held against a primary.
inline constexpr std::uint32_t time_doublings_max = 30;

/// Doublings of an allowance.
///
/// f+1 different primaries that were given up for one reason contain a correct one: then the allowance was too small,
/// and doubles. Faulty ones alone are at most f, so that they cannot drive it up, however often they are given up.
/// Where it is known how many doublings each would have needed, it grows to the least of these at once: no more than
/// what the correct one did.
class Lenience {
 public:
  Lenience(std::uint32_t weak_quorum, std::uint32_t doublings_max)
      : weak_quorum_(weak_quorum), doublings_max_(doublings_max) {}

  void given_up(ReplicaId primary, std::uint32_t needed = 0) {
    given_up_[primary] = needed;
    if (given_up_.size() < weak_quorum_) return;
    std::uint32_t least = std::numeric_limits<std::uint32_t>::max();
    for (const auto& [each, doublings] : given_up_) least = std::min(least, doublings);
    given_up_.clear();
    doublings_ = std::min(std::max(doublings_ + 1, least), doublings_max_);
  }
  /// A primary has served well for long.
  void served_well() {
    given_up_.clear();
    if (doublings_ > 0) --doublings_;
  }
  [[nodiscard]] std::uint32_t doublings() const { return doublings_; }

 private:
  std::uint32_t weak_quorum_;
  std::uint32_t doublings_max_;
  std::uint32_t doublings_ = 0;
  std::map<ReplicaId, std::uint32_t> given_up_;  ///< with the doublings that each would have needed
};

}  // namespace tagma
