#include <doctest/doctest.h>

#include "messages/messages.h"
#include "test/checkers/caps_oracle.h"
#include "test/checkers/state_oracle.h"
#include "test/unit/checkers/samples.h"

namespace {

using namespace tagma;
using namespace tagma::checkers;

std::uint64_t hash_of(ByteView key, ByteView value) {
  ContentHash hash;
  hash.add(key, value);
  return hash.value();
}

}  // namespace

TEST_CASE("the content hash tells states apart") {
  CHECK(hash_of("a", "b") == hash_of("a", "b"));
  CHECK(hash_of("a", "b") != hash_of("b", "a"));
  CHECK(hash_of("ab", "") != hash_of("a", "b"));
  CHECK(hash_of("", "") != ContentHash{}.value());
}

TEST_CASE("equal checkpoints pass; another root, content or certificate does not") {
  Verdict verdict;
  StateOracle oracle(verdict);
  oracle.checkpoint(0, 8, digest_of(1), 5);
  oracle.checkpoint(1, 8, digest_of(1), 5);
  oracle.certified(2, 8, digest_of(1));
  oracle.checkpoint(0, 16, digest_of(2), 6);
  REQUIRE_FALSE(verdict.violated());
  SUBCASE("root") { oracle.checkpoint(2, 8, digest_of(2), 5); }
  SUBCASE("content") { oracle.checkpoint(2, 8, digest_of(1), 6); }
  SUBCASE("certificate") { oracle.certified(2, 16, digest_of(1)); }
  SUBCASE("certificate first") {
    oracle.certified(2, 24, digest_of(1));
    oracle.checkpoint(2, 24, digest_of(2), 5);
  }
  REQUIRE(verdict.violated());
  CHECK(verdict.first().oracle == Oracle::state_digest);
}

TEST_CASE("each cap is a cap") {
  Verdict verdict;
  CapsOracle oracle(verdict);
  const Caps caps{.pending_operations = 10,
                  .pending_bytes = 100,
                  .slots_held = 20,
                  .effects_waiting = 30,
                  .effects_per_step = 40,
                  .checkpoint_votes = 50,
                  .view_changes = 60,
                  .new_views = 70,
                  .batches_of_slot = 80};
  CoreView view;
  view.pending_operations = 10;
  view.pending_bytes = 100;
  view.slots_held = 20;
  CoreHeld held{.checkpoint_votes = 50, .view_changes = 60, .new_views = 70, .batches_of_slot_max = 80};
  oracle.check(0, caps, view, 30, 40);
  oracle.check(0, caps, held);
  REQUIRE_FALSE(verdict.violated());
  std::size_t waiting = 0;
  std::size_t effects = 0;
  SUBCASE("operations") { ++view.pending_operations; }
  SUBCASE("bytes") { ++view.pending_bytes; }
  SUBCASE("slots") { ++view.slots_held; }
  SUBCASE("waiting") { waiting = 31; }
  SUBCASE("effects") { effects = 41; }
  SUBCASE("votes for checkpoints") { ++held.checkpoint_votes; }
  SUBCASE("VIEW-CHANGEs") { ++held.view_changes; }
  SUBCASE("NEW-VIEWs") { ++held.new_views; }
  SUBCASE("batches of a slot") { ++held.batches_of_slot_max; }
  oracle.check(0, caps, view, waiting, effects);
  oracle.check(0, caps, held);
  REQUIRE(verdict.violated());
  CHECK(verdict.first().oracle == Oracle::caps);
}
