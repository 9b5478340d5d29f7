#include "crypto/frame.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "tagma/limits.h"

namespace tagma::crypto {
namespace {

/// The scratch for digests is given back to the allocator above this, so that one huge frame does not stay for ever.
constexpr std::size_t scratch_bytes_kept = std::size_t{16} * 1024;

EVP_MAC* fetched_hmac() {
  static EVP_MAC* const hmac = openssl_must_have(EVP_MAC_fetch(nullptr, "HMAC", nullptr), "fetch HMAC");
  return hmac;
}

void shrink(Bytes& scratch) {
  if (scratch.capacity() > scratch_bytes_kept) {
    Bytes().swap(scratch);
  }
}

}  // namespace

FrameMac::FrameMac(const FrameKey& key)
    : context_(openssl_must_have(EVP_MAC_CTX_new(fetched_hmac()), "new MAC context")) {
  std::array<char, 7> digest_name{"SHA256"};
  const std::array<OSSL_PARAM, 2> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest_name.data(), 0), OSSL_PARAM_construct_end()};
  openssl_must(EVP_MAC_init(context_.get(), key.data(), FrameKey::size_bytes(), parameters.data()) == 1, "key the MAC");
}

FrameMac::Tag FrameMac::compute(ByteView first, ByteView second) {
  Tag tag{};
  std::size_t size = 0;
  openssl_must(EVP_MAC_init(context_.get(), nullptr, 0, nullptr) == 1 &&
                   EVP_MAC_update(context_.get(), unsigned_data(first), first.size()) == 1 &&
                   EVP_MAC_update(context_.get(), unsigned_data(second), second.size()) == 1 &&
                   EVP_MAC_final(context_.get(), tag.data(), &size, tag.size()) == 1 && size == tag.size(),
               "HMAC");
  return tag;
}

FrameSealer::FrameSealer(const RecordHeader& header, ChannelId channel, const FrameKey& key)
    : header_(encode_header(header)), channel_(channel), mac_(key) {}

Bytes FrameSealer::seal(std::span<const Body> bodies) {
  TAGMA_ASSERT(bodies.size() <= limits::frame_messages_max, "a frame keeps to the limit of bodies");
  std::size_t size = frame_header_bytes + frame_lengths_bytes(bodies.size()) + mac_bytes;
  for (const Body& body : bodies) {
    size += body.bytes.size();
  }
  TAGMA_ASSERT(size <= limits::frame_bytes_max, "a frame keeps to the limit of bytes");
  ++counter_;
  Bytes record;
  record.reserve(size);
  record.append(header_.data(), header_.size());
  record.resize(frame_header_bytes + frame_lengths_bytes(bodies.size()), '\0');
  store_little_endian<std::uint64_t>(record.data() + frame_channel_offset, channel_);
  store_little_endian<std::uint64_t>(record.data() + frame_counter_offset, counter_);
  store_little_endian<std::uint32_t>(record.data() + frame_count_offset, static_cast<std::uint32_t>(bodies.size()));
  digests_.clear();
  digests_.reserve(bodies.size() * Digest::size_bytes);
  std::size_t length_offset = frame_header_bytes;
  for (const Body& body : bodies) {
    store_little_endian<std::uint32_t>(record.data() + length_offset, static_cast<std::uint32_t>(body.bytes.size()));
    length_offset += 4;
    digests_.append(body.digest.view());
  }
  const FrameMac::Tag tag = mac_.compute(record, digests_);
  for (const Body& body : bodies) {
    record.append(body.bytes);
  }
  record.append(reinterpret_cast<const char*>(tag.data()), tag.size());
  shrink(digests_);
  return record;
}

FrameOpener::FrameOpener(const RecordHeader& header, ChannelId channel, const FrameKey& key)
    : expected_(header), header_(encode_header(header)), channel_(channel), mac_(key) {}

Result<std::vector<ByteView>> FrameOpener::open(ByteView record, const FrameLayout& layout, Hasher& hasher) {
  if (std::memcmp(record.data(), header_.data(), header_.size()) != 0) {
    const Result<RecordHeader> header = decode_header(record);
    if (!header) {
      return Refused{header.reason()};
    }
    std::optional<Refused> difference = compare_headers(*header, expected_);
    return difference ? std::move(*difference) : Refused{"record: header differs"};
  }
  if (layout.counter <= last_counter_) {
    return Refused{"frame: counter not above the last one"};
  }
  std::vector<ByteView> bodies;
  bodies.reserve(layout.count);
  digests_.clear();
  digests_.reserve(layout.count * Digest::size_bytes);
  std::size_t offset = layout.bodies_offset;
  for (std::uint32_t i = 0; i < layout.count; ++i) {
    const std::size_t size = FrameLayout::body_bytes(record, i);
    bodies.push_back(record.substr(offset, size));
    digests_.append(hasher.digest(bodies.back()).view());
    offset += size;
  }
  const FrameMac::Tag tag = mac_.compute(record.substr(0, layout.bodies_offset), digests_);
  shrink(digests_);
  if (CRYPTO_memcmp(tag.data(), record.data() + offset, tag.size()) != 0) {
    return Refused{"frame: wrong MAC"};
  }
  last_counter_ = layout.counter;
  return bodies;
}

}  // namespace tagma::crypto
