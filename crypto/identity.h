// Signature identities: Ed25519 and ECDSA P-256. The algorithm is a field of the key.
//
// Acceptance of a signature must not vary by library version, so the rule is fixed here and has edge-case vectors:
//   Ed25519 (RFC 8032, cofactorless): 64 bytes, S < L, A and R canonical encodings, A not of small order.
//   ECDSA P-256 over SHA-256: strict DER of (r, s), shortest form and nothing behind it, 0 < r < n, 0 < s <= n/2
//   (the signer normalises s), public key a compressed point on the curve.
#pragma once

#include <memory>
#include <string>

#include "messages/membership.h"
#include "tagma/bytes.h"
#include "tagma/result.h"

namespace tagma::crypto {

/// A secret signature key. The secret is wiped on destruction and never leaves but by save(). Thread-compatible.
class Identity {
 public:
  [[nodiscard]] static Identity generate(KeyAlgorithm algorithm);
  /// Reads a PKCS#8 PEM file that only its owner may read (mode 0600 or stricter). The reason is one line: file, what
  /// is wrong, the mend.
  [[nodiscard]] static Result<Identity> load(const std::string& path);
  /// Writes the secret with mode 0600, never over an existing file, durable on return.
  [[nodiscard]] std::optional<Refused> save(const std::string& path) const;

  Identity(Identity&&) noexcept;
  Identity& operator=(Identity&&) noexcept;
  ~Identity();

  [[nodiscard]] const PublicKey& public_key() const;
  [[nodiscard]] Bytes sign(ByteView statement) const;

 private:
  class Implementation;
  explicit Identity(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

/// A public key made ready for many verifications.
class Verifier {
 public:
  /// Refuses a key that is not a valid point in its canonical encoding.
  [[nodiscard]] static Result<Verifier> make(const PublicKey& key);
  Verifier(Verifier&&) noexcept;
  Verifier& operator=(Verifier&&) noexcept;
  ~Verifier();

  [[nodiscard]] bool verify(ByteView statement, ByteView signature) const;

 private:
  class Implementation;
  explicit Verifier(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace tagma::crypto
