// Matching votes of distinct members: used for slots, checkpoints and client replies.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "messages/membership.h"

namespace tagma {

/// Collects one vote per member and counts how many members voted for the same value.
///
/// Invariant: a member has at most one vote here, the first that it cast; a repeated vote counts once, a
/// different later one is reported as a contradiction and not counted (attacks B15, concord's duplicate signer).
/// Not thread-safe. `Value` needs operator<=>.
template <typename Value>
class VoteSet {
 public:
  enum class Outcome : std::uint8_t { counted, repeated, contradiction };

  /// Records the vote of `member`, which the caller has authenticated.
  Outcome add(ReplicaId member, const Value& value) {
    const auto [vote, first] = votes_.try_emplace(member, value);
    if (first) return Outcome::counted;
    return vote->second == value ? Outcome::repeated : Outcome::contradiction;
  }

  [[nodiscard]] std::uint32_t count(const Value& value) const {
    std::uint32_t matching = 0;
    for (const auto& [member, vote] : votes_) matching += vote == value ? 1U : 0U;
    return matching;
  }

  /// The smallest value that at least `threshold` distinct members voted for.
  [[nodiscard]] std::optional<Value> reached(std::uint32_t threshold) const {
    return reached(threshold, [](const Value&) { return true; });
  }

  /// The same among the values that `counts_too` accepts.
  template <typename Predicate>
  [[nodiscard]] std::optional<Value> reached(std::uint32_t threshold, const Predicate& counts_too) const {
    std::map<Value, std::uint32_t> counts;
    for (const auto& [member, vote] : votes_) {
      if (counts_too(vote)) ++counts[vote];
    }
    for (const auto& [value, matching] : counts) {
      if (matching >= threshold) return value;
    }
    return std::nullopt;
  }

  /// The vote of `member`; null if it has none.
  [[nodiscard]] const Value* find(ReplicaId member) const {
    const auto vote = votes_.find(member);
    return vote == votes_.end() ? nullptr : &vote->second;
  }

  /// All votes, by member.
  [[nodiscard]] const std::map<ReplicaId, Value>& votes() const { return votes_; }

  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(votes_.size()); }
  void erase(ReplicaId member) { votes_.erase(member); }
  void clear() { votes_.clear(); }

 private:
  std::map<ReplicaId, Value> votes_;
};

}  // namespace tagma
