#include "checkpoint/layered_state.h"

#include <doctest/doctest.h>

#include <stdexcept>
#include <vector>

#include "checkpoint/memory_state_store.h"
#include "test/unit/checkpoint/model.h"

namespace tagma {
namespace {

using Entries = std::vector<std::pair<Bytes, Bytes>>;

Entries scanned(const LayeredState& state, ByteView from = {}, ByteView to = {}, std::size_t limit = SIZE_MAX) {
  Entries entries;
  if (limit == 0) return entries;
  state.scan(from, to, [&](ByteView key, ByteView value) {
    entries.emplace_back(key, value);
    return entries.size() < limit;
  });
  return entries;
}

Entries expected(const Model& model, ByteView from = {}, ByteView to = {}, std::size_t limit = SIZE_MAX) {
  Entries entries;
  for (const auto& [key, value] : model) {
    if (key >= from && (to.empty() || key < to) && entries.size() < limit) entries.emplace_back(key, value);
  }
  return entries;
}

/// A layered state with its store beside a plain map that went through the same operations.
class Pair {
 public:
  explicit Pair(std::uint64_t seed) : chance_(seed), kinds_(1 + chance_.below(40)) {}

  void step() {
    switch (chance_.below(10)) {
      case 0: freeze(); break;
      case 1: write_oldest(); break;
      case 2:
      case 3: operation(); break;
      case 4: compare_scan(); break;
      default: change(); break;
    }
    const Bytes key = chance_.key(kinds_);
    const auto found = model_.find(key);
    REQUIRE(state_.get(key) == (found == model_.end() ? std::nullopt : std::optional<Bytes>(found->second)));
  }

  void compare_all() { REQUIRE(scanned(state_) == expected(model_)); }

  void write_everything() {
    freeze();
    while (!frozen_.empty()) write_oldest();
    REQUIRE(Overlay(model_.begin(), model_.end()) == stored());
  }

 private:
  void change() {
    const Bytes key = chance_.key(kinds_);
    if (chance_.below(3) == 0) {
      REQUIRE(state_.erase(key) == (model_.erase(key) == 1));
    } else {
      const Bytes value = chance_.value();
      state_.put(key, value);
      model_[key] = value;
    }
  }

  void operation() {
    const Model before = model_;
    state_.begin();
    for (std::uint64_t count = chance_.below(8); count > 0; --count) change();
    compare_scan();
    // The store may finish a checkpoint in the middle of an operation.
    if (chance_.below(2) == 0) write_oldest();
    if (chance_.below(2) == 0) {
      state_.commit();
    } else {
      state_.rollback();
      model_ = before;
    }
    compare_all();
  }

  void freeze() {
    seq_ += 1 + chance_.below(3);
    state_.freeze(seq_);
    frozen_.emplace_back(seq_, model_);
  }

  /// The store applies the oldest frozen overlay, then the state hears of it; reads in between are right too.
  void write_oldest() {
    if (frozen_.empty()) return;
    const auto [seq, then] = frozen_.front();
    const auto overlay = state_.frozen(seq);
    REQUIRE(overlay != nullptr);
    store_.apply(seq, *overlay);
    REQUIRE(stored() == Overlay(then.begin(), then.end()));
    compare_all();
    state_.written(seq);
    REQUIRE(state_.frozen(seq) == nullptr);
    frozen_.erase(frozen_.begin());
    compare_all();
  }

  void compare_scan() {
    const Bytes from = chance_.below(3) == 0 ? Bytes() : chance_.key(kinds_);
    const Bytes to = chance_.below(3) == 0 ? Bytes() : chance_.key(kinds_);
    const std::size_t limit = chance_.below(2) == 0 ? SIZE_MAX : chance_.below(6);
    REQUIRE(scanned(state_, from, to, limit) == expected(model_, from, to, limit));
  }

  [[nodiscard]] Overlay stored() const {
    Overlay all;
    for (auto entry = store_.seek(""); entry; entry = store_.seek(entry->first + Bytes(1, '\0'))) all.insert(*entry);
    return all;
  }

  Chance chance_;
  std::uint64_t kinds_;
  MemoryStateStore store_{sha256};
  LayeredState state_{store_};
  Model model_;
  Seq seq_ = 0;
  std::vector<std::pair<Seq, Model>> frozen_;  ///< what the store must hold after each
};

TEST_CASE("random operations, undo, freezing and writing in every interleaving follow a plain map") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    Pair pair(seed);
    for (int step = 0; step < 200; ++step) pair.step();
    pair.write_everything();
  }
}

TEST_CASE("each layer hides what lies below it, and an erasure hides too") {
  MemoryStateStore store(sha256);
  store.apply(1, {{"a", "store"}, {"b", "store"}, {"c", "store"}, {"d", "store"}});
  LayeredState state(store);
  state.put("b", "old");
  state.put("e", "old");
  CHECK(state.erase("c"));
  state.freeze(2);
  state.put("e", "new");
  CHECK(state.erase("b"));
  state.put("c", "new");
  state.freeze(3);
  CHECK(state.erase("d"));
  CHECK_FALSE(state.erase("b"));
  CHECK_FALSE(state.erase("never there"));
  const Entries all{{"a", "store"}, {"c", "new"}, {"e", "new"}};
  CHECK(scanned(state) == all);
  CHECK(state.get("a") == "store");
  CHECK_FALSE(state.get("b"));
  CHECK(state.get("c") == "new");
  CHECK_FALSE(state.get("d"));

  store.apply(2, *state.frozen(2));
  state.written(2);
  CHECK(scanned(state) == all);
  store.apply(3, *state.frozen(3));
  state.written(3);
  CHECK(scanned(state) == all);
  CHECK(store.get("d") == "store");
  state.freeze(4);
  store.apply(4, *state.frozen(4));
  state.written(4);
  CHECK(scanned(state) == all);
  CHECK_FALSE(store.get("d"));
}

TEST_CASE("a scan keeps to its range, stops when told, and an empty end is no end") {
  MemoryStateStore store(sha256);
  store.apply(1, {{"a", "1"}, {"c", "3"}});
  LayeredState state(store);
  state.put("b", "2");
  state.put("d", "4");
  CHECK(scanned(state, "b", "d") == Entries{{"b", "2"}, {"c", "3"}});
  CHECK(scanned(state, "bb") == Entries{{"c", "3"}, {"d", "4"}});
  CHECK(scanned(state, "", "b") == Entries{{"a", "1"}});
  CHECK(scanned(state, "", "", 3) == Entries{{"a", "1"}, {"b", "2"}, {"c", "3"}});
  CHECK(scanned(state, "d", "a").empty());
  CHECK(scanned(state, "b", "b").empty());
  CHECK(scanned(state, "e").empty());
}

TEST_CASE("rollback takes back new, changed and erased keys, also when one key changed often") {
  MemoryStateStore store(sha256);
  store.apply(1, {{"stored", "s"}});
  LayeredState state(store);
  state.put("kept", "k");
  const Entries before = scanned(state);
  state.begin();
  state.put("new", "1");
  CHECK(state.erase("new"));
  state.put("new", "2");
  state.put("kept", "changed");
  CHECK(state.erase("kept"));
  CHECK(state.erase("stored"));
  state.put("stored", "again");
  CHECK(scanned(state) == Entries{{"new", "2"}, {"stored", "again"}});
  state.rollback();
  CHECK(scanned(state) == before);
  state.freeze(2);
  const Overlay only_kept{{"kept", "k"}};
  CHECK_MESSAGE(*state.frozen(2) == only_kept, "an undone operation leaves nothing for the checkpoint");

  state.begin();
  state.put("new", "3");
  state.commit();
  state.begin();
  state.rollback();
  CHECK_MESSAGE(state.get("new") == "3", "a later rollback does not reach a committed operation");
}

TEST_CASE("a frozen overlay does not change any more") {
  MemoryStateStore store(sha256);
  LayeredState state(store);
  CHECK(state.frozen(0) == nullptr);
  state.put("a", "1");
  state.freeze(7);
  const auto overlay = state.frozen(7);
  state.put("a", "2");
  state.put("b", "2");
  CHECK(*overlay == Overlay{{"a", "1"}});
  CHECK(state.frozen(8) == nullptr);
  state.freeze(9);
  CHECK(*state.frozen(9) == Overlay{{"a", "2"}, {"b", "2"}});
  CHECK(*state.frozen(7) == Overlay{{"a", "1"}});
}

TEST_CASE("a scan may read, but a change during it throws and leaves everything as it was") {
  MemoryStateStore store(sha256);
  store.apply(1, {{"a", "1"}, {"b", "2"}});
  LayeredState state(store);
  const auto change_in_scan = [&](const std::function<void()>& change) {
    state.scan("", "", [&](ByteView, ByteView) {
      change();
      return true;
    });
  };
  CHECK_THROWS_AS(change_in_scan([&] { state.put("aa", "x"); }), std::logic_error);
  CHECK_THROWS_AS(change_in_scan([&] { static_cast<void>(state.erase("b")); }), std::logic_error);
  CHECK(scanned(state) == Entries{{"a", "1"}, {"b", "2"}});
  std::size_t seen = 0;
  change_in_scan([&] { seen += scanned(state, "a").size() + (state.get("b") ? 1U : 0U); });
  CHECK(seen == 6);
  state.put("aa", "x");
  CHECK_MESSAGE(state.get("aa") == "x", "once the scan has ended, changes are welcome again");
}

}  // namespace
}  // namespace tagma
