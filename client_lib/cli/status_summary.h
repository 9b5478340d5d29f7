// What the replicas' reports say together: who answered, who votes and why not, and whose state differs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/membership.h"
#include "tagma/client.h"

namespace tagma::cli {

struct StatusSummary {
  std::uint32_t answered = 0;
  /// Replicas whose digest is not that of most replicas that report the same state_digest_seq. Where no digest has more
  /// replicas than every other, all of that seq are named.
  std::vector<ReplicaId> differing;
  /// The highest state_digest_seq that two or more replicas report and all alike; 0 when there is none.
  Seq agreed_seq = 0;
  std::uint32_t agreeing_at_seq = 0;  ///< replicas that report agreed_seq
  /// A quorum answered, and a quorum of those neither differs nor is in another epoch.
  bool quorum_agrees = false;
  /// Replicas that answered, are in this epoch, and say that they vote.
  std::uint32_t voting = 0;
  /// Nothing can be ordered where this is false, however well those agree that answered.
  bool quorum_votes = false;
  /// Replicas that lost their memory and are not taken back yet, as they say themselves.
  std::vector<ReplicaId> forgetful;
  /// Replicas that raised the alarm and take no part any more, as they say themselves.
  std::vector<ReplicaId> alarmed;
};

[[nodiscard]] StatusSummary summarise(const Membership& membership, const std::vector<ReplicaReport>& reports);

/// What the cluster bears while these replicas are being taken back: "answers correctly while 1 replica lies".
[[nodiscard]] std::string faults_text(const Membership& membership, const std::vector<ReplicaId>& forgetful);

/// Who has contradicted himself, and towards whom.
struct Accusation {
  ReplicaId accused = 0;
  std::vector<ReplicaId> accusers;  ///< in rising order, at least one
  std::string first;                ///< what the first of them heard first; empty where it does not say
};
/// In the order of the accused.
[[nodiscard]] std::vector<Accusation> accusations(const std::vector<ReplicaReport>& reports);

/// What replicas tell of a member of a group. Each number is one that f+1 of them reach: some correct replica does.
struct MemberReport {
  std::string group;
  std::uint32_t member = 0;
  ClientId client = 0;
  std::uint64_t votes = 0;
  std::uint64_t late = 0;
  std::uint64_t disagreeing = 0;
  bool suspected = false;
};
/// In the order of groups and members; without those of whom fewer than f+1 replicas know.
[[nodiscard]] std::vector<MemberReport> member_reports(const Membership& membership,
                                                       const std::vector<ReplicaReport>& reports);

/// A counter of the report; nothing where it does not tell that one.
[[nodiscard]] std::optional<std::uint64_t> counter_if_told(const Report& report, std::string_view name);

/// What of its disk has no room, what is free and what is needed; nothing where there is room.
[[nodiscard]] std::optional<std::string> no_room(const Report& report);

/// Why a replica that answers does not vote.
[[nodiscard]] std::string why_not_voting(const Report& report);

}  // namespace tagma::cli
