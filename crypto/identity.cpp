#include "crypto/identity.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>

#include <algorithm>
#include <array>

#include "crypto/identity_implementation.h"
#include "crypto/signature_rules.h"

namespace tagma::crypto {
namespace {

std::optional<PublicKey> ed25519_public_key(EVP_PKEY* pkey) {
  PublicKey key{KeyAlgorithm::ed25519, Bytes(ed25519_key_bytes, '\0')};
  std::size_t size = key.bytes.size();
  if (EVP_PKEY_get_raw_public_key(pkey, unsigned_data(key.bytes), &size) != 1 || size != ed25519_key_bytes) {
    return std::nullopt;
  }
  return key;
}

BignumHandle bignum_parameter(EVP_PKEY* pkey, const char* name) {
  BIGNUM* value = nullptr;
  if (EVP_PKEY_get_bn_param(pkey, name, &value) != 1) {
    return nullptr;
  }
  return BignumHandle(value);
}

/// The compressed point, put together here because the library's own choice of form differs by how the key was made.
std::optional<PublicKey> p256_public_key(EVP_PKEY* pkey) {
  std::array<char, 32> group{};
  if (EVP_PKEY_get_group_name(pkey, group.data(), group.size(), nullptr) != 1 ||
      std::string_view(group.data()) != "prime256v1") {
    return std::nullopt;
  }
  const BignumHandle x = bignum_parameter(pkey, OSSL_PKEY_PARAM_EC_PUB_X);
  const BignumHandle y = bignum_parameter(pkey, OSSL_PKEY_PARAM_EC_PUB_Y);
  if (!x || !y) {
    return std::nullopt;
  }
  PublicKey key{KeyAlgorithm::ecdsa_p256, Bytes(p256_key_bytes, '\0')};
  key.bytes[0] = BN_is_odd(y.get()) ? '\x03' : '\x02';
  if (BN_bn2binpad(x.get(), unsigned_data(key.bytes) + 1, static_cast<int>(p256_scalar_bytes)) < 0) {
    return std::nullopt;
  }
  return key;
}

}  // namespace

std::unique_ptr<Identity::Implementation> Identity::Implementation::adopt(PkeyHandle pkey) {
  std::optional<PublicKey> key;
  if (EVP_PKEY_is_a(pkey.get(), "ED25519") == 1) {
    key = ed25519_public_key(pkey.get());
  } else if (EVP_PKEY_is_a(pkey.get(), "EC") == 1) {
    key = p256_public_key(pkey.get());
  }
  if (!key) {
    ERR_clear_error();
    return nullptr;
  }
  if (key->algorithm == KeyAlgorithm::ecdsa_p256) {
    // A P-256 file holds both halves; one with a foreign public half would sign what nobody can verify.
    const PkeyContextHandle context(
        openssl_must_have(EVP_PKEY_CTX_new_from_pkey(nullptr, pkey.get(), nullptr), "new key context"));
    if (EVP_PKEY_check(context.get()) != 1) {
      ERR_clear_error();
      return nullptr;
    }
  }
  return std::unique_ptr<Implementation>(new Implementation(std::move(*key), std::move(pkey)));
}

Bytes Identity::Implementation::sign(ByteView statement) {
  return public_key_.algorithm == KeyAlgorithm::ed25519 ? sign_ed25519(statement) : sign_p256(statement);
}

Bytes Identity::Implementation::sign_ed25519(ByteView statement) {
  Context context = spare_.take();
  EVP_PKEY* first_use = nullptr;  // without a key the context keeps the one it has and only starts anew
  if (!context.digest) {
    context.digest.reset(openssl_must_have(EVP_MD_CTX_new(), "new digest context"));
    first_use = pkey_.get();
  }
  Bytes signature(ed25519_signature_bytes, '\0');
  std::size_t size = signature.size();
  openssl_must(EVP_DigestSignInit(context.digest.get(), nullptr, nullptr, nullptr, first_use) == 1 &&
                   EVP_DigestSign(context.digest.get(), unsigned_data(signature), &size, unsigned_data(statement),
                                  statement.size()) == 1 &&
                   size == ed25519_signature_bytes,
               "Ed25519 signature");
  spare_.give_back(std::move(context));
  return signature;
}

Bytes Identity::Implementation::sign_p256(ByteView statement) {
  Context context = spare_.take();
  if (!context.pkey) {
    context.digest.reset(openssl_must_have(EVP_MD_CTX_new(), "new digest context"));
    context.pkey.reset(
        openssl_must_have(EVP_PKEY_CTX_new_from_pkey(nullptr, pkey_.get(), nullptr), "new signing context"));
    openssl_must(EVP_PKEY_sign_init(context.pkey.get()) == 1, "start signing");
  }
  std::array<unsigned char, Digest::size_bytes> digest{};
  Bytes der(p256_signature_bytes_max, '\0');
  std::size_t size = der.size();
  openssl_must(EVP_DigestInit_ex2(context.digest.get(), fetched_sha256(), nullptr) == 1 &&
                   EVP_DigestUpdate(context.digest.get(), statement.data(), statement.size()) == 1 &&
                   EVP_DigestFinal_ex(context.digest.get(), digest.data(), nullptr) == 1 &&
                   EVP_PKEY_sign(context.pkey.get(), unsigned_data(der), &size, digest.data(), digest.size()) == 1,
               "P-256 signature");
  spare_.give_back(std::move(context));
  der.resize(size);
  std::optional<P256Signature> signature = p256_signature_from_der(der);
  openssl_must(signature.has_value(), "P-256 signature in strict DER");
  p256_normalise(*signature);
  return p256_signature_to_der(*signature);
}

Identity::Identity(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}
Identity::Identity(Identity&&) noexcept = default;
Identity& Identity::operator=(Identity&&) noexcept = default;
Identity::~Identity() = default;

Identity Identity::generate(KeyAlgorithm algorithm) {
  PkeyHandle pkey(algorithm == KeyAlgorithm::ed25519 ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                                                     : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  openssl_must(pkey != nullptr, "key generation");
  std::unique_ptr<Implementation> implementation = Implementation::adopt(std::move(pkey));
  openssl_must(implementation != nullptr, "a generated key is a valid one");
  return Identity(std::move(implementation));
}

const PublicKey& Identity::public_key() const { return implementation_->public_key(); }

Bytes Identity::sign(ByteView statement) const { return implementation_->sign(statement); }

}  // namespace tagma::crypto
