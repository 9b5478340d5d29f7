#include "messages/state_entries.h"

#include <doctest/doctest.h>

#include "test/fakes/state_pieces.h"

namespace tagma {
namespace {

using test::EntryList;
using test::list_of;
using test::packed;

const EntryList some{{"k", ""}, {"key", "value"}, {"", Bytes(70'000, 'v')}, {Bytes(511, 'k'), Bytes("\0\xff", 2)}};

TEST_CASE("entries come out as they went in, in the same order") {
  const StateEntries entries = packed(some);
  CHECK(entries.size() == some.size());
  CHECK(list_of(entries) == some);
  CHECK(entries.content_bytes() == 1 + 8 + 70'000 + 513);
  CHECK(entries.packed().size() == entries.content_bytes() + some.size() * StateEntries::head_bytes);
  CHECK(StateEntries{{"k", ""}, {"key", "value"}} == packed({some[0], some[1]}));
  CHECK(StateEntries().empty());
  CHECK(StateEntries().begin() == StateEntries().end());
}

TEST_CASE("packed entries are read back; what is cut off anywhere, or has a length too large, is refused") {
  const StateEntries entries = packed({some[0], some[1], some[3]});
  const Bytes& bytes = entries.packed();
  CHECK(StateEntries::unpacked(bytes, 3) == entries);
  std::size_t whole = 0;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto cut = StateEntries::unpacked(ByteView(bytes).substr(0, size), 3);
    if (!cut) continue;
    ++whole;
    CHECK(cut->packed().size() == size);
  }
  CHECK(whole == 3);  // after none, one and two of them
  for (std::size_t at = 0; at < StateEntries::head_bytes; ++at) {
    Bytes longer = bytes;
    longer[at] = '\xff';
    CHECK_FALSE(StateEntries::unpacked(longer, 3));
  }
}

TEST_CASE("more entries than allowed are refused before anything is taken for them") {
  const Bytes heads(5 * StateEntries::head_bytes, '\0');
  CHECK(StateEntries::unpacked(heads, 5)->size() == 5);
  CHECK_FALSE(StateEntries::unpacked(heads, 4));
  CHECK_FALSE(StateEntries::unpacked(heads, 0));
  CHECK(StateEntries::unpacked("", 0)->empty());
}

}  // namespace
}  // namespace tagma
