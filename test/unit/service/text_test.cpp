#include "replica/service/text.h"

#include <doctest/doctest.h>

namespace tagma {
namespace {

Bytes escaped(ByteView bytes) {
  Bytes text;
  append_escaped(text, bytes);
  CHECK(text.size() == escaped_size(bytes));
  return text;
}

TEST_CASE("numbers are decimal digits within a bound, and nothing else") {
  CHECK(parse_number("0", 10) == 0U);
  CHECK(parse_number("007", 10) == 7U);
  CHECK(parse_number("10", 10) == 10U);
  CHECK(parse_number("18446744073709551615", UINT64_MAX) == UINT64_MAX);
  CHECK_FALSE(parse_number("18446744073709551616", UINT64_MAX));
  for (const ByteView bad : {ByteView("11"), ByteView(""), ByteView("-1"), ByteView("+1"), ByteView(" 1"),
                             ByteView("1 "), ByteView("0x1"), ByteView("1.0"), ByteView("1\0", 2)}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_number(bad, 10));
  }
}

TEST_CASE("escaping keeps text on one line without tabs, and leaves UTF-8 alone") {
  CHECK(escaped("plain = text, 'quotes'") == "plain = text, 'quotes'");
  CHECK(escaped("Nik\xc3\xa6"
                "a") ==
        "Nik\xc3\xa6"
        "a");
  CHECK(escaped("a\tb\nc\rd\\e") == "a\\tb\\nc\\rd\\\\e");
  CHECK(escaped(ByteView("\0\x1b\x7f\x1f", 4)) == "\\x00\\x1b\\x7f\\x1f");
  CHECK(escaped("").empty());
}

TEST_CASE("different bytes have different escaped text") {
  CHECK(escaped("\\t") != escaped("\t"));
  CHECK(escaped("\\x01") != escaped("\x01"));
  CHECK(escaped("\\\\") != escaped("\\"));
}

TEST_CASE("quoted text is short and harmless") {
  CHECK(quoted("a\nb") == "'a\\nb'");
  CHECK(quoted(Bytes(40, 'x')) == "'" + Bytes(40, 'x') + "'");
  CHECK(quoted(Bytes(100'000, 'x')) == "'" + Bytes(40, 'x') + "...'");
  CHECK(quoted(Bytes(100'000, '\0')).size() < 200);
}

TEST_CASE("a refusal shows the usage") {
  const auto reply = refuse_usage("it is wrong", "do it right");
  CHECK(reply.status == ReplyStatus::refused);
  CHECK(reply.text == "it is wrong; usage: do it right");
}

}  // namespace
}  // namespace tagma
