// Private to this room: one direction of a channel. Sealing and opening with a MAC context that is keyed once.
#pragma once

#include <optional>

#include "crypto/digest.h"
#include "crypto/openssl_handles.h"
#include "crypto/record.h"

namespace tagma::crypto {

using FrameKey = SecretArray<32>;

/// HMAC-SHA256 with the key inside; each use starts anew with a null key, which costs a third of keying.
class FrameMac {
 public:
  explicit FrameMac(const FrameKey& key);

  using Tag = std::array<unsigned char, mac_bytes>;
  /// The MAC of two pieces, one behind the other.
  [[nodiscard]] Tag compute(ByteView first, ByteView second);

 private:
  MacContextHandle context_;
};

/// The sending half. The counter starts at 1 and never repeats under one key.
class FrameSealer {
 public:
  FrameSealer(const RecordHeader& header, ChannelId channel, const FrameKey& key);

  [[nodiscard]] Bytes seal(std::span<const Body> bodies);

 private:
  std::array<char, record_header_bytes> header_;
  ChannelId channel_;
  std::uint64_t counter_ = 0;  ///< of the last frame sealed
  FrameMac mac_;
  Bytes digests_;  ///< scratch, kept for its capacity
};

/// The receiving half.
class FrameOpener {
 public:
  FrameOpener(const RecordHeader& header, ChannelId channel, const FrameKey& key);

  [[nodiscard]] ChannelId channel() const { return channel_; }
  /// `layout` is that of `record`, whose channel is this one. Nothing changes unless the frame is accepted.
  [[nodiscard]] Result<std::vector<ByteView>> open(ByteView record, const FrameLayout& layout, Hasher& hasher);

 private:
  RecordHeader expected_;
  std::array<char, record_header_bytes> header_;
  ChannelId channel_;
  std::uint64_t last_counter_ = 0;  ///< of the last frame accepted: never goes back
  FrameMac mac_;
  Bytes digests_;  ///< scratch, kept for its capacity
};

}  // namespace tagma::crypto
