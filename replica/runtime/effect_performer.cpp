#include "replica/runtime/effect_performer.h"

#include <variant>

#include "messages/assert.h"

namespace tagma::runtime {

void EffectPerformer::push(Effects effects) { perform(sequencer_.push(std::move(effects))); }

void EffectPerformer::commit() {
  if (pushed_ == committed_) return;
  committed_ = pushed_;
  perform(sequencer_.durable(committed_));
}

std::optional<Event> EffectPerformer::next_event() {
  if (committed_ > reported_) {
    reported_ = committed_;
    return Event(Persisted{reported_});
  }
  if (checkpoints_.empty()) return std::nullopt;
  // One at a time: the core drops the written overlay on this event, and then the next one is the oldest.
  const Seq seq = checkpoints_.front();
  checkpoints_.pop_front();
  const auto overlay = frozen_(seq);
  TAGMA_ASSERT(overlay != nullptr, "a checkpoint that the core asked for has its frozen overlay");
  counters_.add("checkpoints_written");
  return Event(CheckpointWritten{seq, store_.apply(seq, *overlay)});
}

void EffectPerformer::perform(Effects effects) {
  for (auto& effect : effects) {
    std::visit([this](auto& each) { perform(each); }, effect);
  }
}

void EffectPerformer::perform(const Persist& effect) { pushed_ = effect.number; }

void EffectPerformer::perform(const Send& effect) {
  if (effect.to) {
    outgoing_.send(*effect.to, effect.message);
  } else {
    outgoing_.broadcast(effect.message);
  }
}

void EffectPerformer::perform(Reply& effect) {
  outgoing_.reply(effect.client, effect.session, std::move(effect.message));
}

void EffectPerformer::perform(const Answer& effect) { outgoing_.answer(effect.admin, effect.message); }

void EffectPerformer::perform(const WriteCheckpoint& effect) { checkpoints_.push_back(effect.seq); }

void EffectPerformer::perform(const WakeAt& effect) { wake_at_us_ = effect.at_us; }

void EffectPerformer::perform(const CollectLog& /*effect*/) { counters_.add("log_collections"); }

void EffectPerformer::perform(const Alarm& effect) {
  counters_.add("alarms");
  if (!alarm_) alarm_ = effect.reason;
}

void EffectPerformer::perform(const Counted& effect) { counters_.note("protocol", effect.reason); }

}  // namespace tagma::runtime
