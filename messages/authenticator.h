// What the pure cores need of cryptography. crypto/authenticator.h has the real one, test/sim a fast fake.
#pragma once

#include "messages/membership.h"

namespace tagma {

/// Digests and signatures, bound to one own identity. Implementations are deterministic towards the cores: verify()
/// depends on its arguments alone. Not thread-safe.
class Authenticator {
 public:
  Authenticator() = default;
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;
  virtual ~Authenticator() = default;

  [[nodiscard]] virtual Digest digest(ByteView bytes) = 0;
  /// Signs a statement (wire::bundle_statement, wire::checkpoint_statement) with the own identity.
  [[nodiscard]] virtual Bytes sign(ByteView statement) = 0;
  /// Whether `signature` over `statement` is acceptable under `key` by the strict rule of crypto/identity.h.
  [[nodiscard]] virtual bool verify(const PublicKey& key, ByteView statement, ByteView signature) = 0;
};

}  // namespace tagma
