#include "messages/state_key.h"

#include <doctest/doctest.h>

namespace tagma {
namespace {

TEST_CASE("what a key of the state is, in words") {
  const auto kv = state_key::describe(Bytes("\x10\x02kvcity", 8));
  CHECK(kv.service == "kv");
  CHECK(kv.key == "city");
  CHECK(kv.what.empty());
  CHECK(state_key::describe(Bytes("\x20\0\0\0\7\0\0\0\0\0\0\1\0", 13)).what == "session 256 of client 7");
  CHECK(state_key::describe(Bytes("\x21\0\0\0\7\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3", 21)).what ==
        "replies kept for session 2 of client 7, from number 3");
  CHECK(state_key::describe(Bytes("\x22\0\0\0\7", 5)).what == "the evicted sessions of client 7");
  CHECK(state_key::describe("\x30").what == "the agreed time");
  CHECK(state_key::describe(Bytes("\x20\x80\0\0\2\0\0\0\0\0\0\1\0", 13)).what == "session 256 of admin 2");
  CHECK(state_key::describe("\x60").what == "how many proposals there have been");
  CHECK(state_key::describe(Bytes("\x61\0\0\0\0\0\0\0\3", 9)).what == "proposal 3");
  CHECK(state_key::describe(Bytes("\x62\0\0\0\7", 5)).what == "the key of client 7");
  CHECK(state_key::describe(Bytes("\x63\0\0\0\7", 5)).what == "what client 7 may call");
}

TEST_CASE("any bytes have some words") {
  for (const Bytes& odd : {Bytes(), Bytes("\x10"), Bytes("\x10\x00", 2), Bytes("\x10\x05kv", 4), Bytes("\x20\0", 2),
                           Bytes("\x21"), Bytes("\x22"), Bytes("\x30x"), Bytes("\x60x"), Bytes("\x61"), Bytes("\x62"),
                           Bytes("\x63\0", 2), Bytes("zeta")}) {
    const auto described = state_key::describe(odd);
    CHECK(described.service.empty());
    CHECK(described.what == "an entry of unknown kind, " + to_hex(odd));
  }
}

}  // namespace
}  // namespace tagma
