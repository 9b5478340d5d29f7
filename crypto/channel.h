// Authenticated channels: a signed X25519 handshake, then frames with one MAC each. Bytes in, bytes out; what the
// bodies say is no concern of this room. docs: crypto/README.md has the layouts and the argument.
//
// The side that connects is the initiator, the side that is bound is the acceptor. One record is one transport message:
//   HELLO (initiator -> acceptor), ACCEPT (back), FRAME (either way), RESET (acceptor -> initiator: "I do not know this
//   channel", unauthenticated, a hint to shake hands again).
// A channel counts as confirmed at the acceptor only when its first valid frame has come: a replayed HELLO can
// therefore never displace a live channel, it only costs a bounded, unconfirmed place.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "crypto/identity.h"
#include "messages/membership.h"
#include "tagma/bytes.h"
#include "tagma/result.h"

namespace tagma::crypto {

/// One end of a channel as both sides name it. Covered by the handshake's signatures, the key derivation and each MAC.
struct ChannelEnd {
  Principal principal;
  Incarnation incarnation = 0;
  auto operator<=>(const ChannelEnd&) const = default;
};

/// What both ends must agree on.
struct ChannelScope {
  ClusterId cluster;
  Epoch epoch = 0;
};

/// A message body with its SHA-256 digest: the MAC covers the digests, so a body that goes to many is hashed once.
struct Body {
  ByteView bytes;
  Digest digest;
};

enum class RecordKind : std::uint8_t { hello = 1, accept = 2, frame = 3, reset = 4 };
/// The kind of a record by its first bytes only; refuses what is no record of ours (the cheapest check of all).
[[nodiscard]] Result<RecordKind> record_kind(ByteView record);

/// The connecting side, one object per remote end. Not thread-safe. Keeps the old keys until new ones are accepted.
class ChannelInitiator {
 public:
  /// `identity` signs as `local` and outlives this object.
  ChannelInitiator(ChannelScope scope, ChannelEnd local, ChannelEnd remote, PublicKey remote_key,
                   const Identity& identity);
  ~ChannelInitiator();
  ChannelInitiator(const ChannelInitiator&) = delete;
  ChannelInitiator& operator=(const ChannelInitiator&) = delete;

  /// A HELLO with a fresh ephemeral key; replaces an unanswered one.
  [[nodiscard]] Bytes hello();
  /// Verifies an ACCEPT against the last HELLO; on success the channel is established with new keys.
  [[nodiscard]] std::optional<Refused> accept(ByteView record);
  [[nodiscard]] bool established() const;
  /// A FRAME with these bodies; only when established.
  [[nodiscard]] Bytes seal(std::span<const Body> bodies);
  /// Verifies a FRAME of the acceptor; the views point into `record`.
  [[nodiscard]] Result<std::vector<ByteView>> open(ByteView record);
  /// Whether a RESET speaks of the channel in use: the caller then sends hello(), at a limited rate.
  [[nodiscard]] bool is_reset(ByteView record) const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

using ChannelId = std::uint64_t;

/// A verified FRAME at the acceptor.
struct OpenedFrame {
  ChannelId channel = 0;
  ChannelEnd from;
  std::vector<ByteView> bodies;  ///< point into the record
};

/// The bound side: all channels of one socket. Not thread-safe. Memory is bounded by `channels_per_principal_max`.
class ChannelAcceptor {
 public:
  /// The key and current incarnation under which a principal may connect; null key if it may not.
  struct Known {
    const PublicKey* key = nullptr;
    Incarnation incarnation = 0;
  };
  using Lookup = std::function<Known(const Principal&)>;

  ChannelAcceptor(ChannelScope scope, ChannelEnd local, const Identity& identity, Lookup lookup,
                  std::size_t channels_per_principal_max);
  ~ChannelAcceptor();
  ChannelAcceptor(const ChannelAcceptor&) = delete;
  ChannelAcceptor& operator=(const ChannelAcceptor&) = delete;

  /// Verifies a HELLO and returns the ACCEPT to send back on the same connection.
  [[nodiscard]] Result<Bytes> hello(ByteView record);
  /// Verifies a FRAME: known channel, right MAC, counter above the last one.
  [[nodiscard]] Result<OpenedFrame> open(ByteView record);
  /// A FRAME to the initiator of a channel; empty if the channel is gone.
  [[nodiscard]] Bytes seal(ChannelId channel, std::span<const Body> bodies);
  /// A RESET that answers a FRAME of an unknown channel; empty if the frame's channel is known.
  [[nodiscard]] Bytes reset_for(ByteView record) const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace tagma::crypto
