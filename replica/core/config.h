// Parameters of the pure core. Everything that tests draw from a seed is here.
#pragma once

#include <cstddef>
#include <cstdint>

#include "messages/group.h"
#include "messages/membership.h"
#include "messages/messages.h"
#include "tagma/limits.h"

namespace tagma {

/// Monotonic time of the machine, in microseconds from an arbitrary start. Comes in with events, never read inside.
using MonotonicUs = std::int64_t;

struct CoreConfig {
  ReplicaId id = 0;
  Membership membership;
  /// Which life of this replica this is: zero for the first one; else drawn at random by a process that has lost what
  /// its earlier lives promised, and kept as long as its memory is.
  LifeNonce life_nonce;
  /// The cluster begins with the state after this slot, which has this root: stable by configuration. 0: with nothing.
  Seq genesis_slot = 0;
  Digest genesis_root;

  Seq checkpoint_interval = 256;  ///< K: slots between checkpoints; at least 1
  Seq window = 512;               ///< L: slots in flight above the stable checkpoint; at least 2K

  std::size_t batch_operations_max = 2048;
  std::size_t batch_bytes_max = limits::batch_bytes_max / 2;
  /// A pending request waits for company at most this long while other slots are in flight, and at most as long as a
  /// slot takes here, divided by pipeline_depth.
  MonotonicUs batch_age_max_us = 20'000;
  /// Slots that a primary proposes before the first of them has executed.
  std::uint32_t pipeline_depth = 4;  ///< at least 1
  /// Between two null batches that a primary orders because somebody's boundary must be passed: a replica that loses
  /// its memory again and again, or says so, must not keep all busy.
  MonotonicUs null_batch_interval_us = 1'000;
  /// And for one replica no more than four windows of them at once, and then so many a second.
  std::uint32_t null_batches_per_second = 200;

  /// Operations that one session may have waiting here, bytes that one client may. Above it only the bundle with a
  /// session's lowest unexecuted number finds room: it must, or a full quota would look like a censoring primary.
  std::size_t session_pending_operations_max = 1024;
  std::size_t client_pending_bytes_max = 8UL * 1024 * 1024;
  std::size_t pending_bytes_max = 64UL * 1024 * 1024;  ///< all clients together, reserved room aside
  /// Sessions not yet opened that one client may have waiting here, per way by which they came (itself, each replica).
  std::size_t openings_per_relay_max = 32;
  std::vector<GroupDefinition> groups;       ///< names once, no faults (replica/service/group_rules.h)
  std::size_t sessions_per_client_max = 64;  ///< open sessions; the one idle longest is evicted
  /// Bytes of unacknowledged replies kept for one session; above it further operations are not executed.
  std::size_t session_reply_bytes_max = 16UL * 1024 * 1024;

  /// Decided batches kept for replicas that are behind, below the stable checkpoint too.
  std::size_t decided_kept_max = 65'536;
  std::size_t decided_kept_bytes_max = 64UL * 1024 * 1024;

  /// Bytes of batches that one replica is sent again within resend_us; one batch more may pass.
  std::size_t help_bytes_max = 4UL * 1024 * 1024;
  /// Bytes per second of kept replies that one client is sent again; a burst of one session's replies may pass.
  std::size_t reply_again_bytes_per_second = 8UL * 1024 * 1024;
  /// Bytes per second that one administrator's questions about the state may cost: those of question and answer, and
  /// what is charged for looking up (inspection.cpp). A burst of an eighth of it may pass.
  std::size_t inspection_bytes_per_second = 8UL * 1024 * 1024;
  std::size_t history_slots = 4096;         ///< executed slots whose digests are remembered
  MonotonicUs resend_us = 50'000;           ///< the first retransmission of an unfinished slot
  MonotonicUs status_interval_us = 50'000;  ///< while something is unfinished
  MonotonicUs heartbeat_us = 500'000;       ///< while nothing is
  MonotonicUs rejoin_resend_us = 200'000;   ///< between two REJOINs of a replica whose life has not been ordered

  /// A replica whose own state differs from a certified one takes what differs from the others. Otherwise it stops and
  /// stays as it is, for those who want to look at it.
  bool repairs_divergence = true;

  // State transfer, as the one that lacks the state.
  /// Behind the stable checkpoint and without progress for so long, a replica takes the state instead of the log.
  MonotonicUs transfer_patience_us = 500'000;
  MonotonicUs transfer_lease_resend_us = 200'000;  ///< between two questions for a lease
  /// From the first lease on, for more of them; ten times as long while fewer than f+1 keep one checkpoint.
  MonotonicUs transfer_lease_wait_us = 50'000;
  MonotonicUs transfer_timeout_us = 1'000'000;  ///< an answer that takes longer has not come
  MonotonicUs transfer_hedge_us = 100'000;      ///< after it another source is asked where nothing new is to be asked
  MonotonicUs transfer_busy_us = 10'000;        ///< a source that has nothing for now is left alone for so long
  std::size_t transfer_places_max = 32;         ///< places of one question
  std::size_t transfer_requests_max = 8;        ///< open questions to one source
  /// Fetched, and not yet on the disk; what is under way comes on top.
  std::size_t transfer_staging_bytes_max = 64UL * 1024 * 1024;
  /// Sources that together bring less are given up for others.
  std::size_t transfer_bytes_per_second_min = 64UL * 1024;
  // As a source of it.
  std::size_t transfer_piece_bytes_max = 128UL * 1024;         ///< of a larger piece its node is sent
  std::size_t transfer_answer_bytes_max = 256UL * 1024;        ///< an answer is closed when it has so many
  std::size_t transfer_bytes_per_second = 96UL * 1024 * 1024;  ///< to one that asks
  /// A lease that nobody uses ends after it; more than twice transfer_timeout_us, so that it outlasts a lost answer.
  MonotonicUs lease_idle_us = 3'000'000;
  MonotonicUs lease_max_us = 60'000'000;  ///< any lease ends after it

  /// T: a primary that lets something wait for longer is suspected; and a view that does not begin within it is left.
  /// Doubled with every view in a row that did not begin, up to view_change_doublings_max times.
  MonotonicUs view_change_timeout_us = 400'000;
  std::uint32_t view_change_doublings_max = 8;
  /// A request also waits for what stood before it when it came, at the rates that were seen lately and at least
  /// these; this much slower is not suspicious yet.
  std::uint64_t operations_per_second_min = 100;
  std::uint64_t bytes_per_second_min = 1'000'000;
  std::uint32_t slowness_max = 4;
  /// Whether a primary is also held to a share of the time (primary_account.h), and to the time of day.
  bool holds_primary_to_work = true;
  /// The largest bundle that clients send: a batch that has room for one more is not full.
  std::size_t bundle_operations_max = limits::bundle_operations_max;
  std::size_t bundle_bytes_max = limits::bundle_bytes_max;

  /// A fresh PRE-PREPARE's proposed time may be ahead of the own clock by this much.
  TimeUs clock_window_us = 5'000'000;
};

}  // namespace tagma
