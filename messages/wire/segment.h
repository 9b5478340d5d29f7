// Framing shared by everything that the codec encodes: the standard stream framing of Cap'n Proto, unpacked, with
// exactly one segment that fills the rest of the input. Private to messages/wire.
#pragma once

#include <capnp/any.h>
#include <capnp/message.h>
#include <kj/exception.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "tagma/bytes.h"
#include "tagma/result.h"

namespace tagma::wire {

/// Segment count and segment size, four bytes each, little endian.
inline constexpr std::size_t framing_bytes = 8;

/// Words that `bytes` take up.
[[nodiscard]] constexpr std::size_t words(std::size_t bytes) { return (bytes + 7) / 8; }

[[nodiscard]] inline kj::ArrayPtr<const kj::byte> as_data(ByteView bytes) {
  return {reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()};
}

[[nodiscard]] inline ByteView as_view(kj::ArrayPtr<const kj::byte> data) {
  return {reinterpret_cast<const char*>(data.begin()), data.size()};
}

/// Builds one message in a zeroed buffer that the thread keeps, so that encoding allocates the result only.
/// One at a time per thread.
class SegmentBuilder {
 public:
  /// `words_max` bounds the segment; the message must fit, or the framing rule of one segment would be broken.
  explicit SegmentBuilder(std::size_t words_max);
  ~SegmentBuilder();
  SegmentBuilder(const SegmentBuilder&) = delete;
  SegmentBuilder& operator=(const SegmentBuilder&) = delete;

  template <typename Root>
  typename Root::Builder root() {
    return message_.initRoot<Root>();
  }

  /// The framed bytes of what was built.
  [[nodiscard]] Bytes finish();

 private:
  capnp::MallocMessageBuilder message_;
};

/// The segment of framed bytes, aligned for reading: borrowed where the input is aligned, copied where it is not.
class Segment {
 public:
  /// Refuses bytes that are not one segment of exactly this size.
  [[nodiscard]] static std::optional<Refused> check(ByteView framed);

  /// `framed` has passed check() and outlives this object.
  explicit Segment(ByteView framed);

  [[nodiscard]] kj::ArrayPtr<const capnp::word> segment_words() const { return words_; }

 private:
  std::unique_ptr<std::uint64_t[]> copy_;
  kj::ArrayPtr<const capnp::word> words_;
};

/// Whether a list of structs is encoded as one. The library would read a list of bytes as structs too (a schema may
/// grow that way; ours never did), and values of a hundred times the input's size would come of it.
template <typename List>
[[nodiscard]] bool is_struct_list(const List& list) {
  return list.size() == 0 || capnp::AnyList::Reader(list).getElementSize() == capnp::ElementSize::INLINE_COMPOSITE;
}

/// Each word of the input may be read once, so that pointers which share their targets cannot multiply the input.
[[nodiscard]] capnp::ReaderOptions reader_options(std::size_t segment_words);

/// Checks size and framing, then lets `read` turn the root into a Result<Value>. Cap'n Proto's own complaints become a
/// refusal with one fixed reason, since reasons are counted and their number must stay finite.
template <typename Root, typename Value, typename Read>
[[nodiscard]] Result<Value> read_segment(ByteView framed, std::size_t bytes_max, std::string_view too_long, Read read) {
  if (framed.size() > bytes_max) return Refused{std::string(too_long)};
  if (auto refused = Segment::check(framed)) return *std::move(refused);
  try {
    const Segment segment(framed);
    const kj::ArrayPtr<const capnp::word> only = segment.segment_words();
    capnp::SegmentArrayMessageReader reader(kj::arrayPtr(&only, 1), reader_options(only.size()));
    return read(reader.getRoot<Root>());
  } catch (const kj::Exception&) {
    return Refused{"not a well-formed Cap'n Proto message within the limits"};
  }
}

}  // namespace tagma::wire
