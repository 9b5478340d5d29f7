#include "checkpoint/memory_state_store.h"

#include <doctest/doctest.h>

#include "test/unit/checkpoint/model.h"

namespace tagma {
namespace {

TEST_CASE("an empty store") {
  const MemoryStateStore store(sha256);
  CHECK(store.seq() == 0);
  CHECK(store.root() == sha256("\2"));
  CHECK_FALSE(store.get("a"));
  CHECK_FALSE(store.seek(""));
}

TEST_CASE("apply sets, replaces and erases, and get and seek show it") {
  MemoryStateStore store(sha256);
  const Digest first = store.apply(128, {{"a", "1"}, {"b", "2"}, {Bytes("b\0", 2), "3"}});
  CHECK(store.seq() == 128);
  CHECK(store.root() == first);
  CHECK(store.get("a") == "1");
  CHECK(store.get(ByteView("b\0", 2)) == "3");
  CHECK_FALSE(store.get("ab"));
  CHECK(store.seek("") == std::pair<Bytes, Bytes>("a", "1"));
  CHECK(store.seek("a") == std::pair<Bytes, Bytes>("a", "1"));
  CHECK(store.seek(ByteView("a\0", 2)) == std::pair<Bytes, Bytes>("b", "2"));
  CHECK_FALSE(store.seek("c"));

  const Digest second = store.apply(256, {{"a", std::nullopt}, {"b", "22"}, {"none", std::nullopt}});
  CHECK(second != first);
  CHECK_FALSE(store.get("a"));
  CHECK(store.get("b") == "22");
  CHECK(store.apply(384, {{"a", "1"}, {"b", "2"}}) == first);
}

TEST_CASE("keys are listed in order, within a count and a number of bytes") {
  MemoryStateStore store(sha256);
  CHECK(store.keys("", 10, 100).empty());
  store.apply(1, {{"a", "1"}, {"b", "2"}, {"bb", "3"}, {"c", "4"}});
  CHECK(store.keys("", 10, 100) == std::vector<Bytes>{"a", "b", "bb", "c"});
  CHECK(store.keys("b", 2, 100) == std::vector<Bytes>{"b", "bb"});
  CHECK(store.keys(ByteView("b\0", 2), 10, 100) == std::vector<Bytes>{"bb", "c"});
  const std::vector<Bytes> up_to_the_bytes{"a", "b", "bb"};
  CHECK(store.keys("", 10, 3) == up_to_the_bytes);
  CHECK(store.keys("d", 10, 100).empty());
  CHECK(store.node("").kind == NodeKind::inner);
}

TEST_CASE("what leaves the state as it is costs no hash and keeps the root") {
  MemoryStateStore store(sha256);
  const Digest root = store.apply(1, {{"a", "1"}, {"b", "2"}});
  const std::uint64_t before = store.tree().hashes();
  CHECK(store.apply(2, {{"a", "1"}, {"c", std::nullopt}}) == root);
  CHECK(store.tree().hashes() == before);
  CHECK(store.seq() == 2);
}

TEST_CASE("random overlays: content and root follow a plain map") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    MemoryStateStore store(sha256);
    Model model;
    for (Seq seq = 1; seq <= 30; ++seq) {
      Overlay overlay;
      for (std::uint64_t count = chance.below(40); count > 0; --count) {
        auto& value = overlay[chance.key(60)];
        value = chance.below(3) == 0 ? std::nullopt : std::optional<Bytes>(chance.value());
      }
      for (const auto& [key, value] : overlay) {
        model.erase(key);
        if (value) model.emplace(key, *value);
      }
      store.apply(seq, overlay);
      MemoryStateStore from_scratch(sha256);
      REQUIRE(from_scratch.apply(1, Overlay(model.begin(), model.end())) == store.root());
      Model seen;
      for (auto entry = store.seek(""); entry; entry = store.seek(entry->first + Bytes(1, '\0'))) {
        CHECK(store.get(entry->first) == entry->second);
        seen.insert(*entry);
      }
      REQUIRE(seen == model);
    }
  }
}

}  // namespace
}  // namespace tagma
