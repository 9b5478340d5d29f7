#include "replica/core/effect_sequencer.h"

#include <doctest/doctest.h>

using namespace tagma;

namespace {

Effect persist(PersistNumber number) { return Persist{.number = number, .record = RecordPrepared{}}; }
Effect vote(Seq seq) {
  return Send{.to = {}, .message = Prepare{.view = 0, .seq = seq, .digest = {}}, .after_persists = true};
}
Effect overtaking(Seq seq) {
  return Send{.to = 1, .message = Decided{.seq = seq, .digest = {}}, .after_persists = false};
}

Seq seq_of(const Effect& effect) { return std::get<Prepare>(std::get<Send>(effect).message).seq; }

}  // namespace

TEST_CASE("a vote waits for every persist before it, and for none after it") {
  EffectSequencer sequencer;
  CHECK(sequencer.push({vote(1)}).size() == 1);
  const auto first = sequencer.push({persist(1), vote(2), persist(2), vote(3), overtaking(9)});
  REQUIRE(first.size() == 3);  // both persists and what may overtake
  CHECK(sequencer.waiting() == 2);
  const auto second = sequencer.durable(1);
  REQUIRE(second.size() == 1);
  CHECK(seq_of(second[0]) == 2);
  const auto third = sequencer.durable(2);
  REQUIRE(third.size() == 1);
  CHECK(seq_of(third[0]) == 3);
}

TEST_CASE("votes of a later step queue behind an older persist, in order") {
  EffectSequencer sequencer;
  static_cast<void>(sequencer.push({persist(1)}));
  CHECK(sequencer.push({vote(5)}).empty());
  CHECK(sequencer.push({vote(6)}).empty());
  const auto released = sequencer.durable(1);
  REQUIRE(released.size() == 2);
  CHECK(seq_of(released[0]) == 5);
  CHECK(seq_of(released[1]) == 6);
  CHECK(sequencer.waiting() == 0);
}

TEST_CASE("replies wait like votes, a refusal may overtake") {
  EffectSequencer sequencer;
  const auto ready = sequencer.push({persist(1), Reply{.client = 1, .session = 1, .message = Replies{}},
                                     Reply{.client = 1, .session = 1, .message = Refusal{}, .after_persists = false}});
  REQUIRE(ready.size() == 2);
  CHECK(std::holds_alternative<Refusal>(std::get<Reply>(ready[1]).message));
  CHECK(sequencer.durable(1).size() == 1);
}
