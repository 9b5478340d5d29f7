// The broken rules of messages/mutant.h by name, for those programs of the mutants' build that are told which one.
#pragma once

#include <optional>
#include <string_view>

#include "messages/mutant.h"

namespace tagma::sim {

struct NamedMutant {
  Mutant mutant;
  std::string_view name;
};

inline constexpr NamedMutant all_mutants[] = {
    {Mutant::quorum_one_too_small, "quorum_one_too_small"},
    {Mutant::prepare_quorum_one_too_small, "prepare_quorum_one_too_small"},
    {Mutant::primary_equivocates_undetected, "primary_equivocates_undetected"},
    {Mutant::reply_from_one_replica, "reply_from_one_replica"},
    {Mutant::duplicate_executed, "duplicate_executed"},
    {Mutant::session_gap_executed, "session_gap_executed"},
    {Mutant::overlay_loses_write, "overlay_loses_write"},
    {Mutant::checkpoint_quorum_of_one, "checkpoint_quorum_of_one"},
    {Mutant::executes_out_of_order, "executes_out_of_order"},
    {Mutant::own_vote_counted_early, "own_vote_counted_early"},
    {Mutant::log_never_collected, "log_never_collected"},
    {Mutant::pending_without_limit, "pending_without_limit"},
    {Mutant::clock_read_at_execution, "clock_read_at_execution"},
    {Mutant::wrong_batch_digest_accepted, "wrong_batch_digest_accepted"},
    {Mutant::reply_before_own_sync, "reply_before_own_sync"},
    {Mutant::pre_prepare_counted_as_prepare, "pre_prepare_counted_as_prepare"},
    {Mutant::vote_not_persisted, "vote_not_persisted"},
    {Mutant::log_collected_early, "log_collected_early"},
    {Mutant::piece_not_verified, "piece_not_verified"},
    {Mutant::votes_forgotten_at_restart, "votes_forgotten_at_restart"},
    {Mutant::amnesiac_votes_before_boundary, "amnesiac_votes_before_boundary"},
    {Mutant::boundary_without_window, "boundary_without_window"},
    {Mutant::log_checksum_ignored, "log_checksum_ignored"},
    {Mutant::log_cut_below_mark, "log_cut_below_mark"},
    {Mutant::checkpoint_voted_early, "checkpoint_voted_early"},
    {Mutant::undecided_taken_as_null, "undecided_taken_as_null"},
    {Mutant::view_not_persisted, "view_not_persisted"},
    {Mutant::votes_in_left_view, "votes_in_left_view"},
    {Mutant::prepared_left_out, "prepared_left_out"},
    {Mutant::view_change_unverified, "view_change_unverified"},
    {Mutant::leads_view_found_on_disk, "leads_view_found_on_disk"},
    {Mutant::request_never_owed, "request_never_owed"},
    {Mutant::new_view_kept_to_oneself, "new_view_kept_to_oneself"},
    {Mutant::chosen_batch_not_voted, "chosen_batch_not_voted"},
    {Mutant::agreed_time_goes_back, "agreed_time_goes_back"},
    {Mutant::future_time_accepted, "future_time_accepted"},
    {Mutant::checkpoint_votes_without_limit, "checkpoint_votes_without_limit"},
    {Mutant::unasked_batches_kept, "unasked_batches_kept"},
    {Mutant::routes_without_limit, "routes_without_limit"},
    {Mutant::routes_under_one_client, "routes_under_one_client"},
    {Mutant::late_group_vote_counted, "late_group_vote_counted"},
    {Mutant::group_time_begun_by_one, "group_time_begun_by_one"},
    {Mutant::group_vote_counted_twice, "group_vote_counted_twice"},
    {Mutant::group_time_by_own_clock, "group_time_by_own_clock"},
    {Mutant::group_median_averaged, "group_median_averaged"},
    {Mutant::group_threshold_one_off, "group_threshold_one_off"},
    {Mutant::one_administrator_enough, "one_administrator_enough"},
    {Mutant::approval_counted_twice, "approval_counted_twice"},
    {Mutant::permission_not_looked_at, "permission_not_looked_at"},
    {Mutant::checkpoint_skipped_unasked, "checkpoint_skipped_unasked"},
};

[[nodiscard]] constexpr std::string_view name_of(Mutant which) {
  for (const auto& [mutant, name] : all_mutants) {
    if (mutant == which) return name;
  }
  return "none";
}

/// "none" is the unbroken code.
[[nodiscard]] constexpr std::optional<Mutant> mutant_named(std::string_view wanted) {
  for (const auto& [mutant, name] : all_mutants) {
    if (name == wanted) return mutant;
  }
  if (wanted == "none") return Mutant::none;
  return std::nullopt;
}

}  // namespace tagma::sim
