// Which member sends so much more than the others that it is not listened to for a while (attack B11).
#pragma once

#include <cstdint>
#include <map>

#include "messages/membership.h"
#include "replica/core/config.h"

namespace tagma::runtime {

/// Compares what the members' messages cost. Among the f members that cost most all may be faulty, the next one is not:
/// whoever costs many times what that one does, and sends more than is served, is cut off. A replica that is itself too
/// slow for the others is no reason: then all of them cost it much. Nor is that one of them leads: a proposal, with all
/// the signatures in it, costs many times what votes do, and is counted as a message that cost nothing. A faulty
/// primary gains its share of the time by that (inbox.h). Integer arithmetic, time comes in. Not thread-safe.
class FloodGuard {
 public:
  /// `faulty_max`: f; 0: nobody is ever cut off.
  explicit FloodGuard(std::uint32_t faulty_max) : faulty_max_(faulty_max) {}

  /// A message of the sender was served, in so many nanoseconds; 0 for a proposal.
  void served(const Principal& sender, std::uint64_t cost_ns, MonotonicUs now_us);
  /// Something of the sender found no room. Whether that is when it is cut off.
  [[nodiscard]] bool overflowed(const Principal& sender, MonotonicUs now_us);
  [[nodiscard]] bool is_cut_off(const Principal& sender, MonotonicUs now_us) const;
  /// When its last cut-off ends, or ended; 0 if there was none.
  [[nodiscard]] MonotonicUs cut_until_us(const Principal& sender) const;

  static constexpr MonotonicUs period_us = 1'000'000;  ///< costs are those of the last one or two of these
  /// Who costs so many times as much as a correct one, and more than this in the two periods, is too much.
  static constexpr std::uint64_t times_others = 8;
  static constexpr std::uint64_t messages_free = 10'000;
  static constexpr std::uint64_t cost_free_ns = 200'000'000;
  static constexpr MonotonicUs cut_min_us = 1'000'000;  ///< doubled each time
  static constexpr MonotonicUs cut_max_us = 32'000'000;
  static constexpr MonotonicUs forgotten_us = 60'000'000;  ///< after it the first cut is short again

 private:
  struct Cost {
    std::uint64_t messages = 0;
    std::uint64_t ns = 0;
  };
  struct Member {
    Cost now;  ///< of this period
    Cost before;
    MonotonicUs cut_until_us = 0;
    MonotonicUs cut_us = 0;  ///< how long the last one was
    [[nodiscard]] Cost lately() const { return {now.messages + before.messages, now.ns + before.ns}; }
  };
  void roll(MonotonicUs now_us);
  [[nodiscard]] bool floods(const Principal& sender) const;

  std::uint32_t faulty_max_;
  MonotonicUs period_since_us_ = 0;
  std::map<Principal, Member> members_;  ///< as many as have proved who they are
};

}  // namespace tagma::runtime
