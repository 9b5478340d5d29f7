// Deliberately broken rules, to prove that the oracles can fail. They exist in the mutants' build only (TAGMA_MUTANTS,
// a test executable of its own); in the product every question below is a constant false that the compiler removes.
#pragma once

#include <cstdint>

namespace tagma {

enum class Mutant : std::uint8_t {
  none,
  quorum_one_too_small,            ///< slots decide with one vote less
  prepare_quorum_one_too_small,    ///< COMMIT is sent after one PREPARE less
  primary_equivocates_undetected,  ///< a second PRE-PREPARE for a slot replaces the first
  reply_from_one_replica,          ///< the client accepts the first reply
  duplicate_executed,              ///< an already executed number is executed again
  session_gap_executed,            ///< a number is executed although the one before it was not
  overlay_loses_write,             ///< a frozen overlay is not read any more
  checkpoint_quorum_of_one,        ///< a lone checkpoint vote counts as stable
  executes_out_of_order,           ///< a decided slot is executed before the slot below it
  own_vote_counted_early,          ///< the own vote counts before it is durable
  log_never_collected,             ///< slots below the stable checkpoint are kept
  pending_without_limit,           ///< requests are taken without looking at the room
  clock_read_at_execution,         ///< agreed time is the own clock
  wrong_batch_digest_accepted,     ///< a fetched batch is not compared with the digest asked for
  reply_before_own_sync,           ///< a reply leaves before the records behind it are durable
  pre_prepare_counted_as_prepare,  ///< a PRE-PREPARE, which no record stands behind, counts as the primary's PREPARE
  vote_not_persisted,              ///< a COMMIT leaves without its record
  log_collected_early,             ///< the log goes when a checkpoint is stable, whether it is written here or not
  piece_not_verified,              ///< what a source sends of the state is taken as it comes
  log_checksum_ignored,            ///< a group of the log counts as whole whatever its checksum says
  log_cut_below_mark,              ///< damage below what is known to be synced is cut off like a torn tail
  checkpoint_voted_early,          ///< CHECKPOINT leaves before the transaction of the state
  boundary_without_window,         ///< a new life votes as soon as its slot is behind a checkpoint
  amnesiac_votes_before_boundary,  ///< a replica that lost its memory votes at once
  votes_forgotten_at_restart,      ///< a replica that returns does not know what it had PREPAREd
  undecided_taken_as_null,         ///< a slot that a new view cannot decide yet counts as empty
  view_not_persisted,              ///< a VIEW-CHANGE leaves without its record
  votes_in_left_view,              ///< COMMITs in a view that it wanted to leave
  prepared_left_out,               ///< a VIEW-CHANGE without what was prepared
  view_change_unverified,          ///< the signatures of VIEW-CHANGEs are not looked at
  leads_view_found_on_disk,        ///< a primary that returns goes on in its view
  request_never_owed,              ///< a request that waits makes nobody suspect the primary
  new_view_kept_to_oneself,        ///< nobody passes a NEW-VIEW on
  chosen_batch_not_voted,          ///< what a new view chose is not PREPAREd again
  agreed_time_goes_back,           ///< agreed time is what the batch proposes, also where that is earlier
  future_time_accepted,            ///< a proposal's time is not compared with the own clock
  checkpoint_votes_without_limit,  ///< CHECKPOINTs for slots beyond the window are kept
  unasked_batches_kept,            ///< a batch that nobody asked for is kept
  routes_without_limit,            ///< a client's connections are all remembered
  routes_under_one_client,         ///< connections are remembered as one client's, whoever the key says they are
  late_group_vote_counted,         ///< a vote counts after its round's deadline
  group_time_begun_by_one,         ///< t members begin the time of a round
  group_vote_counted_twice,        ///< a member's second vote in a round takes the first one's place
  group_time_by_own_clock,         ///< rounds end by the own clock
  group_median_averaged,           ///< the average takes the place of the median
  group_threshold_one_off,         ///< t alike are enough for the exact rule
  one_administrator_enough,        ///< a change takes effect with the first administrator's vote
  approval_counted_twice,          ///< an administrator's second vote for a change counts
  permission_not_looked_at,        ///< a client may call what it may not, removed ones included
  checkpoint_skipped_unasked,      ///< a replica skips checkpoints although no later one is certified
};

#ifdef TAGMA_MUTANTS
/// The rule that is broken in this run.
inline Mutant active_mutant = Mutant::none;
inline bool mutant(Mutant which) { return active_mutant == which; }
#else
constexpr bool mutant(Mutant) { return false; }
#endif

}  // namespace tagma
