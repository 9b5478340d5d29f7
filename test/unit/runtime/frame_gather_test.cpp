#include "replica/runtime/frame_gather.h"

#include <doctest/doctest.h>

using namespace tagma;
using runtime::FrameGather;
using runtime::OutgoingBody;

namespace {

OutgoingBody body_of(std::size_t size, char fill) { return {std::make_shared<const Bytes>(size, fill), Digest{}}; }

struct Frames {
  std::vector<std::vector<Bytes>> content;
  FrameGather::SendFrame collect() {
    return [this](std::span<const crypto::Body> bodies) {
      content.emplace_back();
      for (const auto& body : bodies) content.back().emplace_back(body.bytes);
    };
  }
};

}  // namespace

TEST_CASE("everything of a turn leaves in one frame, in order") {
  FrameGather gather;
  for (char letter = 'a'; letter <= 'j'; ++letter) gather.add(body_of(10, letter));
  CHECK(gather.size() == 10);
  Frames frames;
  gather.flush(frames.collect());
  REQUIRE(frames.content.size() == 1);
  REQUIRE(frames.content[0].size() == 10);
  for (std::size_t i = 0; i < 10; ++i) CHECK(frames.content[0][i] == Bytes(10, static_cast<char>('a' + i)));
  CHECK(gather.empty());
  gather.flush(frames.collect());
  CHECK_MESSAGE(frames.content.size() == 1, "nothing to send, no frame");
}

TEST_CASE("frames are split by count") {
  FrameGather gather;
  for (std::size_t i = 0; i < 2 * limits::frame_messages_max + 1; ++i) gather.add(body_of(1, 'x'));
  Frames frames;
  gather.flush(frames.collect());
  REQUIRE(frames.content.size() == 3);
  CHECK(frames.content[0].size() == limits::frame_messages_max);
  CHECK(frames.content[1].size() == limits::frame_messages_max);
  CHECK(frames.content[2].size() == 1);
}

TEST_CASE("frames are split by bytes, and the largest messages fit") {
  FrameGather gather;
  for (char letter = 'a'; letter <= 'e'; ++letter) gather.add(body_of(limits::message_bytes_max, letter));
  Frames frames;
  gather.flush(frames.collect());
  std::size_t bodies = 0;
  for (const auto& frame : frames.content) {
    std::size_t bytes = FrameGather::frame_overhead_bytes;
    for (const auto& body : frame) bytes += body.size() + FrameGather::body_overhead_bytes;
    CHECK(bytes <= limits::frame_bytes_max);
    for (const auto& body : frame) CHECK(body[0] == static_cast<char>('a' + bodies++));
  }
  CHECK(bodies == 5);
}

TEST_CASE("a turn's output is bounded: a gather says when it should be flushed") {
  FrameGather gather;
  CHECK_FALSE(gather.full());
  gather.add(body_of(limits::message_bytes_max, 'a'));
  CHECK(gather.full());
  gather.clear();
  CHECK_FALSE(gather.full());
}
