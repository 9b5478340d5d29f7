#include "replica/runtime/state_check.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "checkpoint/lmdb_state_store.h"
#include "support.h"

using namespace tagma;
using namespace tagma::runtime;
using runtime_test::Folder;

namespace {

const auto go_on_always = [](std::uint64_t, std::uint64_t) { return true; };

/// A state of many pages; returns its root.
Digest fill(const Folder& folder) {
  LmdbOptions options;
  options.mode = LmdbOptions::Mode::create;
  options.folder = folder.path();
  options.owner = "somebody";
  options.make_hash = make_state_hash;
  options.map_bytes = 64UL * 1024 * 1024;
  auto opened = LmdbStateStore::open(options);
  auto& store = *std::get<std::unique_ptr<LmdbStateStore>>(opened);
  Overlay overlay;
  for (int key = 0; key < 2'000; ++key) overlay["key " + std::to_string(key)] = std::string(50, 'v');
  return std::get<Digest>(store.write(8, overlay));
}

Bytes content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {(std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>()};
}

}  // namespace

TEST_CASE("a whole state is told as it is, with its progress") {
  const Folder folder;
  const Digest root = fill(folder);
  std::uint64_t highest = 0;
  const auto checked = check_state(folder.path(), [&highest](std::uint64_t done, std::uint64_t) {
    highest = std::max(highest, done);
    return true;
  });
  REQUIRE(std::holds_alternative<CheckedState>(checked));
  const auto& state = std::get<CheckedState>(checked);
  CHECK(state.seq == 8);
  CHECK(state.root == root);
  CHECK(state.keys == 2'000);
  CHECK(state.file_bytes == std::filesystem::file_size(folder.file("data.mdb")));
  CHECK(highest > 0);
}

TEST_CASE("whichever page is all zero, the check lives, and finds it or something that it can read all of") {
  const Folder folder;
  const Digest root = fill(folder);
  const std::string file = folder.file("data.mdb");
  const Bytes whole = content_of(file);
  constexpr std::size_t page_bytes = 4096;
  std::size_t damages = 0;
  std::size_t falls = 0;
  for (std::size_t page = 0; page < whole.size() / page_bytes; page += page < 4 ? 1 : 7) {
    Bytes damaged = whole;
    std::fill_n(damaged.begin() + static_cast<std::ptrdiff_t>(page * page_bytes), page_bytes, '\0');
    std::ofstream(file, std::ios::binary | std::ios::trunc) << damaged;
    const auto checked = check_state(folder.path(), go_on_always);
    CAPTURE(page);
    if (const auto* damage = std::get_if<StateDamaged>(&checked)) {
      ++damages;
      falls += damage->reason().find("was ended by signal") != std::string::npos ? 1U : 0U;
      continue;
    }
    // A page that no record of the state lies on.
    REQUIRE(std::holds_alternative<CheckedState>(checked));
    const auto& state = std::get<CheckedState>(checked);
    CHECK((state.root == root || state.seq == 0));
  }
  CHECK(damages > 5);
  CHECK(falls > 0);
}

TEST_CASE("a check that nobody waits for any more ends, and a state that is missing is a damage") {
  const Folder folder;
  fill(folder);
  CHECK(std::holds_alternative<CheckAbandoned>(
      check_state(folder.path(), [](std::uint64_t, std::uint64_t) { return false; })));
  const Folder empty;
  CHECK(std::holds_alternative<StateDamaged>(check_state(empty.path(), go_on_always)));
}
