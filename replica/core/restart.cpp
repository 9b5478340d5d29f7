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
    own_roots_[base_] = store_.root();
    history_.checkpoint(base_, store_.root());
  }
  for (const auto& record : records) {
    std::visit([this](const auto& content) { restore(content); }, record);
  }
  collected_ = std::min(base_, certificate_);
  remembered_ = std::max(remembered_, certificate_);
  for (const auto& [seq, slot] : slots_) remembered_ = slot.decided ? std::max(remembered_, seq) : remembered_;
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
  auto& slot = slot_to_restore(record.seq, record.digest, record.batch);
  slot.recorded = Ballot{.view = record.view, .digest = record.digest};
  slot.own_prepare_durable = true;
}

void ReplicaCore::Implementation::restore(const RecordPrepared& record) {
  auto& slot = slot_to_restore(record.seq, record.digest, record.batch);
  slot.prepared = Ballot{.view = record.view, .digest = record.digest};
  slot.own_commit_durable = true;
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

void ReplicaCore::Implementation::settle_restored_slots() {
  for (auto& [seq, slot] : slots_) {
    const auto executed = seq <= base_ && slot.decided ? find_batch(slot, *slot.decided) : nullptr;
    if (executed != nullptr) decided_.add(seq, {.digest = *slot.decided, .batch = executed->bytes, .executed_us = 0});
    if (slot.recorded && slot.recorded->view == view_) slot.prepares.add(config_.id, *slot.recorded);
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
  if (voting_ && !diverged_ && base_ > certificate_) vote_for_checkpoint({.seq = base_, .root = own_roots_.at(base_)});
}

}  // namespace tagma
