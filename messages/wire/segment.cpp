#include "messages/wire/segment.h"

#include <cstring>
#include <vector>

#include "messages/assert.h"
#include "tagma/limits.h"

namespace tagma::wire {
namespace {

/// What a thread keeps for encoding. Invariant: every word is zero while no SegmentBuilder lives.
struct Scratch {
  std::vector<std::uint64_t> buffer;
  bool in_use = false;
};

Scratch& scratch() {
  static thread_local Scratch own;
  return own;
}

kj::ArrayPtr<capnp::word> take_scratch(std::size_t words_max) {
  auto& own = scratch();
  TAGMA_ASSERT(!own.in_use, "a thread encodes one message at a time");
  if (own.buffer.size() < words_max) own.buffer = std::vector<std::uint64_t>(words_max);
  own.in_use = true;
  return {reinterpret_cast<capnp::word*>(own.buffer.data()), words_max};
}

std::uint32_t little_endian_u32(ByteView bytes) {
  std::uint32_t value = 0;
  for (std::size_t at = 0; at < sizeof(value); ++at) {
    value |= std::uint32_t{static_cast<unsigned char>(bytes[at])} << (8U * at);
  }
  return value;
}

}  // namespace

SegmentBuilder::SegmentBuilder(std::size_t words_max) : message_(take_scratch(words_max)) {}

// The message's own destructor, which runs after this body, zeroes what was used; the thread cannot encode in between.
SegmentBuilder::~SegmentBuilder() { scratch().in_use = false; }

Bytes SegmentBuilder::finish() {
  const auto segments = message_.getSegmentsForOutput();
  TAGMA_ASSERT(segments.size() == 1, "the bound on an encoded message's size holds");
  const auto content = segments[0].asBytes();
  const auto size_words = static_cast<std::uint32_t>(segments[0].size());
  Bytes framed;
  framed.reserve(framing_bytes + content.size());
  framed.append(4, '\0');
  for (std::uint32_t shift = 0; shift < 32; shift += 8)
    framed.push_back(static_cast<char>(size_words >> shift & 0xffU));
  framed.append(as_view(content));
  return framed;
}

std::optional<Refused> Segment::check(ByteView framed) {
  if (framed.size() < framing_bytes + sizeof(capnp::word)) return Refused{"shorter than the smallest message"};
  if (framed.size() % sizeof(capnp::word) != 0) return Refused{"the size is not a multiple of eight bytes"};
  if (little_endian_u32(framed) != 0) return Refused{"not exactly one segment"};
  const std::size_t announced = little_endian_u32(framed.substr(4));
  if (announced != framed.size() / sizeof(capnp::word) - 1) {
    return Refused{"the segment's size differs from that of the input"};
  }
  return std::nullopt;
}

Segment::Segment(ByteView framed) {
  const auto content = framed.substr(framing_bytes);
  const auto size_words = content.size() / sizeof(capnp::word);
  const char* start = content.data();
  if (reinterpret_cast<std::uintptr_t>(start) % alignof(capnp::word) != 0) {
    copy_ = std::make_unique_for_overwrite<std::uint64_t[]>(size_words);
    std::memcpy(copy_.get(), content.data(), content.size());
    words_ = {reinterpret_cast<const capnp::word*>(copy_.get()), size_words};
  } else {
    words_ = {reinterpret_cast<const capnp::word*>(start), size_words};
  }
}

capnp::ReaderOptions reader_options(std::size_t segment_words) {
  capnp::ReaderOptions options;
  // The library checks, and counts, the root pointer twice.
  options.traversalLimitInWords = segment_words + 1;
  options.nestingLimit = static_cast<int>(limits::nesting_max);
  return options;
}

}  // namespace tagma::wire
