// What the tests of the store on disk share.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "checkpoint/lmdb_state_store.h"
#include "checkpoint/memory_state_store.h"
#include "test/fakes/temporary_folder.h"
#include "test/unit/checkpoint/model.h"

namespace tagma {

using Folder = test::TemporaryFolder;
using Store = std::unique_ptr<LmdbStateStore>;
using Mode = LmdbOptions::Mode;

inline LmdbOptions options_for(const Folder& folder, Mode mode) {
  return {.mode = mode,
          .folder = folder.path(),
          .owner = "cluster and key",
          .make_hash = [] { return HashFunction(sha256); },
          .map_bytes = 64UL * 1024 * 1024};
}

inline Store opened(const Folder& folder, Mode mode) {
  auto result = LmdbStateStore::open(options_for(folder, mode));
  REQUIRE(std::holds_alternative<Store>(result));
  return std::move(std::get<Store>(result));
}

/// Writes and shows it to the reader.
inline Digest apply(LmdbStateStore& store, Seq seq, const Overlay& overlay) {
  const auto outcome = store.write(seq, overlay);
  REQUIRE(std::holds_alternative<Digest>(outcome));
  store.reader().refresh();
  return std::get<Digest>(outcome);
}

inline std::optional<StateDamaged> verified(const LmdbReader& reader) {
  const auto outcome = reader.verify([](std::uint64_t, std::uint64_t) { return true; });
  REQUIRE_FALSE(std::holds_alternative<LmdbReader::Abandoned>(outcome));
  if (const auto* damaged = std::get_if<StateDamaged>(&outcome)) return *damaged;
  return std::nullopt;
}
inline std::optional<StateDamaged> verified(const LmdbStateStore& store) { return verified(store.reader()); }

inline Overlay random_overlay(Chance& chance, std::uint64_t kinds) {
  Overlay overlay;
  for (std::uint64_t count = chance.below(30); count > 0; --count) {
    auto& value = overlay[chance.key(kinds)];
    value = chance.below(3) == 0 ? std::nullopt : std::optional(chance.value());
  }
  return overlay;
}

/// Every key, value and node, and the questions that have no answer.
inline void check_alike(const LmdbStateStore& store, const MemoryStateStore& memory) {
  REQUIRE(store.reader().root() == memory.root());
  REQUIRE(store.reader().seq() == memory.seq());
  const auto keys = memory.keys("", 10'000, 1'000'000);
  REQUIRE(store.reader().keys("", 10'000, 1'000'000) == keys);
  for (const auto& key : keys) {
    REQUIRE(store.reader().get(key) == memory.get(key));
    REQUIRE(store.reader().seek(key) == memory.seek(key));
    REQUIRE(store.reader().seek(key + '\0') == memory.seek(key + '\0'));
    REQUIRE_FALSE(store.reader().get(key + "\x01"));
    const Digest path = sha256(key);
    NibblePrefix prefix;
    for (std::size_t depth = 0; depth < 6; ++depth) {
      REQUIRE(store.reader().node(prefix).children == memory.node(prefix).children);
      prefix.push_back(static_cast<char>(nibble_at(path, depth)));
    }
  }
  REQUIRE_FALSE(verified(store));
}

}  // namespace tagma
