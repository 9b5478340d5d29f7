#include "client_lib/state_comparison.h"

#include <doctest/doctest.h>

#include <functional>
#include <vector>

#include "test/unit/client/memory_source.h"

namespace tagma {
namespace {

using test::MemorySource;
using test::sha256;

constexpr Seq interval = 4;

/// Two replicas that execute the same unless told otherwise, with a checkpoint every four slots.
struct Pair {
  MemorySource left{"replica 0"};
  MemorySource right{"replica 2"};
  Seq executed = 0;
  ComparisonOptions options;
  std::size_t pauses = 0;

  Pair() {
    options.pause = [this] { ++pauses; };
  }
  void execute(const Overlay& of_left, const Overlay& of_right, const std::string& right_batch = "") {
    const std::string batch = "batch " + std::to_string(++executed);
    left.execute(batch, of_left);
    right.execute(right_batch.empty() ? batch : right_batch, of_right);
    if (executed % interval != 0) return;
    left.checkpoint();
    right.checkpoint();
  }
  void execute_alike(Seq up_to) {
    while (executed < up_to) {
      const Overlay both{{"key " + std::to_string(executed), "value"}};
      execute(both, both);
    }
  }
  [[nodiscard]] Comparison compare() { return compare_replicas(left, right, sha256, options); }
};

TEST_CASE("the same up to the newest checkpoint") {
  Pair pair;
  pair.execute_alike(10);
  const auto found = pair.compare();
  CHECK(found.verdict == Comparison::Verdict::same);
  CHECK(found.same_up_to == 8);
  CHECK(found.left.seq == 8);
  CHECK_FALSE(found.parting);
  CHECK_FALSE(found.keys);
  CHECK(found.trouble.empty());
  CHECK(pair.pauses == 0);
}

TEST_CASE("the same batch and other writes: the slot is named, with key and values") {
  Pair pair;
  pair.execute_alike(5);
  pair.execute({{"city", "Nicaea"}}, {{"city", "Nicaeb"}});
  pair.execute_alike(9);
  const auto found = pair.compare();
  CHECK(found.verdict == Comparison::Verdict::different);
  CHECK(found.same_up_to == 4);
  REQUIRE(found.parting);
  CHECK(found.parting->kind == Parting::Kind::writes);
  CHECK(found.parting->slot == 6);
  CHECK(found.parting->after == 4);
  CHECK(found.parting->before == 8);
  CHECK_FALSE(found.parting->may_be_earlier);
  REQUIRE(found.keys);
  CHECK(found.keys->differing == 1);
  CHECK(found.keys->first.at(0).key == "city");
  CHECK(found.keys->first.at(0).right.value == "Nicaeb");
}

TEST_CASE("a difference that was written over before the last equal checkpoint is not the one") {
  Pair pair;
  pair.execute({{"city", "Nicaea"}}, {{"city", "Tyre"}});
  pair.execute({{"city", "Smyrna"}}, {{"city", "Smyrna"}});
  pair.execute_alike(6);
  pair.execute({{"city", "Nicaea"}}, {{"city", "Tyre"}});
  pair.execute_alike(8);
  const auto found = pair.compare();
  REQUIRE(found.parting);
  CHECK(found.parting->slot == 7);
}

TEST_CASE("a checkpoint that differed and has been repaired since is no difference any more") {
  Pair pair;
  pair.execute({{"city", "Nicaea"}}, {{"city", "Tyre"}});
  pair.execute_alike(4);
  pair.execute({{"city", "Nicaea"}}, {{"city", "Nicaea"}});
  pair.execute_alike(9);
  const auto found = pair.compare();
  CHECK(found.verdict == Comparison::Verdict::same);
  CHECK(found.same_up_to == 8);
  CHECK_FALSE(found.parting);

  pair.execute({{"city", "Nicaea"}}, {{"city", "Tyre"}});  // and again
  pair.execute_alike(12);
  const auto again = pair.compare();
  CHECK(again.verdict == Comparison::Verdict::different);
  CHECK(again.same_up_to == 8);
  REQUIRE(again.parting);
  CHECK(again.parting->slot == 10);
}

TEST_CASE("other batches are told from other writes") {
  Pair pair;
  pair.execute_alike(2);
  pair.execute({{"city", "Nicaea"}}, {{"city", "Tyre"}}, "a batch that nobody decided");
  pair.execute_alike(4);
  const auto found = pair.compare();
  REQUIRE(found.parting);
  CHECK(found.parting->kind == Parting::Kind::batches);
  CHECK(found.parting->slot == 3);
}

TEST_CASE("a state that changed while every slot wrote the same was changed outside of execution") {
  Pair pair;
  pair.execute_alike(6);
  pair.right.spoil("key 3", "vblue");
  pair.execute_alike(9);
  const auto found = pair.compare();
  CHECK(found.verdict == Comparison::Verdict::different);
  REQUIRE(found.parting);
  CHECK(found.parting->kind == Parting::Kind::outside);
  CHECK(found.parting->after == 4);
  CHECK(found.parting->before == 8);
  REQUIRE(found.keys);
  CHECK(found.keys->first.at(0).key == "key 3");
  CHECK(found.keys->first.at(0).left.value == "value");
  CHECK(found.keys->first.at(0).right.value == "vblue");
}

TEST_CASE("what is forgotten is not made up") {
  const auto forget_up_to = [](MemorySource& source, Seq oldest) {
    source.on_history = [oldest](History& history) {
      history.oldest = std::max(history.oldest, oldest);
      while (!history.slots.empty() && history.first < oldest) {
        history.slots.erase(history.slots.begin());
        ++history.first;
      }
      std::erase_if(history.roots, [](const auto& root) { return root.seq < 8; });
    };
  };
  Pair pair;
  pair.execute({{"city", "Nicaea"}}, {{"city", "Tyre"}});
  pair.execute_alike(8);
  forget_up_to(pair.right, 6);
  auto found = pair.compare();
  CHECK(found.verdict == Comparison::Verdict::different);
  REQUIRE(found.parting);
  CHECK(found.parting->kind == Parting::Kind::forgotten);
  CHECK(found.parting->slot == 6);
  CHECK(found.parting->before == 8);

  Pair later;
  later.execute({{"city", "Nicaea"}}, {{"city", "Tyre"}});
  later.execute_alike(6);
  later.execute({{"city", "Smyrna"}}, {{"city", "Sidon"}});
  later.execute_alike(8);
  forget_up_to(later.right, 6);
  found = later.compare();
  REQUIRE(found.parting);
  CHECK(found.parting->kind == Parting::Kind::writes);
  CHECK(found.parting->slot == 7);
  CHECK(found.parting->may_be_earlier);
}

TEST_CASE("they part behind the newest checkpoint: the roots cannot show it yet, the slots do") {
  Pair pair;
  pair.execute_alike(9);
  pair.execute({{"city", "Nicaea"}}, {{"city", "Tyre"}});
  const auto found = pair.compare();
  CHECK(found.verdict == Comparison::Verdict::different);
  CHECK(found.same_up_to == 9);
  CHECK_FALSE(found.keys);
  REQUIRE(found.parting);
  CHECK(found.parting->slot == 10);
  CHECK(found.parting->before == 0);
}

TEST_CASE("before the first checkpoint nothing is claimed, but slots are compared") {
  Pair pair;
  pair.execute_alike(3);
  auto found = pair.compare();
  CHECK(found.verdict == Comparison::Verdict::unknown);
  CHECK(found.answered);
  CHECK(found.same_up_to == 3);
  CHECK(found.trouble == "there is no checkpoint yet: the first one is of slot 4");
  Pair early;
  early.execute({{"city", "Nicaea"}}, {{"city", "Tyre"}});
  found = early.compare();
  CHECK(found.verdict == Comparison::Verdict::different);
  CHECK(found.parting->slot == 1);
}

TEST_CASE("newest checkpoints of different slots: waited for a while, then told, and what both remember decides") {
  Pair pair;
  pair.execute_alike(8);
  for (Seq seq = 9; seq <= 12; ++seq) pair.left.execute("batch " + std::to_string(seq), {{"later", "value"}});
  pair.left.checkpoint();
  auto found = pair.compare();
  CHECK(found.verdict == Comparison::Verdict::same);
  CHECK(found.same_up_to == 8);
  CHECK(found.trouble == "replica 0's newest checkpoint is of slot 12, replica 2's is of slot 8");
  CHECK(pair.pauses == pair.options.attempts_max - 1);

  Pair stopped;
  stopped.execute_alike(5);
  stopped.execute({{"city", "Nicaea"}}, {{"city", "Tyre"}});
  stopped.execute_alike(8);
  for (Seq seq = 9; seq <= 12; ++seq) stopped.left.execute("batch " + std::to_string(seq), {{"later", "value"}});
  stopped.left.checkpoint();
  found = stopped.compare();
  CHECK(found.verdict == Comparison::Verdict::different);
  CHECK(found.parting->slot == 6);
  REQUIRE(found.keys);
  CHECK(found.keys->differing == 2);
  CHECK(found.trouble.find("what was written in between is among the keys") != std::string::npos);
}

TEST_CASE("a replica whose checkpoints keep moving is tried again a bounded number of times") {
  Pair pair;
  pair.execute_alike(5);
  pair.execute({{"city", "Nicaea"}}, {{"city", "Tyre"}});
  pair.execute_alike(8);
  pair.left.on_nodes = [](StateNodes& answer) { answer = {0, answer.seq + 4, {}}; };
  const auto found = pair.compare();
  CHECK(found.verdict == Comparison::Verdict::different);
  CHECK(pair.pauses == pair.options.attempts_max - 1);
  CHECK_FALSE(found.keys);
  CHECK(found.trouble.find("it keeps moving on") != std::string::npos);
  REQUIRE(found.parting);
  CHECK(found.parting->slot == 6);
}

TEST_CASE("no answer, at the beginning or in the middle, is said") {
  Pair pair;
  pair.execute_alike(5);
  pair.execute({{"city", "Nicaea"}}, {{"city", "Tyre"}});
  pair.execute_alike(8);
  pair.right.silent_about_nodes = true;
  auto found = pair.compare();
  CHECK_FALSE(found.answered);
  CHECK(found.verdict == Comparison::Verdict::different);
  pair.right.silent = true;
  found = pair.compare();
  CHECK_FALSE(found.answered);
  CHECK(found.verdict == Comparison::Verdict::unknown);
  CHECK(found.trouble == "replica 2 gave no answer");
}

TEST_CASE("a history of absurd length is not asked for to its end") {
  Pair pair;
  pair.execute_alike(8);
  for (auto* source : {&pair.left, &pair.right}) {
    source->on_history = [](History& history) {
      history.executed = ~Seq{0} - 1;
      history.oldest = 1;
      history.first = history.slots.empty() ? history.first : 1;
    };
  }
  CHECK(pair.compare().verdict == Comparison::Verdict::same);
  CHECK(pair.left.histories_asked < 100);
}

TEST_CASE("a liar cannot keep the comparison busy: the number of its histories that are asked for is small") {
  const std::vector<std::function<void(History&)>> lies{
      // One slot after the other is called the oldest that is remembered.
      [](History& history) {
        history.executed = ~Seq{0} - 1;
        history.oldest = history.first + 1;
        history.slots.clear();
      },
      // The slot behind the last number there is.
      [](History& history) {
        history.executed = ~Seq{0};
        history.oldest = 1;
        if (history.slots.empty()) return;
        history.first = ~Seq{0};
        history.slots.resize(1);
      },
  };
  for (const auto& lie : lies) {
    Pair pair;
    pair.execute_alike(8);
    pair.right.on_history = lie;
    static_cast<void>(pair.compare());
    CHECK(pair.right.histories_asked < 100);
  }
}

TEST_CASE("a liar among the majority is not the one that all are compared with") {
  // Replica 0 claims the majority's root and then shows another state, falls silent, or contradicts itself.
  const std::vector<std::function<void(Comparison&)>> lies{
      [](Comparison& found) { found.verdict = Comparison::Verdict::different; },
      [](Comparison& found) {
        found.answered = false;
        found.culprit = Culprit::left;
      },
      [](Comparison& found) { found.culprit = Culprit::either; },
  };
  for (const auto& lie : lies) {
    const auto compare = [&](ReplicaId left, ReplicaId right) {
      Comparison found;
      found.verdict = Comparison::Verdict::same;
      if (left == 0) lie(found);
      if (right == 0) found.verdict = Comparison::Verdict::different;
      return found;
    };
    const auto pairs = compare_with_majority({0, 1, 2}, {0, 1, 2, 3}, 1, compare);
    REQUIRE(pairs.size() == 3);
    CHECK(pairs[0].left == 1);
    CHECK(pairs[0].right == 0);
    CHECK(pairs[0].comparison.verdict == Comparison::Verdict::different);
    CHECK(pairs[2].comparison.verdict == Comparison::Verdict::same);
  }
  // One that differs from everybody does not make the first member suspect.
  std::size_t compared = 0;
  const auto pairs = compare_with_majority({0, 1, 2}, {0, 1, 2, 3}, 1, [&](ReplicaId, ReplicaId right) {
    ++compared;
    Comparison found;
    if (right == 3) found.verdict = Comparison::Verdict::different;
    return found;
  });
  CHECK(pairs.front().left == 0);
  CHECK(compared == 3);
}

Membership four_replicas() {
  Membership membership;
  membership.faults = 1;
  membership.replicas.resize(4);
  return membership;
}

History with_roots(std::vector<CheckpointRoot> roots) {
  History history;
  history.roots = std::move(roots);
  return history;
}

TEST_CASE("the majority is the newest root that f+1 claim, if no other root has as many") {
  const auto membership = four_replicas();
  const Digest good = sha256("good");
  const Digest bad = sha256("bad");
  const Digest later = sha256("later");
  const auto alone = find_majority(membership, {with_roots({{4, good}}), std::nullopt, with_roots({{4, bad}}), {}});
  CHECK_FALSE(alone);
  const auto three = find_majority(membership, {with_roots({{4, good}, {8, later}}), with_roots({{4, good}}),
                                                with_roots({{4, bad}}), with_roots({{4, good}})});
  REQUIRE(three);
  CHECK(three->at == CheckpointRoot{4, good});
  CHECK(three->members == std::vector<ReplicaId>{0, 1, 3});
  const auto newest = find_majority(membership, {with_roots({{4, good}, {8, later}}), with_roots({{8, later}}),
                                                 with_roots({{4, bad}}), with_roots({{4, good}})});
  REQUIRE(newest);
  CHECK(newest->at == CheckpointRoot{8, later});
  const auto split = find_majority(
      membership, {with_roots({{4, good}}), with_roots({{4, bad}}), with_roots({{4, bad}}), with_roots({{4, good}})});
  CHECK_FALSE(split);
  CHECK_FALSE(find_majority(membership, {}));
}

}  // namespace
}  // namespace tagma
