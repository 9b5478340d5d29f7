// PRE-PREPARE, PREPARE, COMMIT and execution in order (Castro and Liskov, TOCS 2002, section 4.2).
#include <algorithm>
#include <utility>

#include "messages/assert.h"
#include "messages/mutant.h"
#include "replica/core/core_implementation.h"

namespace tagma {
namespace {

/// A REPLIES message is closed when it has this many bytes of results.
constexpr std::size_t replies_bytes_max = 512UL * 1024;

}  // namespace

void ReplicaCore::Implementation::receive(const Sender& from, PrePrepare& message) {
  if (!voting_) return;
  if (message.view != view_ || !active_) return count("PRE-PREPARE of another view");
  if (from.principal.id != config_.membership.primary(message.view)) return count("PRE-PREPARE not by the primary");
  if (!in_window(message.seq)) {
    excuse_refusal_of(message.seq);
    return count("slot outside of the window");
  }
  highest_ = std::max(highest_, message.seq);
  auto& slot = slots_[message.seq];
  const Digest digest = authenticator_.digest(message.batch->bytes);
  const Ballot ballot{.view = message.view, .digest = digest};
  if (const auto* chosen = view_ == 0 ? nullptr : acted_->choices.find(message.seq)) {
    if (*chosen != digest) return count("PRE-PREPARE against the NEW-VIEW");
    slot.batches.try_emplace(digest, message.batch);
    return accept_chosen();
  }
  const bool recorded = slot.recorded && slot.recorded->view == message.view;
  const auto& accepted = recorded ? slot.recorded : slot.withheld;
  if (accepted && accepted->view == message.view && !mutant(Mutant::primary_equivocates_undetected)) {
    if (*accepted == ballot) return count("PRE-PREPARE repeated");
    contradicts(
        from.principal.id, "contradictory PRE-PREPARE",
        {.kind = "PRE-PREPARE", .view = message.view, .seq = message.seq, .first = accepted->digest, .second = digest});
    return doubt_primary();
  }
  if (mutant(Mutant::pre_prepare_counted_as_prepare)) slot.prepares.add(from.principal.id, ballot);
  if (slot.decided) {
    // Others may still need this replica's votes for what it learnt as DECIDED; the batch was checked by those who
    // decided it.
    if (*slot.decided != digest) return count("PRE-PREPARE against a decided slot");
    if (!may_vote_in_view(message.seq)) return;
    return record(message.seq, slot, message.view, digest, message.batch);
  }
  const auto authenticity = authenticity_of(message.seq, *message.batch);
  if (authenticity == Authenticity::forged) return;
  const bool read = authenticity == Authenticity::authentic;
  if (message.seq <= executed_ + config_.window && !view_supports(message.seq)) {
    return suspect("view given up: no quorum of it votes on a slot");
  }
  const bool in_time = time_is_acceptable(*message.batch);
  if (in_time && read) note_proposal(message.seq, *message.batch);
  if (!in_time || !read || !may_vote_in_view(message.seq)) {
    slot.proposed_us = now_.monotonic_us;
    if (!in_time) count("proposed time outside of the clock window");
    if (!read) count("proposal of a client that is not known yet");
    if (in_time && read) count("slot of an earlier life");
    if (!in_time && is_behind_clock(*message.batch)) note_old_time(*message.batch);
    slot.batches[digest] = message.batch;
    slot.withheld = ballot;
    slot.withheld_unread = !read;
    slot.withheld_judged = {executor_.administration().client_changes(), message.seq <= executed_ + 1};
    reconsider_withheld(message.seq, slot);
  } else {
    record(message.seq, slot, message.view, digest, message.batch);
  }
  compare_with_others(message.seq);
}

/// A correct replica PREPAREs nothing in a view but what its primary proposed: of this primary and whoever PREPAREs
/// another batch than was accepted here, one lies (attack P1).
void ReplicaCore::Implementation::compare_with_others(Seq seq) {
  // A primary knows who lies.
  if (!active_ || is_primary() || doubts_.own() || mutant(Mutant::primary_equivocates_undetected)) return;
  const auto found = slots_.find(seq);
  if (found == slots_.end()) return;
  const Slot& slot = found->second;
  const auto& accepted = slot.recorded && slot.recorded->view == view_ ? slot.recorded : slot.withheld;
  if (!accepted || accepted->view != view_) return;
  const auto& votes = slot.prepares.votes();
  const bool differs = std::any_of(votes.begin(), votes.end(), [&](const auto& vote) {
    return vote.first != config_.id && vote.second.view == view_ && vote.second.digest != accepted->digest;
  });
  if (differs) doubt_primary();
}

/// A primary proposes for clients that it knows by the slots below: who has executed them all knows them too. Nothing
/// is verified before all are known, so that a stranger's name makes nobody verify the same signatures again.
ReplicaCore::Implementation::Authenticity ReplicaCore::Implementation::authenticity_of(Seq seq, const Batch& batch) {
  for (const auto& bundle : batch.bundles) {
    const auto reason = judge_bundle(bundle.content);
    if (!reason) continue;
    if (*reason == RefusalReason::unknown_client && seq > executed_ + 1) return Authenticity::client_unknown;
    count("PRE-PREPARE with a request of no client of this cluster");
    return Authenticity::forged;
  }
  for (const auto& rejoin : batch.rejoins) {
    if (is_rejoin_of_member(rejoin) && rejoin_is_authentic(rejoin)) continue;
    count("PRE-PREPARE with a forged REJOIN");
    return Authenticity::forged;
  }
  for (const auto& bundle : batch.bundles) {
    // A bundle that waits here has been verified when it came.
    if (pool_.holds(bundle) || signature_holds(bundle)) continue;
    count("PRE-PREPARE with a forged request");
    return Authenticity::forged;
  }
  return Authenticity::authentic;
}

/// An old time does no harm, agreed time just does not advance; and a batch that was held up on its way must still
/// pass, because it is sent again with the time that it had.
bool ReplicaCore::Implementation::in_clock_window(const Batch& batch) const {
  if (mutant(Mutant::future_time_accepted)) return true;
  return batch.is_null() || batch.proposed_time_us <= now_.wall_us + config_.clock_window_us;
}

void ReplicaCore::Implementation::reconsider_withheld(Seq seq, Slot& slot) {
  if (!slot.withheld || slot.withheld->view != view_) return;
  const Ballot ballot = *slot.withheld;
  if (slot.decided && *slot.decided != ballot.digest) return slot.withheld.reset();
  const auto& batch = slot.batches.at(ballot.digest);
  // f+1 others contain a correct replica that found nothing wrong with the time, and knew the clients.
  const bool vouched = slot.prepares.count(ballot) >= config_.membership.weak_quorum();
  if (slot.withheld_unread && !vouched) {
    // What it waits for is a change of the clients, or its turn.
    const std::pair known{executor_.administration().client_changes(), seq <= executed_ + 1};
    if (std::exchange(slot.withheld_judged, known) == known) return;
    const auto authenticity = authenticity_of(seq, *batch);
    if (authenticity == Authenticity::client_unknown) return;
    if (authenticity == Authenticity::forged) return slot.withheld.reset();
    slot.withheld_unread = false;
  }
  if (!may_vote_in_view(seq)) return;
  const bool in_time = time_is_acceptable(*batch);
  if (!in_time && !vouched) return;
  count("PRE-PREPARE accepted later");
  own_clock_doubted_ = !in_time;
  note_proposal(seq, *batch);
  slot.withheld.reset();
  record(seq, slot, ballot.view, ballot.digest, batch);
}

void ReplicaCore::Implementation::reconsider_all_withheld() {
  for (auto& [seq, slot] : slots_) {
    reconsider_withheld(seq, slot);
    record_vouched(seq, slot);  // its batch may have come before this replica might vote
  }
}

void ReplicaCore::Implementation::record(Seq seq, Slot& slot, View view, const Digest& digest,
                                         const SharedBatch& batch) {
  TAGMA_ASSERT(active_ && view == view_, "votes are for the own view");
  highest_ = std::max(highest_, seq);
  const Ballot ballot{.view = view, .digest = digest};
  slot.recorded = ballot;
  slot.own_prepare_durable = false;
  slot.withheld.reset();
  slot.vouched.reset();
  slot.proposed_us = now_.monotonic_us;
  slot.batches[digest] = batch;
  slot.last_sent_us = now_.monotonic_us;
  const auto number = persist(RecordPrePrepared{.view = view, .seq = seq, .digest = digest, .batch = batch});
  own_votes_.push_back({.after = number, .kind = OwnVote::Kind::prepare, .seq = seq, .ballot = ballot});
  broadcast(Prepare{.view = view, .seq = seq, .digest = digest});
  if (mutant(Mutant::own_vote_counted_early)) slot.prepares.add(config_.id, ballot);
  check_prepared(seq, slot);
  check_decided(seq, slot);
  execute_decided();
}

void ReplicaCore::Implementation::receive(const Sender& from, Prepare& message) {
  if (!voting_) return;
  if (message.view < view_) return count("PREPARE of a view of before");
  if (!in_window(message.seq)) return count("slot outside of the window");
  highest_ = std::max(highest_, message.seq);
  auto& slot = slots_[message.seq];
  const auto outcome = add_ballot(slot.prepares, from.principal.id, {.view = message.view, .digest = message.digest});
  if (outcome == VoteSet<Ballot>::Outcome::contradiction) {
    return contradicts(from.principal.id, "contradictory PREPARE",
                       {.kind = "PREPARE",
                        .view = message.view,
                        .seq = message.seq,
                        .first = slot.prepares.find(from.principal.id)->digest,
                        .second = message.digest});
  }
  reconsider_withheld(message.seq, slot);
  note_vouched(message.seq, slot);
  record_vouched(message.seq, slot);
  check_prepared(message.seq, slot);
  compare_with_others(message.seq);
}

/// f+1 PREPAREs of others contain one of a correct replica, which has checked what the primary proposed to it. A lone
/// replica that the primary's proposal did not reach, or not yet, knows by them that it was made.
void ReplicaCore::Implementation::note_vouched(Seq seq, Slot& slot) {
  const auto in_own_view = [this](const Ballot& ballot) { return ballot.view == view_; };
  std::optional<Ballot> vouched;
  if (lacks_proposal(seq, slot)) vouched = slot.prepares.reached(config_.membership.weak_quorum(), in_own_view);
  if (vouched == slot.vouched) return;
  slot.vouched = vouched;
  if (!vouched) return;
  slot.vouched_us = now_.monotonic_us;
  note_stirred(seq);
}

/// Whether nothing of the own view is accepted here for the slot, or laid down by its NEW-VIEW, or decided.
bool ReplicaCore::Implementation::lacks_proposal(Seq seq, const Slot& slot) const {
  if (!active_ || !voting_ || is_primary() || seq <= executed_ || slot.decided || slot.chosen || slot.withheld) {
    return false;
  }
  if (view_ > 0 && acted_->choices.find(seq) != nullptr) return false;
  return !slot.recorded || slot.recorded->view < view_;
}

std::optional<Digest> ReplicaCore::Implementation::vouched_for(Seq seq, const Slot& slot) const {
  if (!slot.vouched || slot.vouched->view != view_ || !lacks_proposal(seq, slot)) return std::nullopt;
  return slot.vouched->digest;
}

/// With the batch this replica may record it as if the primary had sent it: what a PRE-PREPARE is checked for, one of
/// those who vouch has checked, and as ever it is the only digest that is recorded here in this view.
void ReplicaCore::Implementation::record_vouched(Seq seq, Slot& slot) {
  const auto digest = vouched_for(seq, slot);
  if (!digest || !in_window(seq) || !may_vote_in_view(seq)) return;
  const auto batch = find_batch(slot, *digest);
  if (batch == nullptr) return;
  count("recorded on the word of f+1 others");
  note_proposal(seq, *batch);
  record(seq, slot, view_, *digest, batch);
}

std::optional<Ballot> ReplicaCore::Implementation::known_prepared(const Slot& slot) const {
  if (!active_ && !mutant(Mutant::votes_in_left_view)) return std::nullopt;
  const auto in_own_view = [this](const Ballot& ballot) { return ballot.view == view_ - (active_ ? 0 : 1); };
  const std::uint32_t needed = config_.membership.quorum() - (mutant(Mutant::prepare_quorum_one_too_small) ? 1U : 0U);
  if (const auto ballot = slot.prepares.reached(needed, in_own_view)) return ballot;
  return slot.commits.reached(config_.membership.weak_quorum(), in_own_view);
}

void ReplicaCore::Implementation::check_prepared(Seq seq, Slot& slot) {
  if (!voting_ || (slot.prepared && slot.prepared->view >= view_)) return;
  if (!may_vote_in_view(seq) && !mutant(Mutant::votes_in_left_view)) return;
  const auto ballot = known_prepared(slot);
  if (!ballot) return;
  const auto batch = find_batch(slot, ballot->digest);
  if (batch == nullptr) return;
  if (!slot.recorded || slot.recorded->view < ballot->view) {
    // The PRE-PREPARE was lost, but correct replicas that checked it have recorded it: this one may too, and others may
    // need its PREPARE. record() comes back here.
    count("recorded without the PRE-PREPARE");
    note_proposal(seq, *batch);
    return record(seq, slot, ballot->view, ballot->digest, batch);
  }
  const bool kept = slot.recorded && slot.recorded->digest == ballot->digest;
  slot.prepared = ballot;
  slot.own_commit_durable = false;
  slot.last_sent_us = now_.monotonic_us;
  const auto number =
      mutant(Mutant::vote_not_persisted)
          ? persists_
          : persist(RecordPrepared{
                .view = ballot->view, .seq = seq, .digest = ballot->digest, .batch = kept ? nullptr : batch});
  own_votes_.push_back({.after = number, .kind = OwnVote::Kind::commit, .seq = seq, .ballot = *ballot});
  broadcast(Commit{.view = ballot->view, .seq = seq, .digest = ballot->digest});
  if (mutant(Mutant::own_vote_counted_early)) {
    slot.commits.add(config_.id, *ballot);
    check_decided(seq, slot);
  }
}

void ReplicaCore::Implementation::receive(const Sender& from, Commit& message) {
  if (!voting_) return;
  // COMMITs of any view decide, of one that this replica has left or has not entered too.
  if (!in_window(message.seq)) return count("slot outside of the window");
  highest_ = std::max(highest_, message.seq);
  auto& slot = slots_[message.seq];
  const auto outcome = add_ballot(slot.commits, from.principal.id, {.view = message.view, .digest = message.digest});
  if (outcome == VoteSet<Ballot>::Outcome::contradiction) {
    return contradicts(from.principal.id, "contradictory COMMIT",
                       {.kind = "COMMIT",
                        .view = message.view,
                        .seq = message.seq,
                        .first = slot.commits.find(from.principal.id)->digest,
                        .second = message.digest});
  }
  check_prepared(message.seq, slot);
  check_decided(message.seq, slot);
  execute_decided();
}

void ReplicaCore::Implementation::check_decided(Seq seq, Slot& slot) {
  std::optional<Digest> digest;
  if (const auto ballot = slot.commits.reached(quorum())) {
    digest = ballot->digest;
  } else {
    digest = slot.decisions.reached(config_.membership.weak_quorum());
  }
  if (digest) decide(seq, slot, *digest);
}

void ReplicaCore::Implementation::decide(Seq seq, Slot& slot, const Digest& digest) {
  if (slot.decided) {
    if (*slot.decided != digest) alarm("slot " + std::to_string(seq) + " was decided with two different batches");
    return;
  }
  slot.decided = digest;
  if (mutant(Mutant::executes_out_of_order) && seq > executed_) {
    if (const auto batch = find_batch(slot, digest)) return execute(seq, digest, batch);
  }
  if (find_batch(slot, digest) == nullptr) fetch_missing_batch(seq, slot);
}

SharedBatch ReplicaCore::Implementation::find_batch(const Slot& slot, const Digest& digest) const {
  const auto found = slot.batches.find(digest);
  return found == slot.batches.end() ? nullptr : found->second;
}

void ReplicaCore::Implementation::execute_decided() {
  while (voting_ && !state_is_given_up()) {
    const auto found = slots_.find(executed_ + 1);
    if (found == slots_.end() || !found->second.decided) return;
    const Digest digest = *found->second.decided;
    const auto batch = find_batch(found->second, digest);
    if (batch == nullptr) return;
    note_slot_time(found->second);
    const auto& recorded = found->second.recorded;
    const bool of_this_primary = recorded && recorded->view == view_ && !found->second.chosen;
    if (of_this_primary && !is_primary() && !replaying_) note_proposed_time(*batch);
    execute(executed_ + 1, digest, batch);
    if (executed_ <= collected_) slots_.erase(found);  // without the state before it; nobody needs its votes
  }
}

void ReplicaCore::Implementation::execute(Seq seq, const Digest& digest, const SharedBatch& batch) {
  TAGMA_ASSERT(seq == executed_ + 1, "slots are executed in order");
  executed_ = seq;
  progress_us_ = executed_us_ = now_.monotonic_us;
  stirred_us_ = watched_now();
  next_seq_ = std::max(next_seq_, seq + 1);
  decided_.add(seq, {.digest = digest, .batch = batch->bytes, .executed_us = now_.monotonic_us});
  const auto execution = executor_.execute(seq, *batch, now_.wall_us);
  history_.executed(seq, {.batch = digest, .writes = trace_.take()});
  operations_executed_ += execution.operations;
  bundles_executed_ += batch->bundles.size();
  bytes_executed_ += batch->bytes.size();
  ++batches_executed_;
  if (execution.duplicates > 0) count("duplicate request not executed again");
  if (execution.gaps > 0) count("request above a missing number not executed");
  if (execution.evictions > 0) count("session evicted");
  if (execution.refused > 0) count("request refused at execution");
  if (execution.lives > 0) read_lives();
  reply(execution);
  forget_executed(execution, *batch);
  const bool ends_interval = seq % config_.checkpoint_interval == 0;
  if (!replaying_) remember_decision(seq, digest, batch, ends_interval);
  if (ends_interval && !may_skip_checkpoint(seq)) {
    state_.freeze(seq);
    frozen_up_to_ = seq;
    effects_.emplace_back(WriteCheckpoint{seq});
  }
}

/// While it catches up, its vote is not needed where the others are far ahead: one checkpoint for several intervals is
/// written sooner than each of them, and where all share a disk it could never catch up otherwise.
bool ReplicaCore::Implementation::may_skip_checkpoint(Seq seq) const {
  const bool overtaken = seq + config_.checkpoint_interval <= certificate_;
  return (overtaken || mutant(Mutant::checkpoint_skipped_unasked)) &&
         seq - std::max(base_, frozen_up_to_) < config_.window;
}

void ReplicaCore::Implementation::remember_decision(Seq seq, const Digest& digest, const SharedBatch& batch,
                                                    bool durably) {
  const auto slot = slots_.find(seq);
  const bool kept = slot != slots_.end() && slot->second.recorded && slot->second.recorded->digest == digest;
  RecordDecided record{.seq = seq, .digest = digest, .batch = kept ? nullptr : batch};
  if (durably) {
    persist(std::move(record));
  } else {
    effects_.emplace_back(Remember{std::move(record)});
  }
}

void ReplicaCore::Implementation::reply(const Execution& execution) {
  if (replaying_) return;
  for (const auto& [key, entries] : execution.replies) {
    const auto& session = key;  // a lambda may capture it; a name of a structured binding not with every compiler
    Replies replies{.epoch = config_.membership.epoch,
                    .view = view_,
                    .client = session.first,
                    .session = session.second,
                    .entries = {}};
    std::size_t bytes = 0;
    const auto send_replies = [&, &to = session] {
      if (replies.entries.empty()) return;
      effects_.emplace_back(
          Reply{.client = to.first, .session = to.second, .message = replies, .after_persists = true});
      replies.entries.clear();
      bytes = 0;
    };
    for (const auto& entry : entries) {
      if (replies.entries.size() >= limits::replies_max || bytes + entry.result.size() > replies_bytes_max) {
        send_replies();
      }
      bytes += entry.result.size();
      replies.entries.push_back(entry);
    }
    send_replies();
  }
}

void ReplicaCore::Implementation::forget_executed(const Execution& execution, const Batch& batch) {
  if (batch.is_null()) return;
  for (const auto& [key, entries] : execution.replies) forget_executed(key.first, key.second);
  if (execution.gaps > 0) {
    for (const auto& bundle : batch.bundles) pool_.decided(bundle.content, now_.monotonic_us);
  }
  // Whoever waits in a session that has been evicted will never be executed.
  if (execution.evictions == 0) return;
  for (const auto& [client, session] : pool_.sessions()) forget_executed(client, session);
}

}  // namespace tagma
