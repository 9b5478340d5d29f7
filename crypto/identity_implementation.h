// Private to this room: what is behind Identity, shared by identity.cpp (signing) and identity_file.cpp (load, save).
#pragma once

#include "crypto/identity.h"
#include "crypto/openssl_handles.h"

namespace tagma::crypto {

class Identity::Implementation {
 public:
  /// Takes over a key pair whose algorithm is one of ours and whose halves belong together; null otherwise.
  [[nodiscard]] static std::unique_ptr<Implementation> adopt(PkeyHandle pkey);

  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
  [[nodiscard]] EVP_PKEY* pkey() const { return pkey_.get(); }
  [[nodiscard]] Bytes sign(ByteView statement);

 private:
  /// What one signature at a time needs. Ed25519 uses `digest` alone, P-256 both.
  struct Context {
    DigestContextHandle digest;
    PkeyContextHandle pkey;
  };

  Implementation(PublicKey public_key, PkeyHandle pkey) : public_key_(std::move(public_key)), pkey_(std::move(pkey)) {}
  [[nodiscard]] Bytes sign_ed25519(ByteView statement);
  [[nodiscard]] Bytes sign_p256(ByteView statement);

  PublicKey public_key_;
  PkeyHandle pkey_;
  SpareContexts<Context> spare_;
};

}  // namespace tagma::crypto
