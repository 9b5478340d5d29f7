// A replica that drips, and one that changes its word.
#include "client_lib/bounded_source.h"

#include <doctest/doctest.h>

#include "client_lib/state_comparison.h"
#include "test/unit/client/memory_source.h"

namespace tagma {
namespace {

using test::MemorySource;
using test::Model;
using test::sha256;

TEST_CASE("a replica that drips its answers is not waited for beyond the deadline") {
  std::int64_t now_us = 0;
  Model model;
  for (int key = 0; key < 5000; ++key) model["key-" + std::to_string(key)] = "value";
  MemorySource honest("honest");
  honest.fill(model);
  model["key-zzz"] = "another";
  MemorySource slow("slow");
  slow.fill(model);
  slow.keys_per_answer = 1;
  slow.on_keys = [&](StateKeys&) { now_us += 1'900'000; };
  BoundedSource bounded(slow, 60'000'000, [&] { return now_us; });
  const auto walked = walk_states({bounded, slow.at()}, {honest, honest.at()}, sha256, {});
  REQUIRE(std::holds_alternative<WalkFailure>(walked));
  const auto& failure = std::get<WalkFailure>(walked);
  CHECK(failure.kind == WalkFailure::Kind::no_answer);
  CHECK(failure.culprit == Culprit::left);
  CHECK(failure.reason ==
        "slow has been waited for 60 s in all: it is too slow, or --deadline-s too low for its state");
  CHECK(now_us < 62'000'000);
  CHECK_FALSE(bounded.history(1, 0));
}

TEST_CASE("a replica that names another root for a slot than before is refused") {
  MemorySource source("replica 1");
  source.fill({{"a", "1"}});
  BoundedSource bounded(source, 1'000'000, [] { return std::int64_t{0}; });
  REQUIRE(bounded.history(1, 0));
  REQUIRE(bounded.history(1, 0));
  source.on_history = [](History& history) { history.roots.back().root = sha256("another"); };
  const auto changed = bounded.history(1, 0);
  REQUIRE_FALSE(changed);
  CHECK(changed.reason().find("replica 1 gives answers that contradict each other") == 0);
}

}  // namespace
}  // namespace tagma
