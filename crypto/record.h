// Private to this room: the layouts of the channel's records, byte by byte as in crypto/README.md. Reading never
// allocates; it refuses whatever is not exactly one well-formed record. Reasons are fixed texts, so that they can be
// counted without an attacker choosing how many there are.
#pragma once

#include <array>
#include <cstring>
#include <optional>

#include "crypto/channel.h"

namespace tagma::crypto {

inline constexpr std::array<char, 4> record_magic = {'T', 'G', 'M', 'A'};
inline constexpr std::uint8_t record_version = 1;
inline constexpr std::size_t record_prefix_bytes = 8;   ///< magic, version, kind, two zero bytes
inline constexpr std::size_t record_header_bytes = 80;  ///< prefix, cluster, epoch, from, to
inline constexpr std::size_t ephemeral_key_bytes = 32;
inline constexpr std::size_t nonce_bytes = 32;
inline constexpr std::size_t mac_bytes = 32;
inline constexpr std::size_t reset_bytes = record_header_bytes + 8;
inline constexpr std::size_t hello_signed_bytes = record_header_bytes + ephemeral_key_bytes + nonce_bytes;
inline constexpr std::size_t accept_signed_bytes =
    record_header_bytes + ephemeral_key_bytes + Digest::size_bytes + sizeof(ChannelId);
inline constexpr std::size_t frame_channel_offset = record_header_bytes;
inline constexpr std::size_t frame_counter_offset = frame_channel_offset + 8;
inline constexpr std::size_t frame_count_offset = frame_counter_offset + 8;
inline constexpr std::size_t frame_header_bytes = frame_count_offset + 8;  ///< count, four zero bytes

using EphemeralKey = std::array<unsigned char, ephemeral_key_bytes>;

// Little-endian integers at a place that the caller has checked to be inside.
template <typename Integer>
void store_little_endian(char* place, Integer value) {
  for (std::size_t i = 0; i < sizeof(Integer); ++i) {
    place[i] = static_cast<char>(static_cast<std::uint8_t>(value >> (8 * i)));
  }
}
template <typename Integer>
[[nodiscard]] Integer load_little_endian(const char* place) {
  Integer value = 0;
  for (std::size_t i = 0; i < sizeof(Integer); ++i) {
    value = static_cast<Integer>(value | static_cast<Integer>(Integer{static_cast<std::uint8_t>(place[i])} << (8 * i)));
  }
  return value;
}

/// What every record begins with.
struct RecordHeader {
  RecordKind kind = RecordKind::frame;
  ChannelScope scope;
  ChannelEnd from;
  ChannelEnd to;
};

/// The header's bytes; the same for all frames of one direction of a channel.
[[nodiscard]] std::array<char, record_header_bytes> encode_header(const RecordHeader& header);
/// Magic, version, kind, reserved bytes and both principals; `record` must have the header's size at least.
[[nodiscard]] Result<RecordHeader> decode_header(ByteView record);
/// The first field, other than the kind, in which two headers differ, as a reason; nothing if they agree.
[[nodiscard]] std::optional<Refused> compare_headers(const RecordHeader& got, const RecordHeader& expected);

/// HELLO and ACCEPT without their signatures.
struct Hello {
  RecordHeader header;
  EphemeralKey ephemeral{};
  std::array<char, nonce_bytes> nonce{};
};
struct Accept {
  RecordHeader header;
  EphemeralKey ephemeral{};
  Digest hello_digest;
  ChannelId channel = 0;
};
/// The parts of a received, signed record.
template <typename Content>
struct Signed {
  Content content;
  ByteView statement;  ///< the bytes in front of the signature's length
  ByteView signature;
};

[[nodiscard]] Bytes encode_hello(const Hello& hello);
[[nodiscard]] Bytes encode_accept(const Accept& accept);
/// Appends the signature's length and the signature.
void append_signature(Bytes& record, ByteView signature);
[[nodiscard]] Result<Signed<Hello>> decode_hello(ByteView record);
[[nodiscard]] Result<Signed<Accept>> decode_accept(ByteView record);

struct Reset {
  RecordHeader header;
  ChannelId channel = 0;
};
[[nodiscard]] Bytes encode_reset(const Reset& reset);
[[nodiscard]] Result<Reset> decode_reset(ByteView record);

/// The places inside a well-formed FRAME. Nothing is authenticated yet.
struct FrameLayout {
  ChannelId channel = 0;
  std::uint64_t counter = 0;
  std::uint32_t count = 0;
  std::size_t bodies_offset = 0;  ///< the header and the padded lengths lie before it

  [[nodiscard]] static std::size_t body_bytes(ByteView record, std::uint32_t index) {
    return load_little_endian<std::uint32_t>(record.data() + frame_header_bytes + std::size_t{index} * 4);
  }
};
/// The table of lengths is padded with zero bytes to a multiple of 8, so that bodies which are multiples of 8 bytes
/// stay aligned for a reader that wants them so.
[[nodiscard]] constexpr std::size_t frame_lengths_bytes(std::size_t count) { return (count * 4 + 7) / 8 * 8; }
/// All sizes, counts and reserved bytes, without looking at who speaks. Refuses what exceeds tagma/limits.h.
[[nodiscard]] Result<FrameLayout> decode_frame_layout(ByteView record);

}  // namespace tagma::crypto
