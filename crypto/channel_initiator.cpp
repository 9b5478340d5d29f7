#include "crypto/digest.h"
#include "crypto/handshake.h"

namespace tagma::crypto {

class ChannelInitiator::Implementation {
 public:
  Implementation(ChannelScope scope, ChannelEnd local, ChannelEnd remote, PublicKey remote_key,
                 const Identity& identity)
      : outgoing_{RecordKind::frame, scope, local, remote},
        incoming_{RecordKind::frame, scope, remote, local},
        remote_key_(std::move(remote_key)),
        identity_(identity) {
    Result<Verifier> verifier = Verifier::make(remote_key_);
    if (verifier) {
      verifier_ = std::move(*verifier);
    }
  }

  Bytes hello() {
    pending_ = std::make_unique<Pending>();
    Hello hello{outgoing_, pending_->secret.public_half(), {}};
    hello.header.kind = RecordKind::hello;
    const Bytes nonce = random_bytes(nonce_bytes);
    std::memcpy(hello.nonce.data(), nonce.data(), nonce.size());
    pending_->record = encode_hello(hello);
    append_signature(pending_->record, identity_.sign(hello_statement(pending_->record)));
    pending_->digest = hasher_.digest(pending_->record);
    return pending_->record;
  }

  std::optional<Refused> accept(ByteView record) {
    const Result<Signed<Accept>> decoded = decode_accept(record);
    if (!decoded) {
      return Refused{decoded.reason()};
    }
    const Accept& accept = decoded->content;
    if (std::optional<Refused> difference = compare_headers(accept.header, incoming_)) {
      return difference;
    }
    if (!pending_ || accept.hello_digest != pending_->digest) {
      return Refused{"handshake: answers no HELLO of ours that is open"};
    }
    if (!verifier_) {
      return Refused{"handshake: the remote end's public key is not a valid one"};
    }
    if (!verifier_->verify(accept_statement(decoded->statement), decoded->signature)) {
      return Refused{"handshake: wrong signature"};
    }
    EphemeralSecret::Shared shared;
    if (!pending_->secret.derive(accept.ephemeral, shared)) {
      return Refused{"handshake: ephemeral key of small order"};
    }
    ChannelKeys keys;
    derive_channel_keys(shared, {identity_.public_key(), remote_key_, pending_->record, decoded->statement}, keys);
    pending_.reset();
    previous_ = std::move(current_);
    current_ = std::make_unique<Channel>(Channel{FrameSealer(outgoing_, accept.channel, keys.to_acceptor),
                                                 FrameOpener(incoming_, accept.channel, keys.to_initiator)});
    return std::nullopt;
  }

  [[nodiscard]] bool established() const { return current_ != nullptr; }

  Bytes seal(std::span<const Body> bodies) {
    TAGMA_ASSERT(established(), "frames are sealed on established channels only");
    return current_->sealer.seal(bodies);
  }

  Result<std::vector<ByteView>> open(ByteView record) {
    const Result<FrameLayout> layout = decode_frame_layout(record);
    if (!layout) {
      return Refused{layout.reason()};
    }
    for (Channel* channel : {current_.get(), previous_.get()}) {
      if (channel != nullptr && channel->opener.channel() == layout->channel) {
        return channel->opener.open(record, *layout, hasher_);
      }
    }
    return Refused{"frame: unknown channel"};
  }

  [[nodiscard]] bool is_reset(ByteView record) const {
    const Result<Reset> reset = decode_reset(record);
    if (!reset || !established() || reset->channel != current_->opener.channel()) {
      return false;
    }
    // The acceptor may have come back as another incarnation: that is a reason to shake hands, not to ignore it.
    RecordHeader header = reset->header;
    header.from.incarnation = incoming_.from.incarnation;
    return !compare_headers(header, incoming_).has_value();
  }

 private:
  struct Pending {
    EphemeralSecret secret;
    Bytes record;
    Digest digest;
  };
  struct Channel {
    FrameSealer sealer;
    FrameOpener opener;
  };

  RecordHeader outgoing_;
  RecordHeader incoming_;
  PublicKey remote_key_;
  const Identity& identity_;
  std::optional<Verifier> verifier_;  ///< absent if the remote key is not a valid one
  Hasher hasher_;
  std::unique_ptr<Pending> pending_;   ///< the unanswered HELLO
  std::unique_ptr<Channel> current_;   ///< seals and opens
  std::unique_ptr<Channel> previous_;  ///< opens what the acceptor sent before it saw the new channel in use
};

ChannelInitiator::ChannelInitiator(ChannelScope scope, ChannelEnd local, ChannelEnd remote, PublicKey remote_key,
                                   const Identity& identity)
    : implementation_(std::make_unique<Implementation>(scope, local, remote, std::move(remote_key), identity)) {}
ChannelInitiator::~ChannelInitiator() = default;

Bytes ChannelInitiator::hello() { return implementation_->hello(); }
std::optional<Refused> ChannelInitiator::accept(ByteView record) { return implementation_->accept(record); }
bool ChannelInitiator::established() const { return implementation_->established(); }
Bytes ChannelInitiator::seal(std::span<const Body> bodies) { return implementation_->seal(bodies); }
Result<std::vector<ByteView>> ChannelInitiator::open(ByteView record) { return implementation_->open(record); }
bool ChannelInitiator::is_reset(ByteView record) const { return implementation_->is_reset(record); }

}  // namespace tagma::crypto
