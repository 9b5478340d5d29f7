#include "crypto/identity.h"

#include <atomic>
#include <thread>

#include "crypto/authenticator.h"
#include "crypto/signature_rules.h"
#include "test/unit/crypto/support.h"

namespace tagma::crypto::test {
namespace {

constexpr std::array algorithms = {KeyAlgorithm::ed25519, KeyAlgorithm::ecdsa_p256};

Verifier verifier_of(const Identity& identity) {
  Result<Verifier> verifier = Verifier::make(identity.public_key());
  REQUIRE(verifier.ok());
  return std::move(*verifier);
}

}  // namespace

TEST_CASE("what an identity signs verifies under its key and nothing else") {
  for (const KeyAlgorithm algorithm : algorithms) {
    const Identity identity = Identity::generate(algorithm);
    const Identity other = Identity::generate(algorithm);
    CHECK(identity.public_key().algorithm == algorithm);
    CHECK(identity.public_key().bytes.size() == (algorithm == KeyAlgorithm::ed25519 ? 32 : 33));
    const Verifier verifier = verifier_of(identity);
    const Verifier stranger = verifier_of(other);
    for (const Bytes& statement : {Bytes(), Bytes("x"), Bytes(5000, '\0')}) {
      const Bytes signature = identity.sign(statement);
      CHECK(verifier.verify(statement, signature));
      CHECK_FALSE(stranger.verify(statement, signature));
      CHECK_FALSE(verifier.verify(statement + 'x', signature));
      for (std::size_t i = 0; i < signature.size(); ++i) {
        CHECK_FALSE(verifier.verify(statement, flipped(signature, i)));
      }
      CHECK(verifier.verify(statement, signature));  // refusals leave the kept contexts usable
    }
  }
}

TEST_CASE("P-256 signatures are made in the low form, always") {
  const Identity identity = Identity::generate(KeyAlgorithm::ecdsa_p256);
  for (int i = 0; i < 64; ++i) {  // half of them would be high if nobody normalised
    const std::optional<P256Signature> signature = p256_signature_from_der(identity.sign("statement"));
    REQUIRE(signature.has_value());
    CHECK(p256_signature_in_range(*signature));
  }
}

TEST_CASE("an identity survives a move") {
  Identity first = Identity::generate(KeyAlgorithm::ecdsa_p256);
  const PublicKey key = first.public_key();
  Identity second = std::move(first);
  CHECK(second.public_key() == key);
  CHECK(verifier_of(second).verify("statement", second.sign("statement")));
}

TEST_CASE("one identity and one verifier serve several threads at once") {
  for (const KeyAlgorithm algorithm : algorithms) {
    const Identity identity = Identity::generate(algorithm);
    const Verifier verifier = verifier_of(identity);
    std::atomic<int> valid{0};
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 25; ++i) {
          const Bytes statement = std::to_string(t) + "/" + std::to_string(i);
          if (verifier.verify(statement, identity.sign(statement)) &&
              !verifier.verify(statement + "x", identity.sign(statement))) {
            ++valid;
          }
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    CHECK(valid == 100);
  }
}

TEST_CASE("the authenticator hashes, signs and verifies by the same rules") {
  const Identity identity = Identity::generate(KeyAlgorithm::ed25519);
  const Identity other = Identity::generate(KeyAlgorithm::ecdsa_p256);
  OpensslAuthenticator authenticator(identity);
  CHECK(authenticator.digest("abc") == Hasher().digest("abc"));
  const Bytes signature = authenticator.sign("statement");
  for (int round = 0; round < 2; ++round) {  // with a fresh key and with the prepared one
    CHECK(authenticator.verify(identity.public_key(), "statement", signature));
    CHECK_FALSE(authenticator.verify(identity.public_key(), "another", signature));
    CHECK_FALSE(authenticator.verify(other.public_key(), "statement", signature));
    CHECK(authenticator.verify(other.public_key(), "statement", other.sign("statement")));
    CHECK_FALSE(authenticator.verify({KeyAlgorithm::ed25519, "short"}, "statement", signature));
  }
}

}  // namespace tagma::crypto::test
