// The real Authenticator of the cores: OpenSSL behind messages/authenticator.h.
#pragma once

#include <map>
#include <memory>

#include "crypto/digest.h"
#include "crypto/identity.h"
#include "messages/authenticator.h"

namespace tagma::crypto {

/// Signs with one identity, verifies with a cache of prepared keys. One per thread.
class OpensslAuthenticator final : public Authenticator {
 public:
  /// `identity` outlives this object.
  explicit OpensslAuthenticator(const Identity& identity);
  ~OpensslAuthenticator() override;

  [[nodiscard]] Digest digest(ByteView bytes) override;
  [[nodiscard]] Bytes sign(ByteView statement) override;
  [[nodiscard]] bool verify(const PublicKey& key, ByteView statement, ByteView signature) override;

 private:
  const Identity& identity_;
  Hasher hasher_;
  std::map<PublicKey, std::unique_ptr<Verifier>> verifiers_;  ///< keys of the membership only, hence bounded
};

}  // namespace tagma::crypto
