#include "crypto/record.h"

#include <algorithm>

#include "messages/assert.h"
#include "tagma/limits.h"

namespace tagma::crypto {
namespace {

constexpr std::size_t cluster_offset = record_prefix_bytes;
constexpr std::size_t epoch_offset = cluster_offset + Digest::size_bytes;
constexpr std::size_t from_offset = epoch_offset + 8;
constexpr std::size_t to_offset = from_offset + 16;
static_assert(to_offset + 16 == record_header_bytes);

std::uint8_t byte_at(ByteView record, std::size_t index) { return static_cast<std::uint8_t>(record[index]); }

bool all_zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char byte) { return byte == '\0'; });
}

/// An end: kind of principal, three zero bytes, id, incarnation.
void encode_end(char* place, const ChannelEnd& end) {
  place[0] = static_cast<char>(end.principal.kind);
  store_little_endian<std::uint32_t>(place + 4, end.principal.id);
  store_little_endian<std::uint64_t>(place + 8, end.incarnation);
}

std::optional<ChannelEnd> decode_end(ByteView bytes) {
  const std::uint8_t kind = byte_at(bytes, 0);
  if (kind < static_cast<std::uint8_t>(PrincipalKind::replica) ||
      kind > static_cast<std::uint8_t>(PrincipalKind::admin) || !all_zero(bytes.substr(1, 3))) {
    return std::nullopt;
  }
  ChannelEnd end;
  end.principal.kind = static_cast<PrincipalKind>(kind);
  end.principal.id = load_little_endian<std::uint32_t>(bytes.data() + 4);
  end.incarnation = load_little_endian<std::uint64_t>(bytes.data() + 8);
  return end;
}

template <typename Array>
void copy_out(ByteView record, std::size_t offset, Array& array) {
  std::memcpy(array.data(), record.data() + offset, array.size());
}

template <typename Array>
void append_bytes(Bytes& record, const Array& array) {
  record.append(reinterpret_cast<const char*>(array.data()), array.size());
}

void append_header(Bytes& record, const RecordHeader& header) { append_bytes(record, encode_header(header)); }

void append_u64(Bytes& record, std::uint64_t value) {
  std::array<char, 8> bytes{};
  store_little_endian(bytes.data(), value);
  append_bytes(record, bytes);
}

/// Splits a signed record behind `signed_bytes`; the signature's length must account for every byte that is left.
template <typename Content>
std::optional<Refused> split_signature(ByteView record, std::size_t signed_bytes, Signed<Content>& result) {
  if (record.size() < signed_bytes + 2 || record.size() > signed_bytes + 2 + limits::signature_bytes_max) {
    return Refused{"handshake: wrong size"};
  }
  if (load_little_endian<std::uint16_t>(record.data() + signed_bytes) != record.size() - signed_bytes - 2) {
    return Refused{"handshake: wrong signature length"};
  }
  result.statement = record.substr(0, signed_bytes);
  result.signature = record.substr(signed_bytes + 2);
  return std::nullopt;
}

}  // namespace

Result<RecordKind> record_kind(ByteView record) {
  if (record.size() < record_prefix_bytes) {
    return Refused{"record: too short"};
  }
  if (std::memcmp(record.data(), record_magic.data(), record_magic.size()) != 0) {
    return Refused{"record: not of this protocol"};
  }
  if (byte_at(record, 4) != record_version) {
    return Refused{"record: unknown version"};
  }
  const std::uint8_t kind = byte_at(record, 5);
  if (kind < static_cast<std::uint8_t>(RecordKind::hello) || kind > static_cast<std::uint8_t>(RecordKind::reset)) {
    return Refused{"record: unknown kind"};
  }
  if (byte_at(record, 6) != 0 || byte_at(record, 7) != 0) {
    return Refused{"record: reserved bytes set"};
  }
  return static_cast<RecordKind>(kind);
}

std::array<char, record_header_bytes> encode_header(const RecordHeader& header) {
  std::array<char, record_header_bytes> bytes{};
  std::memcpy(bytes.data(), record_magic.data(), record_magic.size());
  bytes[4] = static_cast<char>(record_version);
  bytes[5] = static_cast<char>(header.kind);
  std::memcpy(bytes.data() + cluster_offset, header.scope.cluster.bytes.data(), Digest::size_bytes);
  store_little_endian<std::uint64_t>(bytes.data() + epoch_offset, header.scope.epoch);
  encode_end(bytes.data() + from_offset, header.from);
  encode_end(bytes.data() + to_offset, header.to);
  return bytes;
}

Result<RecordHeader> decode_header(ByteView record) {
  const Result<RecordKind> kind = record_kind(record);
  if (!kind) {
    return Refused{kind.reason()};
  }
  if (record.size() < record_header_bytes) {
    return Refused{"record: too short"};
  }
  const std::optional<ChannelEnd> from = decode_end(record.substr(from_offset, 16));
  const std::optional<ChannelEnd> to = decode_end(record.substr(to_offset, 16));
  if (!from || !to) {
    return Refused{"record: no such kind of principal"};
  }
  RecordHeader header;
  header.kind = *kind;
  copy_out(record, cluster_offset, header.scope.cluster.bytes);
  header.scope.epoch = load_little_endian<std::uint64_t>(record.data() + epoch_offset);
  header.from = *from;
  header.to = *to;
  return header;
}

std::optional<Refused> compare_headers(const RecordHeader& got, const RecordHeader& expected) {
  if (got.scope.cluster != expected.scope.cluster) {
    return Refused{"record: of another cluster"};
  }
  if (got.scope.epoch != expected.scope.epoch) {
    return Refused{"record: of another epoch"};
  }
  if (got.from.principal != expected.from.principal) {
    return Refused{"record: from another principal"};
  }
  if (got.from.incarnation != expected.from.incarnation) {
    return Refused{"record: from another incarnation"};
  }
  if (got.to != expected.to) {
    return Refused{"record: to somebody else"};
  }
  return std::nullopt;
}

Bytes encode_hello(const Hello& hello) {
  Bytes record;
  record.reserve(hello_signed_bytes + 2 + limits::signature_bytes_max);
  append_header(record, hello.header);
  append_bytes(record, hello.ephemeral);
  append_bytes(record, hello.nonce);
  return record;
}

Bytes encode_accept(const Accept& accept) {
  Bytes record;
  record.reserve(accept_signed_bytes + 2 + limits::signature_bytes_max);
  append_header(record, accept.header);
  append_bytes(record, accept.ephemeral);
  append_bytes(record, accept.hello_digest.bytes);
  append_u64(record, accept.channel);
  return record;
}

void append_signature(Bytes& record, ByteView signature) {
  TAGMA_ASSERT(signature.size() <= limits::signature_bytes_max, "own signatures keep to the limit");
  std::array<char, 2> length{};
  store_little_endian(length.data(), static_cast<std::uint16_t>(signature.size()));
  append_bytes(record, length);
  record.append(signature);
}

Result<Signed<Hello>> decode_hello(ByteView record) {
  Signed<Hello> result;
  if (std::optional<Refused> problem = split_signature(record, hello_signed_bytes, result)) {
    return std::move(*problem);
  }
  const Result<RecordHeader> header = decode_header(record);
  if (!header) {
    return Refused{header.reason()};
  }
  if (header->kind != RecordKind::hello) {
    return Refused{"handshake: not a HELLO"};
  }
  result.content.header = *header;
  copy_out(record, record_header_bytes, result.content.ephemeral);
  copy_out(record, record_header_bytes + ephemeral_key_bytes, result.content.nonce);
  return result;
}

Result<Signed<Accept>> decode_accept(ByteView record) {
  Signed<Accept> result;
  if (std::optional<Refused> problem = split_signature(record, accept_signed_bytes, result)) {
    return std::move(*problem);
  }
  const Result<RecordHeader> header = decode_header(record);
  if (!header) {
    return Refused{header.reason()};
  }
  if (header->kind != RecordKind::accept) {
    return Refused{"handshake: not an ACCEPT"};
  }
  result.content.header = *header;
  std::size_t offset = record_header_bytes;
  copy_out(record, offset, result.content.ephemeral);
  offset += ephemeral_key_bytes;
  copy_out(record, offset, result.content.hello_digest.bytes);
  offset += Digest::size_bytes;
  result.content.channel = load_little_endian<ChannelId>(record.data() + offset);
  return result;
}

Bytes encode_reset(const Reset& reset) {
  Bytes record;
  record.reserve(reset_bytes);
  append_header(record, reset.header);
  append_u64(record, reset.channel);
  return record;
}

Result<Reset> decode_reset(ByteView record) {
  if (record.size() != reset_bytes) {
    return Refused{"reset: wrong size"};
  }
  const Result<RecordHeader> header = decode_header(record);
  if (!header) {
    return Refused{header.reason()};
  }
  if (header->kind != RecordKind::reset) {
    return Refused{"reset: not a RESET"};
  }
  return Reset{*header, load_little_endian<ChannelId>(record.data() + record_header_bytes)};
}

Result<FrameLayout> decode_frame_layout(ByteView record) {
  if (record.size() < frame_header_bytes + mac_bytes) {
    return Refused{"frame: too short"};
  }
  if (record.size() > limits::frame_bytes_max) {
    return Refused{"frame: too long"};
  }
  const Result<RecordKind> kind = record_kind(record);
  if (!kind) {
    return Refused{kind.reason()};
  }
  if (*kind != RecordKind::frame) {
    return Refused{"frame: not a FRAME"};
  }
  FrameLayout layout;
  layout.channel = load_little_endian<ChannelId>(record.data() + frame_channel_offset);
  layout.counter = load_little_endian<std::uint64_t>(record.data() + frame_counter_offset);
  layout.count = load_little_endian<std::uint32_t>(record.data() + frame_count_offset);
  if (layout.count > limits::frame_messages_max) {
    return Refused{"frame: too many bodies"};
  }
  if (!all_zero(record.substr(frame_count_offset + 4, 4))) {
    return Refused{"frame: reserved bytes set"};
  }
  const std::size_t lengths_bytes = frame_lengths_bytes(layout.count);
  if (record.size() < frame_header_bytes + lengths_bytes + mac_bytes) {
    return Refused{"frame: too short"};
  }
  layout.bodies_offset = frame_header_bytes + lengths_bytes;
  const std::size_t lengths_end = frame_header_bytes + std::size_t{layout.count} * 4;
  if (!all_zero(record.substr(lengths_end, layout.bodies_offset - lengths_end))) {
    return Refused{"frame: reserved bytes set"};
  }
  std::uint64_t sum = 0;  // cannot overflow: at most 4,096 lengths below 2^32
  for (std::uint32_t i = 0; i < layout.count; ++i) {
    sum += FrameLayout::body_bytes(record, i);
  }
  if (sum != record.size() - layout.bodies_offset - mac_bytes) {
    return Refused{"frame: lengths do not add up"};
  }
  return layout;
}

}  // namespace tagma::crypto
