#include <algorithm>
#include <map>
#include <unordered_map>

#include "crypto/digest.h"
#include "crypto/handshake.h"

namespace tagma::crypto {

class ChannelAcceptor::Implementation {
 public:
  Implementation(ChannelScope scope, ChannelEnd local, const Identity& identity, Lookup lookup,
                 std::size_t channels_per_principal_max)
      : scope_(scope),
        local_(local),
        identity_(identity),
        lookup_(std::move(lookup)),
        channels_per_principal_max_(channels_per_principal_max) {
    TAGMA_ASSERT(channels_per_principal_max > 0, "there is room for a channel");
  }

  Result<Bytes> hello(ByteView record) {
    const Result<Signed<Hello>> decoded = decode_hello(record);
    if (!decoded) {
      return Refused{decoded.reason()};
    }
    const Hello& hello = decoded->content;
    const ChannelEnd& from = hello.header.from;
    if (std::optional<Refused> difference = compare_headers(hello.header, {RecordKind::hello, scope_, from, local_})) {
      return std::move(*difference);
    }
    Result<Peer*> peer = current_peer(from);
    if (!peer) {
      return Refused{peer.reason()};
    }
    const Digest digest = hasher_.digest(record);
    if (const Channel* repeated = find_by_hello(**peer, digest)) {
      // The network may deliver twice, and an attacker may replay: neither costs more than this comparison.
      return repeated->confirmed ? Result<Bytes>(Refused{"handshake: HELLO already used"})
                                 : Result<Bytes>(repeated->accept_record);
    }
    if (!(*peer)->verifier.verify(hello_statement(decoded->statement), decoded->signature)) {
      return Refused{"handshake: wrong signature"};
    }
    return open_channel(**peer, hello, record, digest);
  }

  Result<OpenedFrame> open(ByteView record) {
    const Result<FrameLayout> layout = decode_frame_layout(record);
    if (!layout) {
      return Refused{layout.reason()};
    }
    Channel* channel = find_current(layout->channel);
    if (channel == nullptr) {
      return Refused{"frame: unknown channel"};
    }
    Result<std::vector<ByteView>> bodies = channel->opener.open(record, *layout, hasher_);
    if (!bodies) {
      return Refused{bodies.reason()};
    }
    channel->last_used = ++uses_;
    if (!channel->confirmed) {
      confirm(*channel);
    }
    return OpenedFrame{layout->channel, channel->remote, std::move(*bodies)};
  }

  Bytes seal(ChannelId id, std::span<const Body> bodies) {
    Channel* channel = find_current(id);
    if (channel == nullptr || !channel->confirmed) {
      return {};
    }
    channel->last_used = ++uses_;
    return channel->sealer.seal(bodies);
  }

  [[nodiscard]] Bytes reset_for(ByteView record) const {
    const Result<FrameLayout> layout = decode_frame_layout(record);
    if (!layout || channels_.contains(layout->channel)) {
      return {};
    }
    const Result<RecordHeader> header = decode_header(record);
    if (!header) {
      return {};
    }
    // The sender may know another incarnation of ours; whatever else does not fit was not meant for us.
    RecordHeader to_us = *header;
    to_us.to.incarnation = local_.incarnation;
    if (compare_headers(to_us, {RecordKind::frame, scope_, header->from, local_})) {
      return {};
    }
    return encode_reset({{RecordKind::reset, scope_, local_, header->from}, layout->channel});
  }

 private:
  struct Channel {
    ChannelId id;
    ChannelEnd remote;
    Digest hello_digest;
    Bytes accept_record;  ///< repeated while unconfirmed, then dropped
    FrameSealer sealer;
    FrameOpener opener;
    bool confirmed = false;       ///< a valid frame has come: its sender holds the keys
    std::uint64_t last_used = 0;  ///< in uses, not in time
  };
  /// Invariant: at most channels_per_principal_max_ ids in each list, and every id of a list is in channels_.
  struct Peer {
    PublicKey key;
    Incarnation incarnation = 0;
    Verifier verifier;
    std::vector<ChannelId> unconfirmed;  ///< oldest first
    std::vector<ChannelId> confirmed;
  };

  static bool still_allowed(const Known& known, const Peer& peer) {
    return known.key != nullptr && known.incarnation == peer.incarnation && *known.key == peer.key;
  }

  /// The peer as it may connect now; drops what it had under a former key or incarnation.
  Result<Peer*> current_peer(const ChannelEnd& from) {
    const Known known = lookup_(from.principal);
    const auto found = peers_.find(from.principal);
    if (found != peers_.end() && !still_allowed(known, found->second)) {
      forget(from.principal);
    } else if (found != peers_.end()) {
      return from.incarnation == known.incarnation ? Result<Peer*>(&found->second)
                                                   : Result<Peer*>(Refused{"record: from another incarnation"});
    }
    if (known.key == nullptr) {
      return Refused{"handshake: principal is not a member"};
    }
    if (from.incarnation != known.incarnation) {
      return Refused{"record: from another incarnation"};
    }
    Result<Verifier> verifier = Verifier::make(*known.key);
    if (!verifier) {
      return Refused{"handshake: the member's public key is not a valid one"};
    }
    const auto added =
        peers_.emplace(from.principal, Peer{*known.key, known.incarnation, std::move(*verifier), {}, {}}).first;
    return &added->second;
  }

  /// The channel if its principal may still use it; ends all channels of one that may not.
  Channel* find_current(ChannelId id) {
    const auto found = channels_.find(id);
    if (found == channels_.end()) {
      return nullptr;
    }
    const Principal principal = found->second->remote.principal;
    if (!still_allowed(lookup_(principal), peer_of(principal))) {
      forget(principal);
      return nullptr;
    }
    return found->second.get();
  }

  Peer& peer_of(const Principal& principal) {
    const auto found = peers_.find(principal);
    TAGMA_ASSERT(found != peers_.end(), "every channel belongs to a known peer");
    return found->second;
  }

  [[nodiscard]] const Channel* find_by_hello(const Peer& peer, const Digest& digest) const {
    for (const std::vector<ChannelId>* ids : {&peer.unconfirmed, &peer.confirmed}) {
      for (const ChannelId id : *ids) {
        const auto found = channels_.find(id);
        if (found->second->hello_digest == digest) {
          return found->second.get();
        }
      }
    }
    return nullptr;
  }

  Result<Bytes> open_channel(Peer& peer, const Hello& hello, ByteView hello_record, const Digest& hello_digest) {
    const EphemeralSecret secret;
    EphemeralSecret::Shared shared;
    if (!secret.derive(hello.ephemeral, shared)) {
      return Refused{"handshake: ephemeral key of small order"};
    }
    const ChannelEnd& from = hello.header.from;
    const ChannelId id = new_id();
    Bytes record = encode_accept({{RecordKind::accept, scope_, local_, from}, secret.public_half(), hello_digest, id});
    ChannelKeys keys;
    derive_channel_keys(shared, {peer.key, identity_.public_key(), hello_record, record}, keys);
    append_signature(record, identity_.sign(accept_statement(record)));
    if (peer.unconfirmed.size() == channels_per_principal_max_) {
      channels_.erase(peer.unconfirmed.front());
      peer.unconfirmed.erase(peer.unconfirmed.begin());
    }
    peer.unconfirmed.push_back(id);
    channels_.emplace(id, std::make_unique<Channel>(
                              Channel{id, from, hello_digest, record,
                                      FrameSealer({RecordKind::frame, scope_, local_, from}, id, keys.to_initiator),
                                      FrameOpener({RecordKind::frame, scope_, from, local_}, id, keys.to_acceptor)}));
    return record;
  }

  /// Random, so that nobody off the path can name a channel; never zero.
  ChannelId new_id() {
    ChannelId id = 0;
    while (id == 0 || channels_.contains(id)) {
      id = load_little_endian<ChannelId>(random_bytes(sizeof(ChannelId)).data());
    }
    return id;
  }

  void confirm(Channel& channel) {
    Peer& peer = peer_of(channel.remote.principal);
    std::erase(peer.unconfirmed, channel.id);
    if (peer.confirmed.size() == channels_per_principal_max_) {
      const auto least_recent =
          std::min_element(peer.confirmed.begin(), peer.confirmed.end(), [this](ChannelId left, ChannelId right) {
            return channels_.find(left)->second->last_used < channels_.find(right)->second->last_used;
          });
      channels_.erase(*least_recent);
      peer.confirmed.erase(least_recent);
    }
    peer.confirmed.push_back(channel.id);
    channel.confirmed = true;
    Bytes().swap(channel.accept_record);
  }

  void forget(const Principal& principal) {
    const Peer& peer = peer_of(principal);
    for (const std::vector<ChannelId>* ids : {&peer.unconfirmed, &peer.confirmed}) {
      for (const ChannelId id : *ids) {
        channels_.erase(id);
      }
    }
    peers_.erase(principal);
  }

  ChannelScope scope_;
  ChannelEnd local_;
  const Identity& identity_;
  Lookup lookup_;
  std::size_t channels_per_principal_max_;
  Hasher hasher_;
  std::uint64_t uses_ = 0;
  std::map<Principal, Peer> peers_;  ///< principals that the lookup knew, hence bounded
  std::unordered_map<ChannelId, std::unique_ptr<Channel>> channels_;  ///< never iterated: its order is nobody's
};

ChannelAcceptor::ChannelAcceptor(ChannelScope scope, ChannelEnd local, const Identity& identity, Lookup lookup,
                                 std::size_t channels_per_principal_max)
    : implementation_(
          std::make_unique<Implementation>(scope, local, identity, std::move(lookup), channels_per_principal_max)) {}
ChannelAcceptor::~ChannelAcceptor() = default;

Result<Bytes> ChannelAcceptor::hello(ByteView record) { return implementation_->hello(record); }
Result<OpenedFrame> ChannelAcceptor::open(ByteView record) { return implementation_->open(record); }
Bytes ChannelAcceptor::seal(ChannelId channel, std::span<const Body> bodies) {
  return implementation_->seal(channel, bodies);
}
Bytes ChannelAcceptor::reset_for(ByteView record) const { return implementation_->reset_for(record); }

}  // namespace tagma::crypto
