// Where messages begin and end, however the bytes arrive.
#include "docker/drills/zmtp_stream.h"

#include <doctest/doctest.h>

#include <random>
#include <string>

#include "support.h"

using namespace tagma;
using namespace tagma::drills;
using namespace tagma::drills_test;

namespace {

struct Seen {
  bool broken = false;
  std::string transport;
  std::string messages;
  int messages_begun = 0;
  int commands_inside = 0;
};

/// Feeds a stream with stretches of at most so many bytes.
Seen feed(ZmtpStream& stream, const std::string& bytes, std::size_t stretch_max, std::uint64_t seed = 1) {
  Seen seen;
  std::mt19937_64 chance(seed);
  std::size_t at = 0;
  while (at < bytes.size()) {
    ByteView stretch = ByteView(bytes).substr(at, 1 + chance() % stretch_max);
    at += stretch.size();
    while (!stretch.empty()) {
      const StreamPiece piece = stream.next(stretch);
      if (piece.kind == StreamPiece::Kind::broken) {
        seen.broken = true;
        return seen;
      }
      REQUIRE(piece.bytes > 0);
      const bool message = piece.kind == StreamPiece::Kind::message;
      (message ? seen.messages : seen.transport) += stretch.substr(0, piece.bytes);
      if (message && piece.begins) ++seen.messages_begun;
      if (!message && piece.begins && piece.inside_message) ++seen.commands_inside;
      stretch.remove_prefix(piece.bytes);
    }
  }
  return seen;
}

bool refuses(const std::string& bytes) {
  ZmtpStream stream;
  return feed(stream, bytes, bytes.size()).broken;
}

}  // namespace

TEST_SUITE("zmtp_stream") {
  TEST_CASE("messages and commands are told apart, wherever the bytes are divided") {
    const std::string first = zmtp_message({"", std::string(300, 'a'), "b"});
    const std::string begun = first.substr(0, 2);  // its first frame
    const std::string ping = zmtp_command("\x04PING\x00\x00");
    const std::string second = zmtp_message({std::string(255, 'c')});
    const std::string third = zmtp_message({std::string(70'000, 'd'), std::string(256, 'e')});
    const std::string bytes = zmtp_handshake() + begun + ping + first.substr(2) + ping + second + third + third;
    for (const std::size_t stretch_max : {std::size_t{1}, std::size_t{3}, std::size_t{100}, bytes.size()}) {
      ZmtpStream stream;
      const Seen seen = feed(stream, bytes, stretch_max, stretch_max);
      CHECK_FALSE(seen.broken);
      CHECK(seen.transport == zmtp_handshake() + ping + ping);
      CHECK(seen.messages == first + second + third + third);
      CHECK(seen.messages_begun == 4);
      CHECK(seen.commands_inside == 1);
      CHECK_FALSE(stream.inside_message());
    }
  }

  TEST_CASE("a message is one until its last frame has ended") {
    ZmtpStream stream;
    const std::string message = zmtp_message({"head", "body"});
    static_cast<void>(feed(stream, zmtp_greeting(), 64));
    CHECK_FALSE(stream.shaken());
    static_cast<void>(feed(stream, zmtp_command("\x05READY"), 64));
    CHECK(stream.shaken());
    static_cast<void>(feed(stream, message.substr(0, 6), 64));
    CHECK(stream.inside_message());
    static_cast<void>(feed(stream, message.substr(6, message.size() - 7), 64));
    CHECK(stream.inside_message());
    static_cast<void>(feed(stream, message.substr(message.size() - 1), 64));
    CHECK_FALSE(stream.inside_message());
  }

  TEST_CASE("what is not ZMTP 3, or too large, is refused") {
    CHECK(refuses("GET / HTTP/1.1\r\n"));
    std::string old = zmtp_greeting();
    old[10] = 1;
    CHECK(refuses(old));
    CHECK(refuses(zmtp_handshake() + std::string("\x08\x01x")));  // a flag that nobody knows
    CHECK(refuses(zmtp_handshake() + std::string("\x05\x01x")));  // a command of several frames
    const std::string most("\x02\x00\x00\x00\x00\x04\x00\x00\x00", 9);
    CHECK_FALSE(refuses(zmtp_handshake() + most));
    CHECK(refuses(zmtp_handshake() + std::string("\x02\x00\x00\x00\x00\x04\x00\x00\x01", 9)));
    CHECK(refuses(zmtp_handshake() + std::string("\x02\x80\x00\x00\x00\x00\x00\x00\x00", 9)));
  }
}
