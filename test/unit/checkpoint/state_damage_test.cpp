// Damage with a right seal, and the first node lost or older: a writer makes no wrong root of it, a reader no absent
// key.
#include <doctest/doctest.h>

#include "checkpoint/lmdb_records.h"
#include "test/unit/checkpoint/lmdb_support.h"
#include "test/unit/checkpoint/tampered.h"

namespace tagma {
namespace {

Overlay many(int count) {
  Overlay overlay;
  for (int key = 0; key < count; ++key) overlay["key " + std::to_string(key)] = "value " + std::to_string(key);
  return overlay;
}

/// Changes the record of a place with a right seal.
template <typename Change>
void reseal(const Folder& folder, const NibblePrefix& prefix, const Change& change) {
  const lmdb::Environment environment(folder.path(), 64UL * 1024 * 1024, lmdb::tables_max, false);
  lmdb::Transaction transaction(environment, lmdb::Transaction::Kind::write);
  const auto tables = lmdb::open_tables(transaction);
  {
    lmdb::TransactionNodes nodes(transaction, tables);
    auto record = nodes.load(prefix);
    REQUIRE(record);
    change(*record);
    nodes.store(prefix, *record);
  }
  transaction.commit();
}

/// The same keys on disk and in memory.
struct Both {
  explicit Both(int keys) {
    apply(*opened(folder, Mode::create), 1, many(keys));
    memory.apply(1, many(keys));
  }
  Folder folder;
  MemoryStateStore memory{sha256};
};

/// What a start and a write make of it: damage that is told, or a root.
std::string outcome_of(const Folder& folder, Seq seq, const Overlay& overlay, const Digest& right) {
  auto opened = LmdbStateStore::open(options_for(folder, Mode::open));
  if (const auto* damaged = std::get_if<StateDamaged>(&opened)) return "damaged: " + damaged->reason();
  const Store store = std::move(std::get<Store>(opened));
  std::string text;
  try {
    const auto outcome = store->write(seq, overlay);
    text = std::get<Digest>(outcome) == right ? "right root" : "WRONG ROOT";
  } catch (const StateDamaged& damaged) {
    return "damaged: " + damaged.reason();
  }
  store->reader().refresh();
  const auto damage = verified(*store);
  return text + (damage ? " and then: " + damage->reason() : "");
}

TEST_CASE("a count of leaves that is too small, and a change that changes nothing") {
  Both both(400);
  auto& [folder, memory] = both;
  reseal(folder, {}, [](NodeRecord& record) { record.leaf_count = 1; });
  const Overlay nothing{{"never", std::nullopt}};
  const auto outcome = outcome_of(folder, 2, nothing, memory.apply(2, nothing));
  CHECK(outcome.starts_with("damaged"));
}

TEST_CASE("a count of leaves of a deeper node that is too small") {
  Both both(400);
  auto& [folder, memory] = both;
  Bytes key;
  NibblePrefix place;
  for (int at = 0; key.empty(); ++at) {
    const Bytes name = "never " + std::to_string(at);
    place.assign(1, static_cast<char>(nibble_at(sha256(name), 0)));
    if (Tampered(folder).records("nodes").contains("n" + place)) key = name;
  }
  reseal(folder, place, [](NodeRecord& record) { record.leaf_count = 9; });
  const Overlay nothing{{key, std::nullopt}};
  const auto outcome = outcome_of(folder, 2, nothing, memory.apply(2, nothing));
  CHECK(outcome.starts_with("damaged"));
}

TEST_CASE("a count of leaves that is too large, and keys that go") {
  for (const int left : {1, 0}) {
    Both both(3);
    auto& [folder, memory] = both;
    reseal(folder, {}, [](NodeRecord& record) { record.leaf_count = 1000; });
    Overlay gone;
    for (int key = left; key < 3; ++key) gone["key " + std::to_string(key)] = std::nullopt;
    const auto outcome = outcome_of(folder, 2, gone, memory.apply(2, gone));
    CHECK(outcome.starts_with("damaged"));
  }
}

TEST_CASE("a count of leaves of a deeper node that is too large, and its last keys go") {
  Both both(400);
  auto& [folder, memory] = both;
  reseal(folder, NibblePrefix(1, '\3'), [](NodeRecord& record) { record.leaf_count = 1000; });
  Overlay gone;
  for (const auto& [key, value] : many(400)) {
    if (nibble_at(sha256(key), 0) == 3) gone[key] = std::nullopt;
  }
  const auto outcome = outcome_of(folder, 2, gone, memory.apply(2, gone));
  CHECK(outcome.starts_with("damaged"));
}

TEST_CASE("a leaf that stands under another path, sealed there, among the same neighbours") {
  Both both(100);
  auto& [folder, memory] = both;
  // A derived place (at depth 1) above leaves alone.
  NibblePrefix place;
  StateNode node;
  for (char at = 0; at < 16 && place.empty(); ++at) {
    node = memory.node(NibblePrefix(1, at));
    if (node.kind == NodeKind::inner && node.leaves == node.occupied && node.children.size() < 12) place.push_back(at);
  }
  REQUIRE(!place.empty());
  // The last of its leaves goes up by one nibble, or the first that can.
  Digest from, to;
  for (std::size_t at = 0; at < node.children.size(); ++at) {
    const auto nibble = nibble_at(node.children[at].path, 1);
    if (nibble == 15 || (node.occupied >> (nibble + 1) & 1U) != 0) continue;
    from = to = node.children[at].path;
    to.bytes[0] = static_cast<std::uint8_t>(to.bytes[0] + 1);
  }
  REQUIRE(from != to);
  Bytes moved, neighbour;
  for (const auto& [key, value] : many(100)) {
    if (sha256(key) == from)
      moved = key;
    else if (lies_below(sha256(key), place))
      neighbour = key;
  }
  {
    const lmdb::Environment environment(folder.path(), 64UL * 1024 * 1024, lmdb::tables_max, false);
    lmdb::Transaction transaction(environment, lmdb::Transaction::Kind::write);
    const auto tables = lmdb::open_tables(transaction);
    const Bytes old(*transaction.get(tables.leaves, from.view()));
    const auto leaf = lmdb::read_leaf(transaction, from.view(), old);
    const Bytes record = lmdb::leaf_record(to, leaf);
    transaction.erase(tables.leaves, from.view());
    transaction.put(tables.leaves, to.view(), record);
    transaction.commit();
  }
  {
    const Store store = opened(folder, Mode::open);
    CHECK(verified(*store));
    CHECK_THROWS_AS(static_cast<void>(store->reader().get(moved)), StateDamaged);
    CHECK_THROWS_AS(static_cast<void>(store->reader().node(place)), StateDamaged);
  }
  const Overlay change{{neighbour, "changed"}};
  const auto outcome = outcome_of(folder, 2, change, memory.apply(2, change));
  CHECK(outcome.starts_with("damaged"));
}

TEST_CASE("the only leaf, named under another nibble") {
  const Folder folder;
  apply(*opened(folder, Mode::create), 1, {{"rome", "tiber"}});
  reseal(folder, {}, [](NodeRecord& record) { record.occupied = record.leaves = 1; });
  CHECK(std::holds_alternative<StateDamaged>(LmdbStateStore::open(options_for(folder, Mode::open))));
}

TEST_CASE("the first node is lost, or an older one of it put back; a write of one new key, or of none") {
  for (const int size : {5, 400}) {
    for (const bool older : {false, true}) {
      for (const bool empty : {false, true}) {
        CAPTURE(size);
        CAPTURE(older);
        CAPTURE(empty);
        Both both(size);
        auto& [folder, memory] = both;
        const Bytes before = Tampered(folder).records("nodes").at("n");
        apply(*opened(folder, Mode::open), 2, {{"key 0", "changed"}});
        memory.apply(2, {{"key 0", "changed"}});
        older ? Tampered(folder).put("nodes", "n", before) : Tampered(folder).erase("nodes", "n");
        Overlay overlay;
        for (int at = 0; !empty && overlay.empty(); ++at) {  // where the older node says nothing wrong
          const Bytes key = "new " + std::to_string(at);
          if (nibble_at(sha256(key), 0) != nibble_at(sha256("key 0"), 0)) overlay[key] = "new";
        }
        const auto outcome = outcome_of(folder, 3, overlay, memory.apply(3, overlay));
        CHECK(outcome.starts_with("damaged"));
      }
    }
  }
}

TEST_CASE("the first node is lost under a running store: nothing is installed beside it, and no reader goes on") {
  Both both(400);
  auto& [folder, memory] = both;
  memory.apply(2, {{"new", "new"}});
  const Store store = opened(folder, Mode::open);
  Tampered(folder).erase("nodes", "n");
  REQUIRE_FALSE(store->stage({{*memory.piece({}, 1'000'000), memory.root()}}));
  CHECK_THROWS_AS(static_cast<void>(store->install(2, memory.root(), {{}})), StateDamaged);
  CHECK_THROWS_AS(store->reader().refresh(), StateDamaged);
}

TEST_CASE("an older leaf put back, and a write of the value that it has") {
  Both both(40);
  auto& [folder, memory] = both;
  const Bytes path(sha256("key 0").view());
  const Bytes before = Tampered(folder).records("leaves").at(path);
  apply(*opened(folder, Mode::open), 2, {{"key 0", "changed"}});
  memory.apply(2, {{"key 0", "changed"}});
  Tampered(folder).put("leaves", path, before);
  const Overlay overlay{{"key 0", "value 0"}};
  const auto outcome = outcome_of(folder, 3, overlay, memory.apply(3, overlay));
  const bool right = outcome.starts_with("damaged") || outcome == "right root";
  CHECK(right);
}

}  // namespace
}  // namespace tagma
