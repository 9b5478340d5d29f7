// Histories on disk against the state in memory: keys whose paths agree for long, that come and go by writes and by
// transfers; every node, piece and record.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "checkpoint/lmdb_records.h"
#include "checkpoint/state_transfer.h"
#include "test/unit/checkpoint/lmdb_support.h"
#include "test/unit/checkpoint/tampered.h"

namespace tagma {
namespace {

/// Short keys lie where their characters say: 'k' and then nibbles as letters 'a'..'p'.
Digest clustered(ByteView bytes) {
  if (bytes.empty() || bytes.front() != 'k') return sha256(bytes);
  Digest path = sha256(bytes);
  std::size_t at = 0;
  for (const char c : bytes.substr(1)) {
    if (c < 'a' || c > 'p' || at >= 64) break;
    const auto n = static_cast<unsigned>(c - 'a');
    auto& byte = path.bytes[at / 2];
    byte = static_cast<std::uint8_t>(at % 2 == 0 ? (byte & 0x0fU) | (n << 4U) : (byte & 0xf0U) | n);
    ++at;
  }
  return path;
}

Bytes clustered_key(Chance& chance, int style) {
  Bytes key = "k";
  const auto run = [&](char c, std::uint64_t count) { key += Bytes(count, c); };
  switch (style % 4) {
    case 0: break;
    case 1: run('f', chance.below(4) * 15); break;
    case 2: run('a', 61); break;
    default:
      run('b', 3);
      run(static_cast<char>('a' + chance.below(3)), 3);
      break;
  }
  while (style % 4 == 2 && key.size() < 65) key.push_back(static_cast<char>('a' + chance.below(3)));
  if (style % 4 != 2) {
    for (const std::uint64_t b : {4U, 5U}) key += static_cast<char>('a' + chance.below(b));
    key += "-" + std::to_string(chance.below(9));
  }
  return key;
}

void check_all(const LmdbStateStore& store, const MemoryStateStore& memory, const NibblePrefix& prefix,
               std::size_t& leaves, std::map<NibblePrefix, std::size_t>& inner) {
  const StateNode node = memory.node(prefix);
  REQUIRE(store.reader().node(prefix) == node);
  if (prefix.size() <= 63 && node.kind != NodeKind::absent) {
    const auto piece = store.reader().piece(prefix, 100'000'000);
    const auto digest = digest_of(*piece, clustered);
    REQUIRE(digest);
    if (node.kind == NodeKind::inner) {
      Bytes bytes;
      append_inner_bytes(bytes, node);
      REQUIRE(*digest == clustered(bytes));
    }
  }
  if (node.kind == NodeKind::leaf) {
    ++leaves;
    return;
  }
  if (node.kind == NodeKind::absent) return;
  std::size_t here = 0;
  for (char n = 0; n < 16; ++n) check_all(store, memory, prefix + n, here, inner);
  inner[prefix] = here;
  leaves += here;
}

void check_records(const Folder& folder, const std::map<NibblePrefix, std::size_t>& inner, std::size_t keys) {
  const auto nodes = Tampered(folder).records("nodes");
  std::size_t kept = 0;
  for (const auto& [prefix, count] : inner) {
    const bool wanted = prefix.empty() || count > 16;
    kept += wanted ? 1U : 0U;
    REQUIRE(nodes.contains("n" + prefix) == wanted);
    if (wanted) {
      std::uint64_t said = 0;
      std::memcpy(&said, nodes.at("n" + prefix).data() + 8 + 32, 8);
      REQUIRE(said == count);
    }
  }
  if (keys == 1) ++kept;
  REQUIRE(nodes.size() == kept);
}

/// Takes the state of another store, which differs from `memory` by the overlay, over to slot `seq`.
Digest transferred(LmdbStateStore& store, const MemoryStateStore& memory, const Overlay& overlay, Seq seq,
                   Chance& chance) {
  MemoryStateStore other(clustered);
  Overlay all;
  for (const auto& key : memory.keys("", 1'000'000, 1'000'000'000)) all[key] = *memory.get(key);
  if (!all.empty()) other.apply(seq - 1, all);
  const Digest root = other.apply(seq, overlay);
  StateTransfer transfer(store.reader(), clustered, {seq, root}, {});
  const bool nodes_first = chance.below(2) == 0;
  const std::size_t piece_bytes_max = 1 + chance.below(3) * 700;
  for (auto questions = transfer.ask(7); !questions.empty(); questions = transfer.ask(7)) {
    for (const auto& question : questions) {
      const auto piece = other.piece(question.prefix, question.node_wanted && nodes_first ? 0 : piece_bytes_max);
      const StateNode node = other.node(question.prefix);
      const bool inner = node.kind == NodeKind::inner;
      auto judgement = StateTransfer::Judgement::false_;
      if (piece && !piece->entries.empty() && !(question.node_wanted && inner)) {
        judgement = transfer.judge(*piece);
      } else if (inner) {
        judgement = transfer.judge(node);
      } else {
        judgement = transfer.judge(*other.piece(question.prefix, 1'000'000));
      }
      REQUIRE(judgement == StateTransfer::Judgement::accepted);
    }
    REQUIRE_FALSE(store.stage(transfer.take_verified()));
  }
  REQUIRE_FALSE(store.stage(transfer.take_verified()));
  REQUIRE(std::holds_alternative<Digest>(store.install(seq, root, transfer.cover())));
  store.reader().refresh();
  return root;
}

/// What may change at once: hardly anything, or nearly all.
Overlay clustered_overlay(Chance& chance, const MemoryStateStore& memory, int style) {
  Overlay overlay;
  const auto kind = chance.below(6);
  if (kind == 0) {  // nearly all go
    const auto stay = chance.below(20);
    for (const auto& key : memory.keys("", 1'000'000, 1'000'000'000)) overlay[key] = std::nullopt;
    for (std::uint64_t left = stay; left > 0 && !overlay.empty(); --left) {
      overlay.erase(std::next(overlay.begin(), static_cast<std::ptrdiff_t>(chance.below(overlay.size()))));
    }
    return overlay;
  }
  const std::uint64_t bound = kind == 1 ? 3 : kind == 2 ? 40 : kind == 3 ? 900 : 250;
  for (std::uint64_t left = chance.below(bound); left > 0; --left) {
    const auto key = clustered_key(chance, style);
    overlay[key] = chance.below(kind == 4 ? 2 : 5) == 0 ? std::nullopt : std::optional<Bytes>(chance.value());
  }
  return overlay;
}

TEST_CASE("random histories on disk, with clustered paths, transfers and restarts, are those of the state in memory") {
  for (int seed = 1; seed <= 24; ++seed) {
    CAPTURE(seed);
    const Folder folder;
    auto options = options_for(folder, Mode::create);
    options.make_hash = [] { return HashFunction(clustered); };
    auto result = LmdbStateStore::open(options);
    Store store = std::move(std::get<Store>(result));
    MemoryStateStore memory(clustered);
    Chance chance(static_cast<std::uint64_t>(seed));
    Seq seq = 0;
    for (int round = 0; round < 14; ++round) {
      CAPTURE(round);
      const Overlay overlay = clustered_overlay(chance, memory, seed);
      ++seq;
      Digest root;
      if (chance.below(4) == 0) {  // by a transfer from another store
        root = transferred(*store, memory, overlay, seq + 1, chance);
        ++seq;
        memory.apply(seq, overlay);
        REQUIRE(memory.root() == root);
      } else {
        const auto outcome = store->write(seq, overlay);
        REQUIRE(std::holds_alternative<Digest>(outcome));
        store->reader().refresh();
        REQUIRE(std::get<Digest>(outcome) == memory.apply(seq, overlay));
      }
      REQUIRE(store->reader().root() == memory.root());
      REQUIRE_FALSE(verified(*store));
      std::size_t leaves = 0;
      std::map<NibblePrefix, std::size_t> inner;
      check_all(*store, memory, {}, leaves, inner);
      const auto keys = memory.keys("", 1'000'000, 1'000'000'000);
      REQUIRE(leaves == keys.size());
      REQUIRE(store->reader().keys("", 1'000'000, 1'000'000'000) == keys);
      for (const auto& key : keys) REQUIRE(store->reader().get(key) == memory.get(key));
      for (int n = 0; n < 50; ++n) {
        const auto key = clustered_key(chance, seed);
        REQUIRE(store->reader().get(key) == memory.get(key));
      }
      if (round % 3 == 0) {
        store.reset();
        check_records(folder, inner, keys.size());
        options.mode = Mode::open;
        auto again = LmdbStateStore::open(options);
        store = std::move(std::get<Store>(again));
      }
    }
  }
}

TEST_CASE("long histories on disk, of many keys and long values, are those of the state in memory") {
  const Folder folder;
  const Store store = opened(folder, Mode::create);
  MemoryStateStore memory(sha256);
  Chance chance(5);
  for (Seq seq = 1; seq <= 30; ++seq) {
    Overlay overlay;
    const std::uint64_t count = chance.below(2) == 0 ? 300 : 4'000;
    const std::uint64_t erased = chance.below(10);
    for (std::uint64_t at = 0; at < count; ++at) {
      overlay["key " + std::to_string(chance.below(12'000))] =
          chance.below(10) < erased
              ? std::nullopt
              : std::optional<Bytes>(Bytes(chance.below(50) == 0 ? 6'000 : chance.below(300), 'x') +
                                     std::to_string(seq));
    }
    if (seq % 7 == 0) {
      for (const auto& key : memory.keys("", 100'000, 100'000'000)) {
        if (chance.below(40) != 0) overlay[key] = std::nullopt;
      }
    }
    REQUIRE(apply(*store, seq, overlay) == memory.apply(seq, overlay));
    REQUIRE_FALSE(verified(*store));
  }
}

}  // namespace
}  // namespace tagma
