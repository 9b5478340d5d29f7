// Authentication that costs nothing but keeps its promises among those who play by the rules: equal bytes have equal
// digests, different bytes have different ones but for an accident of 2^-64, and a signature verifies under the key
// that made it, over the statement that was signed, and under nothing else.
#pragma once

#include <memory>

#include "messages/authenticator.h"

namespace tagma::sim {

class FakeAuthenticator final : public Authenticator {
 public:
  /// The fake identity of a principal in the cluster with this secret.
  FakeAuthenticator(std::uint64_t cluster_secret, const Principal& principal);
  /// The same under a key that also looks like one, for those whose key is written down.
  [[nodiscard]] static std::unique_ptr<FakeAuthenticator> with_written_key(std::uint64_t cluster_secret,
                                                                           const Principal& principal);

  [[nodiscard]] PublicKey public_key() const { return key_; }
  [[nodiscard]] Digest digest(ByteView bytes) override;
  [[nodiscard]] Bytes sign(ByteView statement) override;
  [[nodiscard]] bool verify(const PublicKey& key, ByteView statement, ByteView signature) override;

 private:
  [[nodiscard]] Bytes keyed_hash(const PublicKey& key, ByteView statement) const;

  std::uint64_t cluster_secret_;
  PublicKey key_;
};

/// A fast hash of 64 bits without cryptographic promises.
[[nodiscard]] std::uint64_t fast_hash(std::uint64_t seed, ByteView bytes);

}  // namespace tagma::sim
