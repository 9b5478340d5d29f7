#include "checkpoint/lmdb_state_store.h"

#include <doctest/doctest.h>
#include <lmdb.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "test/unit/checkpoint/lmdb_support.h"
#include "test/unit/checkpoint/tampered.h"

namespace tagma {
namespace {

TEST_CASE("an empty store on disk; its files are private, and it stays when it is opened again") {
  const Folder folder;
  for (const auto mode : {Mode::create, Mode::open, Mode::create}) {
    const Store store = opened(folder, mode);
    CHECK(store->reader().seq() == 0);
    CHECK(store->reader().root() == sha256("\2"));
    CHECK_FALSE(store->reader().get("a"));
    CHECK_FALSE(store->reader().get(""));
    CHECK_FALSE(store->reader().seek(""));
    CHECK(store->reader().keys("", 1, 1).empty());
    CHECK_FALSE(verified(*store));
  }
  struct stat status {};
  REQUIRE(::stat((folder.path() + "/data.mdb").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600U);
}

TEST_CASE("the store on disk and the one in memory are the same to every reader, across restarts") {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const Folder folder;
    Chance chance(seed);
    MemoryStateStore memory(sha256);
    Store store = opened(folder, Mode::create);
    for (Seq seq = 1; seq <= 25; ++seq) {
      const Overlay overlay = random_overlay(chance, seed % 2 == 0 ? 12 : 300);
      REQUIRE(apply(*store, seq * 10, overlay) == memory.apply(seq * 10, overlay));
      if (seq % 5 == 0) {
        store.reset();
        store = opened(folder, Mode::open);
      }
      check_alike(*store, memory);
      REQUIRE(store->reader().roots() == memory.roots());
      REQUIRE(memory.roots().size() == std::min<std::size_t>(seq, state_roots_max));
      REQUIRE(memory.roots().back() == StateRoot{seq * 10, memory.root()});
    }
  }
}

TEST_CASE("a reader sees the state before until it is told of the new one, and a writer may be another thread") {
  const Folder folder;
  const Store store = opened(folder, Mode::create);
  apply(*store, 8, {{"a", "1"}});
  const Digest before = store->reader().root();
  std::variant<Digest, DiskFailure> outcome;
  std::thread([&] { outcome = store->write(16, {{"a", "2"}, {"b", "3"}}); }).join();
  REQUIRE(std::holds_alternative<Digest>(outcome));
  CHECK(store->reader().get("a") == "1");
  CHECK_FALSE(store->reader().get("b"));
  CHECK(store->reader().root() == before);
  CHECK(store->reader().seq() == 8);
  store->reader().refresh();
  CHECK(store->reader().get("a") == "2");
  CHECK(store->reader().get("b") == "3");
  CHECK(store->reader().root() == std::get<Digest>(outcome));
  CHECK(store->reader().seq() == 16);
}

TEST_CASE("a pinned reader stays where it was, however often the state is written") {
  const Folder folder;
  const Store store = opened(folder, Mode::create);
  Overlay first;
  for (int key = 0; key < 50; ++key) first["key " + std::to_string(key)] = std::to_string(key);
  const Digest root = apply(*store, 1, first);
  const auto pinned = store->reader().pin();
  for (Seq seq = 2; seq <= 12; ++seq) apply(*store, seq, {{"key " + std::to_string(seq), "changed"}});
  CHECK(pinned->root() == root);
  CHECK(pinned->get("key 3") == "3");
  CHECK_FALSE(verified(dynamic_cast<const LmdbReader&>(*pinned)));
  CHECK(store->reader().get("key 3") == "changed");
}

TEST_CASE("pieces of the state are what the tree stands for at every place, and no larger than asked for") {
  const Folder folder;
  const Store store = opened(folder, Mode::create);
  Chance chance(6);
  Overlay overlay;
  while (overlay.size() < 120) overlay[chance.key(1000)] = chance.value();
  apply(*store, 1, overlay);
  const auto& reader = store->reader();
  const auto check = [&](const auto& self, const NibblePrefix& prefix, const Digest& digest) -> void {
    const auto piece = reader.piece(prefix, 1'000'000);
    REQUIRE(piece);
    REQUIRE(digest_of(*piece, sha256) == digest);
    const std::size_t bytes = size_of(*piece);
    CHECK(reader.piece(prefix, bytes));
    CHECK_FALSE(reader.piece(prefix, bytes - 1));
    const StateNode node = reader.node(prefix);
    if (node.kind != NodeKind::inner) return;
    std::size_t child = 0;
    for (std::size_t nibble = 0; nibble < 16; ++nibble) {
      const NibblePrefix below = prefix + static_cast<char>(nibble);
      if ((node.occupied & (1U << nibble)) == 0) {
        CHECK(reader.piece(below, 1)->entries.empty());
      } else {
        self(self, below, node.children[child++].digest);
      }
    }
  };
  check(check, {}, reader.root());
}

TEST_CASE("keys as long as the limit, and questions for longer ones") {
  const Folder folder;
  const Store store = opened(folder, Mode::create);
  const Bytes longest(511, 'k');
  apply(*store, 1, {{longest, "1"}, {"l", "2"}});
  CHECK(store->reader().get(longest) == "1");
  CHECK_FALSE(store->reader().get(longest + "k"));
  CHECK(store->reader().seek(longest)->second == "1");
  CHECK(store->reader().seek(longest + "a")->second == "2");
  CHECK(store->reader().seek(Bytes(510, 'k') + "jzz")->second == "1");
  CHECK(store->reader().keys(longest + "k", 10, 10) == std::vector<Bytes>{"l"});
}

TEST_CASE("another owner's state is refused, and a missing one is a damage where there must be one") {
  const Folder folder;
  CHECK(std::get<StateDamaged>(LmdbStateStore::open(options_for(folder, Mode::open))).reason() ==
        folder.path() + ": the state is missing (no data.mdb)");
  std::ofstream(folder.path() + "/data.mdb").close();
  for (const auto mode : {Mode::open, Mode::look}) {
    CHECK(std::get<StateDamaged>(LmdbStateStore::open(options_for(folder, mode))).reason() ==
          folder.path() + ": the state is missing (data.mdb is empty)");
  }
  opened(folder, Mode::create);
  auto options = options_for(folder, Mode::open);
  options.owner = "another";
  CHECK(std::get<StoreRefused>(LmdbStateStore::open(options)).reason.find("another replica or another cluster") !=
        std::string::npos);
  options.folder += "/none";
  options.mode = Mode::create;
  CHECK(std::get<DiskFailure>(LmdbStateStore::open(options)).reason.find("/none: mdb_env_open: No such file") !=
        std::string::npos);
}

TEST_CASE("without room nothing changes, and it goes on once there is some") {
  const Folder folder;
  auto options = options_for(folder, Mode::create);
  options.map_bytes = 256UL * 1024;
  auto result = LmdbStateStore::open(options);
  auto& store = *std::get<Store>(result);
  apply(store, 1, {{"a", "1"}});
  const Digest before = store.reader().root();
  const auto outcome = store.write(2, {{"b", Bytes(400'000, 'b')}});
  REQUIRE(std::holds_alternative<DiskFailure>(outcome));
  CHECK(std::get<DiskFailure>(outcome).kind == DiskFailure::Kind::no_space);
  store.reader().refresh();
  CHECK(store.reader().root() == before);
  CHECK(store.reader().seq() == 1);
  CHECK_FALSE(store.reader().get("b"));
  CHECK_FALSE(verified(store));
  apply(store, 2, {{"b", "2"}});
  CHECK(store.reader().get("b") == "2");
}

/// So many keys that some inner nodes below the first one are kept, and some are not.
void fill(const Folder& folder) {
  const Store store = opened(folder, Mode::create);
  Overlay overlay;
  for (int key = 0; key < 250; ++key) overlay["key " + std::to_string(key)] = "value " + std::to_string(key);
  apply(*store, 8, overlay);
}

/// The damage that opening or verifying finds.
std::optional<StateDamaged> found_damage(const Folder& folder) {
  auto result = LmdbStateStore::open(options_for(folder, Mode::open));
  if (auto* damaged = std::get_if<StateDamaged>(&result)) return *damaged;
  REQUIRE(std::holds_alternative<Store>(result));
  return verified(*std::get<Store>(result));
}

TEST_CASE("each record changed in one bit, taken away or put under another key is found") {
  for (const char* table : {"leaves", "keys", "nodes", "meta"}) {
    const Folder folder;
    fill(folder);
    const Model records = Tampered(folder).records(table);
    REQUIRE(records.size() >= 3);
    Chance chance(7);
    for (const auto& [key, value] : records) {
      CAPTURE(table);
      CAPTURE(to_hex(key));
      Bytes changed = value;
      const std::size_t at = chance.below(changed.size());
      changed[at] = static_cast<char>(changed[at] ^ static_cast<char>(1U << chance.below(8)));
      Tampered(folder).put(table, key, changed);
      CHECK(found_damage(folder));
      Tampered(folder).erase(table, key);
      CHECK(found_damage(folder));
      Tampered(folder).put(table, key,
                           records.begin()->first == key ? records.rbegin()->second : records.begin()->second);
      CHECK(found_damage(folder));
      Tampered(folder).put(table, key, value);
      REQUIRE_FALSE(found_damage(folder));
    }
  }
}

TEST_CASE("a key of the table of nodes that is no place is found") {
  for (const Bytes& key : {Bytes("m"), Bytes("n\x10", 2), Bytes("n\xff", 2), Bytes("\0", 1)}) {
    const Folder folder;
    fill(folder);
    const Model records = Tampered(folder).records("nodes");
    Tampered(folder).put("nodes", key, records.begin()->second);
    const auto damage = found_damage(folder);
    REQUIRE(damage);
  }
}

TEST_CASE("a record that somebody sealed but the tree does not know is found") {
  const Folder folder;
  const Folder other;
  fill(folder);
  {
    const Store store = opened(other, Mode::create);
    apply(*store, 8, {{"key 1", "a lie"}, {"key 990", "new"}});
  }
  const Model others = Tampered(other).records("leaves");
  const Bytes path(sha256("key 1").view());
  const Bytes before = Tampered(folder).records("leaves").at(path);
  Tampered(folder).put("leaves", path, others.at(path));
  CHECK(found_damage(folder)->reason().find("is not the one") != std::string::npos);
  Tampered(folder).put("leaves", path, before);
  REQUIRE_FALSE(found_damage(folder));
  const Bytes new_path(sha256("key 990").view());
  Tampered(folder).put("leaves", new_path, others.at(new_path));
  CHECK(found_damage(folder));
  Tampered(folder).put("keys", "key 990", Tampered(other).records("keys").at("key 990"));
  CHECK(found_damage(folder));
}

TEST_CASE("a whole head of another state of the same slot is found, by the root of the tree below it") {
  const Folder folder;
  const Folder other;
  fill(folder);
  {
    const Store store = opened(other, Mode::create);
    apply(*store, 8, {{"key 1", "a lie"}});
  }
  const Model heads = Tampered(other).records("meta");
  REQUIRE(heads.contains("checkpoint"));
  Tampered(folder).put("meta", "checkpoint", heads.at("checkpoint"));
  CHECK(found_damage(folder)->reason().find("the roots are not those of this checkpoint") != std::string::npos);
  Tampered(folder).put("meta", "roots", heads.at("roots"));
  const auto damage = found_damage(folder);
  REQUIRE(damage);
  CHECK(damage->reason().find("the tree's root is not the checkpoint's") != std::string::npos);
}

TEST_CASE("a record that is gone is no absent key to a reader, nor to a writer") {
  const Folder folder;
  fill(folder);
  Tampered(folder).erase("leaves", Bytes(sha256("key 7").view()));
  const Store store = opened(folder, Mode::open);
  CHECK_THROWS_AS(static_cast<void>(store->reader().get("key 7")), StateDamaged);
  CHECK_THROWS_AS(static_cast<void>(store->write(9, {{"key 7", "new"}})), StateDamaged);
  CHECK_THROWS_AS(static_cast<void>(store->write(9, {{"key 7", std::nullopt}})), StateDamaged);
  CHECK(store->reader().get("key 8") == "value 8");
  CHECK_FALSE(store->reader().get("key 770"));
  CHECK(store->reader().seq() == 8);
}

TEST_CASE("a record whose page says that it is longer than any is damage, and nothing is read of it") {
  const Folder folder;
  {
    const Store store = opened(folder, Mode::create);
    // Long enough for pages of its own, so that only its length stands in the leaf page.
    apply(*store, 8, {{"long", Bytes(20'000, 'l')}});
  }
  const std::string file = folder.path() + "/data.mdb";
  std::ifstream in(file, std::ios::binary);
  Bytes content((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const Bytes path(sha256("long").view());
  std::size_t changed = 0;
  for (auto at = content.find(path); at != Bytes::npos; at = content.find(path, at + 1)) {
    // A node of LMDB: low and high half of the length, flags, length of the key, key.
    if (at < 8 || static_cast<unsigned char>(content[at - 2]) != Digest::size_bytes || content[at - 1] != 0) continue;
    content[at - 5] = '\x40';  // about a gigabyte
    ++changed;
  }
  REQUIRE(changed > 0);
  std::ofstream(file, std::ios::binary | std::ios::trunc) << content;
  const auto damage = found_damage(folder);
  REQUIRE(damage);
  CHECK(damage->reason().find("bytes, which none has") != std::string::npos);
}

TEST_CASE("a file that was cut off is found before LMDB meets its end") {
  const Folder folder;
  fill(folder);
  const std::string file = folder.path() + "/data.mdb";
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 4096);
  CHECK(found_damage(folder)->reason().find("data.mdb was cut off") != std::string::npos);
}

TEST_CASE(
    "K5: a disk that takes a part of a write only has no room, and the checkpoint is written once there is some") {
  const Folder folder;
  const Store store = opened(folder, Mode::create);
  apply(*store, 8, {{"a", "1"}});
  Overlay large;
  for (int key = 0; key < 2'000; ++key) large["key " + std::to_string(key)] = Bytes(200, 'v');
  const auto size = std::filesystem::file_size(folder.path() + "/data.mdb");
  ::rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  // Within a run of pages, at the border of one, and just behind it.
  for (const rlim_t more : {6'000UL, 40'960UL, 81'921UL}) {
    CAPTURE(more);
    const ::rlimit tight{.rlim_cur = size + more, .rlim_max = before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &tight) == 0);
    const auto outcome = store->write(16, large);
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
    REQUIRE(std::holds_alternative<DiskFailure>(outcome));
    CHECK(std::get<DiskFailure>(outcome).kind == DiskFailure::Kind::no_space);
    CHECK_FALSE(verified(*store));
    CHECK(store->reader().seq() == 8);
  }
  std::signal(SIGXFSZ, handler);
  apply(*store, 16, large);
  CHECK_FALSE(verified(*store));
}

/// In a process of its own, since LMDB may fall over its own pages: 0 if all is as it was, 1 if the damage is found.
int outcome_in_child(const Folder& folder, const MemoryStateStore& memory) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(STDERR_FILENO);
    for (const int fall : {SIGSEGV, SIGBUS, SIGABRT}) static_cast<void>(std::signal(fall, SIG_DFL));  // not doctest's
    auto result = LmdbStateStore::open(options_for(folder, Mode::open));
    if (!std::holds_alternative<Store>(result)) ::_exit(1);
    const auto& store = *std::get<Store>(result);
    if (verified(store)) ::_exit(1);
    bool alike = store.reader().root() == memory.root() && store.reader().seq() == memory.seq();
    for (const auto& key : memory.keys("", 1000, 100'000)) alike &= store.reader().get(key) == memory.get(key);
    ::_exit(alike ? 0 : 2);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;  // killed by LMDB's own fall: it did not answer
}

TEST_CASE("bytes changed anywhere in the file are found, or change nothing that can be read") {
  const Folder folder;
  MemoryStateStore memory(sha256);
  {
    Chance chance(3);
    const Store store = opened(folder, Mode::create);
    for (Seq seq = 1; seq <= 6; ++seq) {
      const Overlay overlay = random_overlay(chance, 40);
      REQUIRE(apply(*store, seq, overlay) == memory.apply(seq, overlay));
    }
  }
  const std::string file = folder.path() + "/data.mdb";
  std::ifstream in(file, std::ios::binary);
  const Bytes content((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  Chance chance(11);
  std::array<int, 3> outcomes{};
  for (int round = 0; round < 300; ++round) {
    Bytes damaged = content;
    for (std::uint64_t count = 1 + chance.below(3) * 8; count > 0; --count) {
      damaged[chance.below(damaged.size())] = static_cast<char>(chance.below(256));
    }
    std::ofstream(file, std::ios::binary | std::ios::trunc) << damaged;
    const int outcome = outcome_in_child(folder, memory);
    REQUIRE(outcome >= 0);
    REQUIRE(outcome < 2);
    ++outcomes.at(static_cast<std::size_t>(outcome));
  }
  CHECK(outcomes[0] > 0);
  CHECK(outcomes[1] > 100);
}

}  // namespace
}  // namespace tagma
