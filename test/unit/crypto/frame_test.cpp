#include "crypto/frame.h"

#include <algorithm>
#include <numeric>

#include "tagma/limits.h"
#include "test/unit/crypto/support.h"

namespace tagma::crypto::test {
namespace {

constexpr ChannelId golden_channel = 0x1122334455667788U;

/// The worked example of crypto/README.md, computed independently of the code.
const std::string golden_frame_hex =
    "54474d4101030000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f0300000000000000020000000700000000"
    "00"
    "000000000000010000000200000005000000000000008877665544332211010000000000000003000000000000000500000000000000080000"
    "0000"
    "000000616c7068616f6d656761212121a858055e30d00ef191f9cd25c0f5ea319ad647164ceb9a629835e3d2cbc6e249";

struct Link {
  explicit Link(unsigned char first_key_byte = 0x40)
      : header{RecordKind::frame, {counting_cluster(), 3}, client_seven, replica_two} {
    FrameKey key;
    std::iota(key.data(), key.data() + FrameKey::size_bytes(), first_key_byte);
    sealer.emplace(header, golden_channel, key);
    opener.emplace(header, golden_channel, key);
  }

  Result<std::vector<ByteView>> open(ByteView record) {
    const Result<FrameLayout> layout = decode_frame_layout(record);
    if (!layout) {
      return Refused{layout.reason()};
    }
    return opener->open(record, *layout, hasher);
  }

  RecordHeader header;
  std::optional<FrameSealer> sealer;
  std::optional<FrameOpener> opener;
  Hasher hasher;
};

std::vector<Body> three_bodies() { return {body("alpha"), body(""), body("omega!!!")}; }

}  // namespace

TEST_CASE("the frame of the worked example comes out byte by byte") {
  Link link;
  const Bytes record = link.sealer->seal(three_bodies());
  CHECK(to_hex(record) == golden_frame_hex);
  const Bytes golden = hex(golden_frame_hex);
  const Result<std::vector<ByteView>> bodies = link.open(golden);
  REQUIRE(bodies.ok());
  CHECK(*bodies == std::vector<ByteView>{"alpha", "", "omega!!!"});
  CHECK((*bodies)[0].data() >= golden.data());
  CHECK((*bodies)[2].data() + 8 + mac_bytes == golden.data() + golden.size());
}

TEST_CASE("any bodies survive the way, none included") {
  Link link;
  Dice dice(1);
  for (const std::size_t count : {0U, 1U, 2U, 3U, 7U, 64U}) {
    std::vector<Bytes> contents;
    std::vector<Body> bodies;
    for (std::size_t i = 0; i < count; ++i) {
      contents.push_back(dice.bytes(dice.below(300)));
    }
    std::transform(contents.begin(), contents.end(), std::back_inserter(bodies), body);
    const Bytes record = link.sealer->seal(bodies);
    const Result<std::vector<ByteView>> opened = link.open(record);
    REQUIRE(opened.ok());
    CHECK(std::equal(opened->begin(), opened->end(), contents.begin(), contents.end()));
  }
}

TEST_CASE("a frame at the limits of bodies and of bytes survives the way") {
  Link link;
  const Digest empty = Hasher().digest("");
  const std::vector<Body> many(limits::frame_messages_max, Body{"", empty});
  const Bytes record = link.sealer->seal(many);
  const Result<std::vector<ByteView>> opened = link.open(record);
  REQUIRE(opened.ok());
  CHECK(opened->size() == limits::frame_messages_max);
  const Bytes large(limits::frame_bytes_max - frame_header_bytes - 8 - mac_bytes, 'x');
  const Bytes large_record = link.sealer->seal(std::vector<Body>{body(large)});
  CHECK(large_record.size() == limits::frame_bytes_max);
  CHECK(link.open(large_record).ok());
}

TEST_CASE("every single bit of a frame counts") {
  Link link;
  const Bytes record = link.sealer->seal(three_bodies());
  for (std::size_t position = 0; position < record.size(); ++position) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      CHECK_FALSE(link.open(flipped(record, position, bit)).ok());
    }
  }
  CHECK(link.open(record).ok());  // no refusal changed anything
}

TEST_CASE("a changed header field is refused for its own reason") {
  Link link;
  const Bytes record = link.sealer->seal(three_bodies());
  const auto reason = [&](std::size_t position) { return link.open(flipped(record, position)).reason(); };
  CHECK(reason(8) == "record: of another cluster");
  CHECK(reason(40) == "record: of another epoch");
  CHECK(reason(48) == "record: from another principal");
  CHECK(reason(52) == "record: from another principal");
  CHECK(reason(56) == "record: from another incarnation");
  CHECK(reason(68) == "record: to somebody else");
  CHECK(reason(72) == "record: to somebody else");
  CHECK(reason(frame_counter_offset + 1) == "frame: wrong MAC");
  CHECK(reason(record.size() - 1) == "frame: wrong MAC");
  CHECK(reason(record.size() - mac_bytes - 1) == "frame: wrong MAC");
  // The channel's id is the caller's to compare; the MAC covers it all the same.
  CHECK(reason(frame_channel_offset) == "frame: wrong MAC");
}

TEST_CASE("bytes cannot move from one body to the next") {
  Link link;
  const Bytes record = link.sealer->seal(std::vector<Body>{body("ab"), body("cd")});
  Bytes moved = record;
  moved[frame_header_bytes] = '\1';
  moved[frame_header_bytes + 4] = '\3';
  REQUIRE(decode_frame_layout(moved).ok());
  CHECK(link.open(moved).reason() == "frame: wrong MAC");
}

TEST_CASE("a frame cut at any length, or with bytes behind it, is refused") {
  Link link;
  const Bytes record = link.sealer->seal(three_bodies());
  for (std::size_t size = 0; size < record.size(); ++size) {
    CHECK_FALSE(link.open(ByteView(record).substr(0, size)).ok());
  }
  CHECK_FALSE(link.open(record + '\0').ok());
}

TEST_CASE("a frame is taken once, and none after a later one") {
  Link link;
  const std::vector<Body> bodies{body("once")};
  const Bytes first = link.sealer->seal(bodies);
  const Bytes second = link.sealer->seal(bodies);
  const Bytes third = link.sealer->seal(bodies);
  CHECK(link.open(first).ok());
  CHECK(link.open(first).reason() == "frame: counter not above the last one");
  CHECK(link.open(third).ok());  // a gap is no fault: the transport may lose
  CHECK_FALSE(link.open(second).ok());
  CHECK_FALSE(link.open(third).ok());
  CHECK(link.open(link.sealer->seal(bodies)).ok());
}

TEST_CASE("a forged high counter does not shut out the true frames") {
  Link link;
  const Bytes record = link.sealer->seal(three_bodies());
  Bytes forged = record;
  std::fill_n(forged.begin() + frame_counter_offset, 8, '\xff');
  CHECK_FALSE(link.open(forged).ok());
  CHECK(link.open(record).ok());
}

TEST_CASE("a frame under another key or with a wrong ready-made digest is refused") {
  Link link;
  Link other(0x41);
  CHECK(link.open(other.sealer->seal(three_bodies())).reason() == "frame: wrong MAC");
  const std::vector<Body> lie{Body{"true", Hasher().digest("false")}};
  CHECK(link.open(link.sealer->seal(lie)).reason() == "frame: wrong MAC");
}

TEST_CASE("random bytes, and frames with random changes, never open") {
  Link link;
  Dice dice(7);
  const Bytes record = link.sealer->seal(three_bodies());
  for (int i = 0; i < 3000; ++i) {
    CHECK_FALSE(link.open(dice.bytes(dice.below(400))).ok());
    Bytes changed = record;
    for (std::size_t k = 0; k <= dice.below(6); ++k) {
      changed[dice.below(changed.size())] = static_cast<char>(static_cast<std::uint8_t>(dice.next()));
    }
    CHECK((changed == record || !link.open(changed).ok()));
  }
}

}  // namespace tagma::crypto::test
