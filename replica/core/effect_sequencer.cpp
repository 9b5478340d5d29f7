#include "replica/core/effect_sequencer.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "messages/assert.h"
#include "messages/mutant.h"

namespace tagma {
namespace {

bool waits_for_persists(const Effect& effect) {
  if (const auto* send = std::get_if<Send>(&effect)) return send->after_persists;
  if (const auto* reply = std::get_if<Reply>(&effect)) {
    return reply->after_persists && !mutant(Mutant::reply_before_own_sync);
  }
  return std::holds_alternative<WriteCheckpoint>(effect) || std::holds_alternative<InstallState>(effect);
}

}  // namespace

Effects EffectSequencer::push(Effects effects) {
  Effects ready;
  ready.reserve(effects.size());
  for (auto& effect : effects) {
    if (const auto* persist = std::get_if<Persist>(&effect)) {
      TAGMA_ASSERT(persist->number == pushed_ + 1, "persist effects are numbered without gaps");
      pushed_ = persist->number;
    }
    if (waits_for_persists(effect) && durable_ < pushed_) {
      waiting_.push_back({.after = pushed_, .effect = std::move(effect)});
    } else {
      ready.push_back(std::move(effect));
    }
  }
  return ready;
}

Effects EffectSequencer::durable(PersistNumber number) {
  TAGMA_ASSERT(number <= pushed_, "only what was handed out becomes durable");
  durable_ = std::max(durable_, number);
  Effects ready;
  while (!waiting_.empty() && waiting_.front().after <= durable_) {
    ready.push_back(std::move(waiting_.front().effect));
    waiting_.pop_front();
  }
  return ready;
}

}  // namespace tagma
