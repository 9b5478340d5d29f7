// Private to this room: the key agreement of a channel and the text under its signatures.
#pragma once

#include "crypto/frame.h"

namespace tagma::crypto {

/// A fresh X25519 key pair; the secret half is wiped by its owner.
class EphemeralSecret {
 public:
  EphemeralSecret();
  [[nodiscard]] const EphemeralKey& public_half() const { return public_half_; }

  using Shared = SecretArray<32>;
  /// False if the result is all zero, which a remote key of small order would force.
  [[nodiscard]] bool derive(const EphemeralKey& remote, Shared& shared) const;

 private:
  PkeyHandle pkey_;
  EphemeralKey public_half_{};
};

/// Everything that the keys of a channel are bound to. Views are valid during the call.
struct KeyBinding {
  const PublicKey& initiator_key;
  const PublicKey& acceptor_key;
  ByteView hello;             ///< the whole HELLO with its signature
  ByteView accept_statement;  ///< the signed part of the ACCEPT, which has the channel id and the other ephemeral key
};

/// One key per direction.
struct ChannelKeys {
  FrameKey to_acceptor;
  FrameKey to_initiator;
};

/// HKDF-SHA256 with the handshake's digest as salt and the binding spelled out as info (crypto/README.md).
void derive_channel_keys(const EphemeralSecret::Shared& shared, const KeyBinding& binding, ChannelKeys& keys);

/// What is signed: a name of its own for each kind of record, then its bytes, so that no signature made here is valid
/// anywhere else.
[[nodiscard]] Bytes hello_statement(ByteView signed_part);
[[nodiscard]] Bytes accept_statement(ByteView signed_part);

}  // namespace tagma::crypto
