// LMDB's list of free pages: whatever was written it is found whole, and damage in it is found before a write meets it.
#include <doctest/doctest.h>

#include <cstring>
#include <fstream>
#include <functional>

#include "test/unit/checkpoint/lmdb_support.h"

namespace tagma {
namespace {

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t page_head_bytes = 16;

/// The bytes of data.mdb, and where in them LMDB 0.9 keeps its list: for damage by hand.
class Image {
 public:
  explicit Image(const Folder& folder) : file_(folder.path() + "/data.mdb") {
    std::ifstream in(file_, std::ios::binary);
    bytes_.assign((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  }
  void save() const { std::ofstream(file_, std::ios::binary | std::ios::trunc) << bytes_; }

  [[nodiscard]] std::uint64_t word(std::size_t at) const {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes_.data() + at, sizeof word);
    return word;
  }
  void set_word(std::size_t at, std::uint64_t word) { std::memcpy(bytes_.data() + at, &word, sizeof word); }
  [[nodiscard]] std::uint16_t half(std::size_t at) const {
    std::uint16_t half = 0;
    std::memcpy(&half, bytes_.data() + at, sizeof half);
    return half;
  }

  /// Where the newer meta page begins: the one of the higher transaction.
  [[nodiscard]] std::size_t meta() const { return word(144) > word(page_bytes + 144) ? 0 : page_bytes; }
  [[nodiscard]] std::uint64_t transaction() const { return word(meta() + 144); }
  [[nodiscard]] std::uint64_t last_page() const { return word(meta() + 136); }
  [[nodiscard]] std::size_t entries_at() const { return meta() + 72; }
  [[nodiscard]] std::size_t root() const { return word(meta() + 80) * page_bytes; }
  void zero_root() { std::fill_n(bytes_.begin() + static_cast<std::ptrdiff_t>(root()), page_bytes, '\0'); }

  /// Where the records of a list of one page begin, each with its key: behind sizes and flags.
  [[nodiscard]] std::vector<std::size_t> records() const {
    constexpr std::size_t node_head_bytes = 8;
    std::vector<std::size_t> records;
    for (std::size_t at = page_head_bytes; at < half(root() + 12); at += 2) {
      records.push_back(root() + half(root() + at) + node_head_bytes);
    }
    return records;
  }

 private:
  std::string file_;
  Bytes bytes_;
};

/// The damage that opening or verifying finds.
std::optional<StateDamaged> found_damage(const Folder& folder) {
  auto result = LmdbStateStore::open(options_for(folder, Mode::look));
  if (auto* damaged = std::get_if<StateDamaged>(&result)) return *damaged;
  REQUIRE(std::holds_alternative<Store>(result));
  return verified(*std::get<Store>(result));
}

/// A state whose list of free pages has several records, each of several pages.
void fill(const Folder& folder) {
  const Store store = opened(folder, Mode::create);
  Overlay overlay;
  for (int key = 0; key < 300; ++key) overlay["key " + std::to_string(key)] = Bytes(100, 'v');
  apply(*store, 8, overlay);
  for (Seq seq = 9; seq <= 12; ++seq) apply(*store, seq, {{"key " + std::to_string(seq), "changed"}});
}

}  // namespace

TEST_CASE("the list of free pages is whole after whatever writes: long values, pieces, what is cleared or pinned") {
  const Folder folder;
  Chance chance(5);
  Store store = opened(folder, Mode::create);
  std::unique_ptr<StateReader> pinned;
  for (Seq seq = 1; seq <= 60; ++seq) {
    Overlay overlay;
    for (std::uint64_t count = chance.below(40); count > 0; --count) {
      auto& value = overlay["key " + std::to_string(chance.below(200))];
      if (chance.below(3) != 0) value = Bytes(chance.below(4) == 0 ? chance.below(100'000) : chance.below(900), 'v');
    }
    apply(*store, seq, overlay);
    REQUIRE_FALSE(verified(*store));
    const auto piece = store->reader().piece({}, 100'000'000);
    REQUIRE(piece);
    REQUIRE_FALSE(store->stage({{*piece, store->reader().root()}}));
    store->reader().refresh();
    REQUIRE_FALSE(verified(*store));
    if (chance.below(2) == 0) REQUIRE_FALSE(store->discard_staged());
    store->reader().refresh();
    REQUIRE_FALSE(verified(*store));
    if (pinned) REQUIRE_FALSE(verified(dynamic_cast<const LmdbReader&>(*pinned)));
    if (chance.below(5) == 0) pinned = store->reader().pin();
    if (chance.below(8) == 0) {
      pinned.reset();
      store.reset();
      store = opened(folder, Mode::open);
    }
  }
}

TEST_CASE("a list of free pages whose first page is gone is found before a write meets it") {
  const Folder folder;
  fill(folder);
  REQUIRE_FALSE(found_damage(folder));
  Image image(folder);
  image.zero_root();
  image.save();
  const auto damage = found_damage(folder);
  REQUIRE(damage);
  CHECK(damage->reason().find("MDB_CORRUPTED") != std::string::npos);
}

TEST_CASE("each number of the list of free pages that LMDB would not have written is found, and named") {
  struct Damage {
    const char* words;
    std::function<void(Image& image, std::size_t first, std::size_t second)> make;
  };
  const auto one_less = [](Image& image, std::size_t at) { image.set_word(at, image.word(at) - 1); };
  const std::vector<Damage> damages{
      {", which has not been", [](Image& image, std::size_t first, std::size_t) { image.set_word(first, 0); }},
      {", which has not been",
       [](Image& image, std::size_t, std::size_t second) { image.set_word(second, image.transaction() + 1); }},
      {"is too short", [](Image& image, std::size_t first, std::size_t) { image.set_word(first + 8, 1'000); }},
      {"is too short", [](Image& image, std::size_t first, std::size_t) { image.set_word(first + 8, ~0ULL); }},
      {"names page 1, which is none",
       [](Image& image, std::size_t first, std::size_t) { image.set_word(first + 8 + 8 * image.word(first + 8), 1); }},
      {", which is none",
       [](Image& image, std::size_t first, std::size_t) { image.set_word(first + 16, image.last_page() + 1); }},
      {"is not in order",
       [](Image& image, std::size_t first, std::size_t) { image.set_word(first + 24, image.word(first + 16)); }},
      {"is in it twice",
       [](Image& image, std::size_t first, std::size_t second) {
         image.set_word(second + 8, 1);
         image.set_word(second + 16, image.word(first + 16));
       }},
      {"are more than the",
       [](Image& image, std::size_t, std::size_t) {
         const std::size_t leaf_pages_at = image.entries_at() - 16;
         image.set_word(leaf_pages_at, image.word(leaf_pages_at) + 1);
       }},
      {"records of", [&](Image& image, std::size_t, std::size_t) { one_less(image, image.entries_at()); }},
  };
  for (const auto& [expected, make] : damages) {
    const char* const words = expected;  // CAPTURE makes a lambda, which clang 14 gives no structured binding
    CAPTURE(words);
    const Folder folder;
    fill(folder);
    Image image(folder);
    const auto records = image.records();
    REQUIRE(records.size() >= 2);
    REQUIRE(image.word(records[0] + 8) >= 2);
    make(image, records[0], records[1]);
    image.save();
    const auto damage = found_damage(folder);
    REQUIRE(damage);
    CAPTURE(damage->reason());
    CHECK(damage->reason().find("list of free pages") != std::string::npos);
    CHECK(damage->reason().find(words) != std::string::npos);
  }
}

}  // namespace tagma
