// Public keys and signatures from any hand, and the rules that accept their encodings.
//
// The first byte chooses: a public key of the input's own with a signature of its own; a genuine signature with damage;
// the DER of a P-256 signature. Promises: nothing throws; a damaged signature never verifies; an accepted encoding is
// the only one of its value.
#include "crypto/identity.h"
#include "crypto/signature_rules.h"
#include "messages/assert.h"
#include "test/fuzz/input.h"
#include "test/fuzz/target.h"

namespace tagma::fuzz {
namespace {

using namespace tagma::crypto;

constexpr std::size_t signature_bytes_max = 80;

KeyAlgorithm algorithm_of(Input& input) { return input.flag() ? KeyAlgorithm::ed25519 : KeyAlgorithm::ecdsa_p256; }

void judge_foreign_key(Input& input) {
  PublicKey key;
  key.algorithm = algorithm_of(input);
  key.bytes = input.bytes(40);
  const auto verifier = Verifier::make(key);
  if (key.algorithm == KeyAlgorithm::ed25519) {
    const bool good = ed25519_point_canonical(key.bytes) && !ed25519_point_small_order(key.bytes) &&
                      ed25519_point_on_curve(key.bytes);
    TAGMA_ASSERT(verifier.ok() == good, "an Ed25519 key is taken where the rules take it");
  } else {
    TAGMA_ASSERT(!verifier.ok() || p256_key_encoding_acceptable(key.bytes), "a P-256 key keeps to the rules");
  }
  if (!verifier) {
    TAGMA_ASSERT(!verifier.reason().empty(), "a refusal has a reason");
    return;
  }
  const auto signature = input.bytes(signature_bytes_max);
  if (!verifier->verify(input.rest(), signature)) return;
  if (key.algorithm == KeyAlgorithm::ed25519) {
    TAGMA_ASSERT(ed25519_signature_acceptable(signature), "a signature that verifies keeps to the rules");
  } else {
    const auto numbers = p256_signature_from_der(signature);
    TAGMA_ASSERT(numbers && p256_signature_in_range(*numbers), "a signature that verifies keeps to the rules");
  }
}

const Identity& own_identity(KeyAlgorithm algorithm) {
  static const Identity p256 = Identity::generate(KeyAlgorithm::ecdsa_p256);
  static const Identity ed25519 = Identity::generate(KeyAlgorithm::ed25519);
  return algorithm == KeyAlgorithm::ed25519 ? ed25519 : p256;
}

/// The signature with n - s in the place of s: it satisfies the same equation.
Bytes other_form(ByteView signature) {
  Bytes order;
  static_cast<void>(from_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", order));
  auto numbers = p256_signature_from_der(signature);
  TAGMA_ASSERT(numbers.has_value(), "own signatures are well formed");
  int borrow = 0;
  for (std::size_t at = order.size(); at-- > 0;) {
    const int difference = static_cast<std::uint8_t>(order[at]) - numbers->s[at] - borrow;
    borrow = difference < 0 ? 1 : 0;
    numbers->s[at] = static_cast<std::uint8_t>(difference + borrow * 256);
  }
  return p256_signature_to_der(*numbers);
}

void judge_damage(Input& input) {
  const auto algorithm = algorithm_of(input);
  const auto& identity = own_identity(algorithm);
  const auto verifier = Verifier::make(identity.public_key());
  TAGMA_ASSERT(verifier.ok(), "an own key is a valid one");
  const auto statement = input.bytes(64);
  const auto genuine = identity.sign(statement);
  const auto shape = input.byte();
  auto changed = algorithm == KeyAlgorithm::ecdsa_p256 && shape >= 192 ? other_form(genuine) : genuine;
  for (auto changes = shape % 4; changes > 0 && !changed.empty(); --changes) {
    const auto at = input.below(changed.size());
    switch (input.byte() % 4) {
      case 0: changed[at] = static_cast<char>(static_cast<std::uint8_t>(changed[at]) ^ 1U << input.byte() % 8U); break;
      case 1: changed[at] = static_cast<char>(input.byte()); break;
      case 2: changed.insert(at, input.bytes(8)); break;
      default: changed.erase(at, 1 + input.byte() % 8U); break;
    }
  }
  TAGMA_ASSERT(verifier->verify(statement, changed) == (changed == genuine), "a damaged signature never verifies");
  TAGMA_ASSERT(!verifier->verify(statement + "!", genuine), "a signature is of one statement");
}

void judge_der(ByteView der) {
  const auto numbers = p256_signature_from_der(der);
  if (!numbers) return;
  TAGMA_ASSERT(p256_signature_to_der(*numbers) == der, "an accepted encoding is the only one");
  if (!p256_signature_in_range(*numbers)) return;
  auto normal = *numbers;
  p256_normalise(normal);
  TAGMA_ASSERT(normal.r == numbers->r && normal.s == numbers->s, "what is in range is normal");
}

}  // namespace

void judge(ByteView bytes) {
  Input input(bytes);
  switch (input.byte() % 3) {
    case 0: judge_foreign_key(input); break;
    case 1: judge_damage(input); break;
    default: judge_der(input.rest()); break;
  }
}

}  // namespace tagma::fuzz
