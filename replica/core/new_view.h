// What a new view begins with, as a pure function of its VIEW-CHANGEs (docs/protocol.md, "View change"; Castro and
// Liskov, TOCS 2002, section 4.4, figure 3).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "messages/messages.h"

namespace tagma {

/// The rules of one cluster that the decision depends on.
struct DecisionRules {
  std::uint32_t quorum = 0;       ///< q
  std::uint32_t weak_quorum = 0;  ///< f+1
  Seq window = 0;                 ///< L
  Digest null_digest;             ///< of the null batch
  Seq genesis_slot = 0;           ///< what a VIEW-CHANGE without a certificate begins after
};

/// Which life of a member votes on a slot; nothing where that cannot be told. What another life says is not counted.
using VoterOf = std::function<std::optional<Incarnation>(ReplicaId, Seq)>;

/// What a new view chooses.
struct ViewChoices {
  Seq start = 0;  ///< the highest certificate among the VIEW-CHANGEs
  /// The digest for every slot above `start` up to the highest that has one, null batches included; slots above it are
  /// free. Slots up to `settled` of decide_new_view() are left out.
  std::map<Seq, Digest> chosen;

  [[nodiscard]] const Digest* find(Seq seq) const {
    const auto found = chosen.find(seq);
    return found == chosen.end() ? nullptr : &found->second;
  }
  /// The highest slot that is not free.
  [[nodiscard]] Seq last() const { return chosen.empty() ? start : chosen.rbegin()->first; }
  auto operator<=>(const ViewChoices&) const = default;
};

/// The last slot of the certificate that a VIEW-CHANGE brings.
[[nodiscard]] Seq certificate_of(const ViewChangeStatement& statement, Seq genesis_slot);

/// Decides every slot of (start, start + window], or nothing while one is undecided: more VIEW-CHANGEs are needed then.
/// A slot is decided if
///   - some P[n] = (d, u) is such that a quorum has no P[n], or one of a lower view, or this one; and f+1 have d in
///     Q[n] with a view of at least u. Of several the one with the highest view, then the smallest digest;
///   - or else if a quorum has no P[n]: the null batch below a chosen slot, free above the last one.
/// What was decided in a lower view is chosen: its quorum shares a correct replica with every quorum here, whose P
/// names it. And the VIEW-CHANGEs of all correct replicas together decide (docs/protocol.md has the argument).
///
/// `view_changes` are of distinct members, sound, and for one view. Slots up to `settled` are not looked at: a stable
/// checkpoint covers them at the caller. More VIEW-CHANGEs never make a decided slot undecided.
[[nodiscard]] std::optional<ViewChoices> decide_new_view(const std::vector<const ViewChangeStatement*>& view_changes,
                                                         const DecisionRules& rules, Seq settled,
                                                         const VoterOf& voter_of);

}  // namespace tagma
