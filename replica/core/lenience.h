// How much is forgiven to primaries: more only when it has been shown that a correct one could not do with less.
#pragma once

#include <cstdint>
#include <set>

#include "messages/messages.h"

namespace tagma {

/// Doublings of an allowance.
///
/// f+1 different primaries that were given up for one reason contain a correct one: then the allowance was too small,
/// and doubles. Faulty ones alone are at most f, so that they cannot drive it up, however often they are given up.
class Lenience {
 public:
  Lenience(std::uint32_t weak_quorum, std::uint32_t doublings_max)
      : weak_quorum_(weak_quorum), doublings_max_(doublings_max) {}

  void given_up(ReplicaId primary) {
    given_up_.insert(primary);
    if (given_up_.size() < weak_quorum_) return;
    given_up_.clear();
    if (doublings_ < doublings_max_) ++doublings_;
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
  std::set<ReplicaId> given_up_;
};

}  // namespace tagma
