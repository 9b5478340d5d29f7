#include "tagma/operation.h"

#include <doctest/doctest.h>

namespace tagma {
namespace {

TEST_CASE("an operation names its service") {
  const auto operation = encode_operation("kv", "payload");
  CHECK(operation == "\x02kvpayload");
  const auto view = decode_operation(operation);
  REQUIRE(view.ok());
  CHECK(view->service == "kv");
  CHECK(view->payload == "payload");
  const auto longest = encode_operation(Bytes(64, 's'), "");
  REQUIRE(decode_operation(longest).ok());
  CHECK(decode_operation(longest)->payload.empty());
}

TEST_CASE("ill-formed operations are refused") {
  CHECK(decode_operation("").reason() == "the operation is empty");
  CHECK(decode_operation(Bytes(1, '\0')).reason() == "the operation names no service");
  CHECK(decode_operation("\x03kv").reason() == "the service's name reaches beyond the operation");
  CHECK(decode_operation(Bytes(1, '\x41') + Bytes(65, 's')).reason() == "the service's name has more than 64 bytes");
  CHECK(decode_operation(Bytes(1, '\xff') + Bytes(300, 's')).reason() == "the service's name has more than 64 bytes");
}

TEST_CASE("words keep every byte") {
  for (const auto& words : {Words{}, Words{""}, Words{"put", "", Bytes("\0\n\xff", 3)}, Words(64, "w")}) {
    const auto decoded = decode_words(encode_words(words));
    REQUIRE(decoded.ok());
    CHECK(*decoded == words);
  }
  CHECK(encode_words({"ab"}) == Bytes("\x02\0\0\0ab", 6));
}

TEST_CASE("ill-formed words are refused") {
  CHECK(decode_words(encode_words(Words(65, "w"))).reason() == "the operation has more than 64 words");
  CHECK(decode_words(Bytes(3, '\0')).reason() == "there are trailing bytes behind the last word");
  CHECK(decode_words(encode_words({"put"}) + "x").reason() == "there are trailing bytes behind the last word");
  CHECK(decode_words(Bytes("\x03\0\0\0ab", 6)).reason() == "a word reaches beyond the operation");
  CHECK(decode_words(Bytes("\xff\xff\xff\xff", 4)).reason() == "a word reaches beyond the operation");
  const auto payload = encode_words({"put", "city", "Nicaea"});
  for (std::size_t size = 0; size < payload.size(); ++size) {
    const auto decoded = decode_words(payload.substr(0, size));
    if (decoded) CHECK(decoded->size() < 3);
  }
}

TEST_CASE("replies keep status and text") {
  for (const auto status : {ReplyStatus::ok, ReplyStatus::absent, ReplyStatus::refused}) {
    const ServiceReply reply{status, Bytes("a\0b", 3)};
    const auto decoded = decode_reply(encode_reply(reply));
    REQUIRE(decoded.ok());
    CHECK(*decoded == reply);
  }
  CHECK(decode_reply("").reason() == "the reply is empty");
  CHECK(decode_reply("\x03text").reason() == "the reply's status is unknown");
}

}  // namespace
}  // namespace tagma
