// Whether two replicas have the same state, and if not: which keys differ, and since which slot. Private to client_lib
// and the command line.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client_lib/state_walk.h"
#include "messages/membership.h"

namespace tagma {

/// Where two replicas parted, as far as what they remember tells it.
struct Parting {
  enum class Kind : std::uint8_t {
    batches,    ///< at `slot` they executed different batches
    writes,     ///< at `slot` they executed the same batch and wrote different values
    outside,    ///< between the checkpoints `after` and `before` all slots wrote alike: the state changed by itself
    forgotten,  ///< before `slot`, the oldest that both remember; from there on all slots wrote alike
  };
  Kind kind = Kind::forgotten;
  Seq slot = 0;
  Seq after = 0;   ///< the last checkpoint at which they were the same; 0: none that both remember, or the beginning
  Seq before = 0;  ///< the first checkpoint at which they differed; 0: none, they parted behind their newest one
  /// Of batches and writes: slots after `after` are no longer remembered, so that they may have parted before `slot`.
  bool may_be_earlier = false;
};

struct Comparison {
  enum class Verdict : std::uint8_t { same, different, unknown };
  Verdict verdict = Verdict::unknown;
  bool answered = true;  ///< both gave every answer that was needed
  CheckpointRoot left;   ///< newest checkpoint that was looked at; seq 0: there is none
  CheckpointRoot right;
  Seq same_up_to = 0;  ///< the highest slot up to which they are known to be the same
  std::optional<Parting> parting;
  std::optional<StateDifference> keys;  ///< where the states were walked
  std::string trouble;  ///< one line where something could not be told, or a replica answers inconsistently
  Culprit culprit = Culprit::nobody;  ///< whose answers are missing, or contradict each other
};

/// Two replicas that were compared.
struct ComparedPair {
  ReplicaId left = 0;
  ReplicaId right = 0;
  Comparison comparison;
};

struct ComparisonOptions {
  WalkOptions walk;
  std::size_t attempts_max = 8;  ///< how often a walk begins anew because the checkpoints moved on
  std::function<void()> pause;   ///< called before another attempt
};

/// Both are read at their newest checkpoint. If those are of different slots, waits a few attempts for them to meet;
/// then compares what both remember of earlier checkpoints and slots.
[[nodiscard]] Comparison compare_replicas(StateSource& left, StateSource& right, const DigestFunction& digest,
                                          const ComparisonOptions& options);

/// Where the histories part. Both hold the slots behind their last common checkpoint, as far as they are remembered.
/// Nothing if they do not part.
[[nodiscard]] std::optional<Parting> find_parting(const History& left, const History& right);

/// What most replicas claim at one slot.
struct Majority {
  CheckpointRoot at;
  std::vector<ReplicaId> members;  ///< those that claim it, rising
};
/// The highest slot at which f+1 replicas, and more than claim any other root there, claim one root. `histories` has
/// one entry per replica, by id. Nothing if there is none.
[[nodiscard]] std::optional<Majority> find_majority(const Membership& membership,
                                                    const std::vector<std::optional<History>>& histories);

/// Compares each of `replicas` with one of `members`, the majority. A liar may be a member: it claims the majority's
/// root, and then shows another state or none. A correct one differs from the faulty replicas alone, `faults` at most;
/// the first member that does no worse is the one that all are compared with, else the one that does best.
[[nodiscard]] std::vector<ComparedPair> compare_with_majority(
    const std::vector<ReplicaId>& members, const std::vector<ReplicaId>& replicas, std::size_t faults,
    const std::function<Comparison(ReplicaId left, ReplicaId right)>& compare);

}  // namespace tagma
