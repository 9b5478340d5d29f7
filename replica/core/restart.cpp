// A replica returns: its durable state and its records become its memory again. What it promised in an earlier life
// binds it in this one (protocol: "effects as one durable sequence"), and what it knew to be decided it executes
// without help.
#include <algorithm>
#include <utility>

#include "messages/mutant.h"
#include "replica/core/core_implementation.h"

namespace tagma {

void ReplicaCore::Implementation::restore(const std::vector<Record>& records) {
  base_ = executed_ = store_.seq();
  certificate_ = config_.genesis_slot;
  history_.begin_after(base_);
  if (base_ > 0) {
    for (const auto& [seq, root] : store_.roots()) own_roots_[seq] = root;
    history_.checkpoint(base_, store_.root());
  }
  for (const auto& record : records) {
    std::visit([this](const auto& content) { restore(content); }, record);
  }
  collected_ = std::min(base_, certificate_);
  remembered_ = std::max(remembered_, certificate_);
  for (const auto& [seq, slot] : slots_) remembered_ = slot.decided ? std::max(remembered_, seq) : remembered_;
  settle_restored_view();
  settle_restored_slots();
  highest_ = std::max(base_, certificate_);
  if (!slots_.empty()) highest_ = std::max(highest_, slots_.rbegin()->first);
  next_seq_ = highest_ + 1;
  read_lives();
}

Slot& ReplicaCore::Implementation::slot_to_restore(Seq seq, const Digest& digest, const SharedBatch& batch) {
  auto& slot = slots_[seq];
  if (batch != nullptr) slot.batches[digest] = batch;
  return slot;
}

void ReplicaCore::Implementation::restore(const RecordPrePrepared& record) {
  if (mutant(Mutant::votes_forgotten_at_restart)) return;
  static_cast<void>(slot_to_restore(record.seq, record.digest, record.batch));
  restored_recorded_[record.seq].push_back({.view = record.view, .digest = record.digest});
}

void ReplicaCore::Implementation::restore(const RecordPrepared& record) {
  static_cast<void>(slot_to_restore(record.seq, record.digest, record.batch));
  restored_prepared_[record.seq].push_back({.view = record.view, .digest = record.digest});
}

void ReplicaCore::Implementation::restore(const RecordCertificate& record) {
  const Seq seq = record.certificate.votes.front().content.seq;
  if (seq <= certificate_) return;
  certificate_ = seq;
  certificate_message_ = record.certificate;
}

void ReplicaCore::Implementation::restore(const RecordStanding& record) {
  diverged_ = record.diverged && config_.repairs_divergence;
  wrong_votes_up_to_ = record.wrong_votes_up_to;
  remembered_ = record.installed;
}

void ReplicaCore::Implementation::restore(const RecordDecided& record) {
  slot_to_restore(record.seq, record.digest, record.batch).decided = record.digest;
}

void ReplicaCore::Implementation::restore(const RecordView& record) {
  view_was_recorded_ = true;
  restored_view_ = std::max(restored_view_, record);
}

void ReplicaCore::Implementation::restore(const RecordNewView& record) {
  view_was_recorded_ = true;
  if (acted_ && acted_->new_view->content.view > record.new_view->content.view) return;
  acted_ = ActedView{
      .new_view = record.new_view, .digest = authenticator_.digest(record.new_view->body), .choices = record.choices};
}

void ReplicaCore::Implementation::settle_restored_view() {
  const View acted = acted_ ? acted_->new_view->content.view : 0;
  active_ = acted >= restored_view_.view;
  view_ = std::max(acted, restored_view_.view);
  issue_ = active_ ? 0 : restored_view_.issue;
  Seq dropped = 0;
  const auto latest = [&](Seq seq, const std::vector<Ballot>& ballots) {
    std::optional<Ballot> kept;
    for (const auto& ballot : ballots) {
      if (is_dropped_by_acted(seq, ballot)) {
        dropped = std::max(dropped, seq);
      } else if (!kept || ballot.view >= kept->view) {
        kept = ballot;
      }
    }
    return kept;
  };
  for (const auto& [seq, ballots] : restored_recorded_) {
    slots_[seq].recorded = latest(seq, ballots);
    slots_[seq].own_prepare_durable = slots_[seq].recorded.has_value();
  }
  for (const auto& [seq, ballots] : restored_prepared_) {
    slots_[seq].prepared = latest(seq, ballots);
    slots_[seq].own_commit_durable = slots_[seq].prepared.has_value();
  }
  restored_recorded_.clear();
  restored_prepared_.clear();
  // When another NEW-VIEW is entered nothing else would say why they are gone.
  if (dropped > 0) note_dropped(acted_name(), acted_->new_view, dropped);
  if (acted_ && active_) open_slots_of_view();
  // The log has a batch of each view that the slot was recorded in.
  for (auto& [seq, slot] : slots_) drop_unnamed_batches(slot, acted_ ? acted_->choices.find(seq) : nullptr);
}

/// What a view before the last NEW-VIEW had dropped, and that one chose, comes back: this replica vouches for it again.
/// (Who votes above the window of the NEW-VIEW is not known here yet: nothing is dropped there.)
bool ReplicaCore::Implementation::is_dropped_by_acted(Seq seq, const Ballot& ballot) const {
  if (!acted_ || ballot.view >= acted_->new_view->content.view || seq <= certificate_) return false;
  const auto& choices = acted_->choices;
  if (seq <= choices.start || seq > choices.start + config_.window) return false;
  const auto* choice = choices.find(seq);
  return choice == nullptr || ballot.digest != *choice;
}

/// A replica leads no view that it finds on its disk: it may have proposed something for any slot.
void ReplicaCore::Implementation::begin_in_view() {
  begin_timing();
  const bool first_start = config_.life_nonce == LifeNonce{} && !view_was_recorded_;
  if (first_start) {
    led_ = is_primary() && slots_.empty() && base_ <= config_.genesis_slot;
    const auto number = persist(RecordView{});
    own_votes_.push_back({.after = number, .kind = OwnVote::Kind::view, .seq = 0, .ballot = {}});
  }
  if (!may_change_views()) return;
  if (!active_) {
    issue_view_change();
    return consider_view_changes();
  }
  if (mutant(Mutant::leads_view_found_on_disk)) led_ = view_durable_ = true;
  if (is_primary() && !led_) suspect("own view given up: it began before this process");
}

void ReplicaCore::Implementation::settle_restored_slots() {
  for (auto& [seq, slot] : slots_) {
    const auto executed = seq <= base_ && slot.decided ? find_batch(slot, *slot.decided) : nullptr;
    if (executed != nullptr) decided_.add(seq, {.digest = *slot.decided, .batch = executed->bytes, .executed_us = 0});
    if (slot.recorded && slot.recorded->view == view_ && active_) slot.prepares.add(config_.id, *slot.recorded);
    if (slot.prepared) slot.commits.add(config_.id, *slot.prepared);
  }
  // More than a replica ever holds: the state that they follow is lost. Those up to the certificate are of no use
  // without it; it will be fetched.
  if (!slots_.empty() && !has_room(slots_.rbegin()->first)) collected_ = certificate_;
  slots_.erase(slots_.begin(), slots_.upper_bound(collected_));
}

void ReplicaCore::Implementation::replay() {
  if (base_ == 0 && certificate_ == 0 && slots_.empty()) return;
  compare_with_certificate();
  replaying_ = true;
  execute_decided();
  replaying_ = false;
  vote_again_for_checkpoints();
}

/// For all that are not stable, not the newest alone. Where all have crashed each may have come to another slot, and
/// what the others had heard of its votes is forgotten: somebody who needs a state finds f+1 votes for one only if each
/// says again which ones it has had.
void ReplicaCore::Implementation::vote_again_for_checkpoints() {
  if (!voting_ || diverged_ || base_ <= certificate_) return;
  const auto roots = own_roots_;  // a vote may make one of them stable
  for (const auto& [seq, root] : roots) {
    if (seq > certificate_) vote_for_checkpoint({.seq = seq, .root = root});
  }
}

}  // namespace tagma
