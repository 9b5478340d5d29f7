// The slots in flight: what this replica has recorded, whose votes it holds, what is decided.
#pragma once

#include <map>
#include <optional>

#include "messages/messages.h"
#include "messages/vote_set.h"
#include "replica/core/config.h"

namespace tagma {

/// What a PREPARE or COMMIT vouches for.
struct Ballot {
  View view = 0;
  Digest digest;
  auto operator<=>(const Ballot&) const = default;
};

/// One position in the total order, from its first message until it is stable.
struct Slot {
  /// The batch that this replica accepted, with the latest view in which it recorded it: the Q entry of the slot. One
  /// is enough: a view is entered by its NEW-VIEW, which drops what it does not choose, and in a view one is accepted.
  std::optional<Ballot> recorded;
  /// What a quorum PREPAREd and this replica recorded: the P entry of the slot.
  std::optional<Ballot> prepared;
  /// What the NEW-VIEW of the active view chose for the slot; nothing where it left it free.
  std::optional<Digest> chosen;
  std::uint64_t vouchers = 0;        ///< bit i: replica i has the batch of `chosen`, as its VIEW-CHANGE says
  bool own_prepare_durable = false;  ///< the record behind the own PREPARE is durable: the vote counts
  bool own_commit_durable = false;

  /// Bodies by digest: every digest in P or Q keeps its body until the slot is stable. The null batch needs none.
  std::map<Digest, SharedBatch> batches;
  /// A PRE-PREPARE of the current view that is not recorded yet: its proposed time is outside of the clock window
  /// (until f+1 others have PREPAREd it), or it orders what a client asked for that is not known here yet (the same),
  /// or the slot is not the own life's to vote on as far as is known.
  std::optional<Ballot> withheld;
  bool withheld_unread = false;  ///< not one of its signatures has been verified: a client is not known
  std::pair<std::uint64_t, bool> withheld_judged;  ///< as of which change of clients, and whether it was its turn

  /// What f+1 others have PREPAREd in the current view, of which no PRE-PREPARE came here: vouched_for().
  std::optional<Ballot> vouched;
  MonotonicUs vouched_us = 0;  ///< since when

  VoteSet<Ballot> prepares;   ///< one per member, of the latest view that it voted in: add_ballot()
  VoteSet<Ballot> commits;    ///< the same; those of an older view than the own one still decide
  VoteSet<Digest> decisions;  ///< DECIDED, first-hand
  std::optional<Digest> decided;
  MonotonicUs proposed_us = 0;   ///< when it was proposed here, in the latest view
  MonotonicUs last_sent_us = 0;  ///< when the own messages of this slot were last sent to all
  MonotonicUs fetched_us = 0;    ///< when its missing batch was last asked for; 0: never
  std::uint32_t fetches = 0;     ///< how often: each time another member is asked
};

/// Counts a member's vote unless it has voted in a later view already. In one view the first vote counts.
VoteSet<Ballot>::Outcome add_ballot(VoteSet<Ballot>& votes, ReplicaId member, const Ballot& ballot);

/// Slots by seq. Invariant: all are above the collected log and at most two windows above it.
using SlotLog = std::map<Seq, Slot>;

/// Batches that were decided and executed here, kept for replicas that are behind; bounded by count and bytes.
class DecidedBatches {
 public:
  DecidedBatches(std::size_t count_max, std::size_t bytes_max) : count_max_(count_max), bytes_max_(bytes_max) {}

  struct Entry {
    Digest digest;
    Bytes batch;  ///< its exact bytes only: the decoded form takes three times the room
    MonotonicUs executed_us = 0;
  };

  /// Keeps the batch executed at `seq`; the oldest ones make room.
  void add(Seq seq, Entry entry);
  /// Null if the slot was not executed here or is no longer kept.
  [[nodiscard]] const Entry* find(Seq seq) const;
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  std::size_t count_max_;
  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::map<Seq, Entry> entries_;
};

}  // namespace tagma
