// The layouts of crypto/README.md, as golden vectors that were put together independently of the code.
#include "crypto/record.h"

#include "tagma/limits.h"
#include "test/unit/crypto/support.h"

namespace tagma::crypto::test {
namespace {

const std::string hello_hex =
    "54474d4101010000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f0300000000000000020000000700000000"
    "00"
    "000000000000010000000200000005000000000000000a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0b0b0b"
    "0b"
    "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b40005a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
    "5a"
    "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";
const std::string accept_hex =
    "54474d4101020000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f0300000000000000010000000200000005"
    "00"
    "000000000000020000000700000000000000000000000c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c6a250f"
    "bd"
    "4809fa7fe97252353eac4e095a7a8f8fdee3d9cc400167f86538fa26887766554433221140005a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
    "5a"
    "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";
const std::string reset_hex =
    "54474d4101040000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f0300000000000000010000000200000005"
    "00"
    "000000000000020000000700000000000000000000008877665544332211";

const ChannelScope scope{counting_cluster(), 3};

Hello golden_hello() {
  Hello hello{{RecordKind::hello, scope, client_seven, replica_two}, {}, {}};
  hello.ephemeral.fill(0x0a);
  hello.nonce.fill(0x0b);
  return hello;
}

Accept golden_accept() {
  Accept accept{{RecordKind::accept, scope, replica_two, client_seven}, {}, {}, 0x1122334455667788U};
  accept.ephemeral.fill(0x0c);
  accept.hello_digest = Hasher().digest(hex(hello_hex));
  return accept;
}

/// A FRAME's fields in front of its lengths.
Bytes frame_start(std::uint32_t count) {
  const std::array<char, record_header_bytes> header =
      encode_header({RecordKind::frame, scope, client_seven, replica_two});
  Bytes record(header.data(), header.size());
  record.resize(frame_header_bytes, '\0');
  store_little_endian<std::uint32_t>(record.data() + frame_count_offset, count);
  return record;
}

std::string layout_reason(ByteView record) {
  const Result<FrameLayout> layout = decode_frame_layout(record);
  return layout.ok() ? "" : layout.reason();
}

}  // namespace

TEST_CASE("HELLO, ACCEPT and RESET keep their layouts") {
  Bytes hello = encode_hello(golden_hello());
  append_signature(hello, Bytes(64, 'Z'));
  CHECK(to_hex(hello) == hello_hex);
  Bytes accept = encode_accept(golden_accept());
  append_signature(accept, Bytes(64, 'Z'));
  CHECK(to_hex(accept) == accept_hex);
  CHECK(to_hex(encode_reset({{RecordKind::reset, scope, replica_two, client_seven}, 0x1122334455667788U})) ==
        reset_hex);
}

TEST_CASE("HELLO, ACCEPT and RESET are read back as they were written") {
  const Bytes hello_record = hex(hello_hex);
  const Result<Signed<Hello>> hello = decode_hello(hello_record);
  REQUIRE(hello.ok());
  CHECK(hello->content.header.from == client_seven);
  CHECK(hello->content.header.to == replica_two);
  CHECK(hello->content.header.scope.epoch == 3);
  CHECK(hello->content.ephemeral == golden_hello().ephemeral);
  CHECK(hello->content.nonce == golden_hello().nonce);
  CHECK(hello->signature == Bytes(64, 'Z'));
  CHECK(hello->statement == encode_hello(golden_hello()));
  const Bytes accept_record = hex(accept_hex);
  const Result<Signed<Accept>> accept = decode_accept(accept_record);
  REQUIRE(accept.ok());
  CHECK(accept->content.hello_digest == golden_accept().hello_digest);
  CHECK(accept->content.channel == 0x1122334455667788U);
  const Result<Reset> reset = decode_reset(hex(reset_hex));
  REQUIRE(reset.ok());
  CHECK(reset->channel == 0x1122334455667788U);
}

TEST_CASE("the kind of a record is told by its prefix") {
  CHECK(*record_kind(hex(hello_hex)) == RecordKind::hello);
  CHECK(*record_kind(hex(accept_hex)) == RecordKind::accept);
  CHECK(*record_kind(hex(reset_hex)) == RecordKind::reset);
  CHECK(*record_kind(frame_start(0)) == RecordKind::frame);
  for (std::size_t size = 0; size < record_prefix_bytes; ++size) {
    CHECK_FALSE(record_kind(frame_start(0).substr(0, size)).ok());
  }
  for (std::size_t position = 0; position < record_prefix_bytes; ++position) {
    if (position != 5) {
      CHECK_FALSE(record_kind(flipped(frame_start(0), position)).ok());
    }
  }
  for (const char kind : {'\0', '\5', '\x7f', '\xff'}) {
    Bytes record = frame_start(0);
    record[5] = kind;
    CHECK_FALSE(record_kind(record).ok());
  }
}

TEST_CASE("handshake records of any other length are refused") {
  for (const std::string& text : {hello_hex, accept_hex}) {
    const Bytes record = hex(text);
    for (std::size_t size = 0; size < record.size(); ++size) {
      CHECK_FALSE(decode_hello(ByteView(record).substr(0, size)).ok());
      CHECK_FALSE(decode_accept(ByteView(record).substr(0, size)).ok());
    }
    CHECK_FALSE(decode_hello(record + '\0').ok());
    CHECK_FALSE(decode_accept(record + '\0').ok());
  }
  CHECK_FALSE(decode_hello(Bytes(100000, '\0')).ok());
  CHECK_FALSE(decode_hello(hex(accept_hex)).ok());
  CHECK_FALSE(decode_accept(hex(hello_hex)).ok());
  const Bytes reset = hex(reset_hex);
  for (std::size_t size = 0; size < reset.size(); ++size) {
    CHECK_FALSE(decode_reset(ByteView(reset).substr(0, size)).ok());
  }
  CHECK_FALSE(decode_reset(reset + '\0').ok());
}

TEST_CASE("principals of no known kind and set reserved bytes are refused") {
  for (const std::size_t end : {48U, 64U}) {
    for (const char kind : {'\0', '\4', '\xff'}) {
      Bytes record = hex(hello_hex);
      record[end] = kind;
      CHECK_FALSE(decode_hello(record).ok());
    }
    for (const std::size_t reserved : {1U, 2U, 3U}) {
      CHECK_FALSE(decode_hello(flipped(hex(hello_hex), end + reserved)).ok());
    }
  }
}

TEST_CASE("a frame's counts and lengths are judged before anything is allocated") {
  const Bytes tail(mac_bytes, '\0');
  CHECK(layout_reason(frame_start(0) + tail).empty());
  CHECK(layout_reason("") == "frame: too short");
  CHECK(layout_reason(frame_start(1) + tail) == "frame: too short");
  CHECK(layout_reason(frame_start(limits::frame_messages_max + 1) + Bytes(40000, '\0')) == "frame: too many bodies");
  CHECK(layout_reason(frame_start(0xffffffffU) + Bytes(40000, '\0')) == "frame: too many bodies");
  CHECK(layout_reason(frame_start(limits::frame_messages_max) + Bytes(limits::frame_messages_max * 4, '\0') + tail)
            .empty());
  CHECK(layout_reason(frame_start(0) + Bytes(limits::frame_bytes_max, '\0')) == "frame: too long");
  CHECK(layout_reason(frame_start(1) + hex("0500000000000000") + "abcde" + tail).empty());
  CHECK(layout_reason(frame_start(1) + hex("0500000000000001") + "abcde" + tail) == "frame: reserved bytes set");
  CHECK(layout_reason(frame_start(1) + hex("0600000000000000") + "abcde" + tail) == "frame: lengths do not add up");
  CHECK(layout_reason(frame_start(1) + hex("0400000000000000") + "abcde" + tail) == "frame: lengths do not add up");
  // Two lengths whose sum is right modulo 2^32 only.
  CHECK(layout_reason(frame_start(2) + hex("06000000ffffffff") + "abcde" + tail) == "frame: lengths do not add up");
  CHECK(layout_reason(flipped(frame_start(0) + tail, frame_count_offset + 4)) == "frame: reserved bytes set");
}

TEST_CASE("a frame of exactly the greatest size is taken, one byte more is not") {
  const std::size_t room = limits::frame_bytes_max - frame_header_bytes - 8 - mac_bytes;
  Bytes record = frame_start(1);
  record.resize(frame_header_bytes + 8, '\0');
  store_little_endian<std::uint32_t>(record.data() + frame_header_bytes, static_cast<std::uint32_t>(room));
  record.resize(limits::frame_bytes_max, 'x');
  CHECK(layout_reason(record).empty());
  store_little_endian<std::uint32_t>(record.data() + frame_header_bytes, static_cast<std::uint32_t>(room + 1));
  CHECK(layout_reason(record + 'x') == "frame: too long");
}

}  // namespace tagma::crypto::test
