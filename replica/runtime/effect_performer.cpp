#include "replica/runtime/effect_performer.h"

#include <variant>

#include "messages/assert.h"

namespace tagma::runtime {

void EffectPerformer::push(Effects effects) { perform(sequencer_.push(std::move(effects))); }

void EffectPerformer::commit(MonotonicUs now_us) {
  storage_.commit(now_us);
  for (auto& line : storage_.take_notices()) notices_.push_back(std::move(line));
}

std::optional<Event> EffectPerformer::next_event() {
  auto event = storage_.next_event();
  if (!event) return std::nullopt;
  if (const auto* persisted = std::get_if<Persisted>(&*event)) {
    perform(sequencer_.durable(persisted->up_to));
  } else if (std::holds_alternative<CheckpointWritten>(*event)) {
    counters_.add("checkpoints_written");
  }
  return event;
}

void EffectPerformer::perform(Effects effects) {
  for (auto& effect : effects) {
    std::visit([this](auto& each) { perform(each); }, effect);
  }
}

void EffectPerformer::perform(Persist& effect) { storage_.persist(effect.number, std::move(effect.record)); }

void EffectPerformer::perform(Remember& effect) { storage_.remember(std::move(effect.record)); }

void EffectPerformer::perform(const Send& effect) {
  if (effect.to) {
    outgoing_.send(*effect.to, effect.message);
  } else {
    outgoing_.broadcast(effect.message);
  }
}

void EffectPerformer::perform(Reply& effect) {
  if (auto* report = std::get_if<Report>(&effect.message)) {
    report->voting = report->voting && !storage_.stalled();
    storage_.show(counters_);
  }
  outgoing_.reply(effect.client, effect.session, std::move(effect.message));
}

void EffectPerformer::perform(const Answer& effect) { outgoing_.answer(effect.admin, effect.message); }

void EffectPerformer::perform(const WriteCheckpoint& effect) {
  auto overlay = frozen_(effect.seq);
  TAGMA_ASSERT(overlay != nullptr, "a checkpoint that the core asked for has its frozen overlay");
  storage_.write_checkpoint(effect.seq, std::move(overlay));
}

void EffectPerformer::perform(const ReadStaged& effect) { storage_.transfer(effect); }

void EffectPerformer::perform(StagePieces& effect) { storage_.transfer(std::move(effect)); }

void EffectPerformer::perform(InstallState& effect) { storage_.transfer(std::move(effect)); }

void EffectPerformer::perform(const Distrust& effect) { outgoing_.distrust(effect.replica, effect.distrusted); }

void EffectPerformer::perform(const SetClient& effect) { outgoing_.set_client(effect.client, effect.key); }

void EffectPerformer::perform(Notice& effect) { notices_.push_back(std::move(effect.line)); }

void EffectPerformer::perform(const WakeAt& effect) { wake_at_us_ = effect.at_us; }

void EffectPerformer::perform(const CollectLog& effect) {
  counters_.add("log_collections");
  storage_.collect(effect.up_to);
}

void EffectPerformer::perform(const Alarm& effect) {
  counters_.add("alarms");  // what `status` says of it goes by this name
  if (!alarm_) alarm_ = effect.reason;
}

void EffectPerformer::perform(const Counted& effect) { counters_.note("protocol", effect.reason); }

}  // namespace tagma::runtime
