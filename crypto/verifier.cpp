#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>

#include "crypto/identity.h"
#include "crypto/openssl_handles.h"
#include "crypto/signature_rules.h"

namespace tagma::crypto {
namespace {

PkeyHandle ed25519_pkey(const Bytes& key) {
  return PkeyHandle(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, unsigned_data(key), ed25519_key_bytes));
}

PkeyHandle p256_pkey(const Bytes& key) {
  std::array<char, 11> group{"prime256v1"};
  Bytes point = key;  // the library's parameter is not const, though it does not write
  const std::array<OSSL_PARAM, 3> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end()};
  std::array<OSSL_PARAM, 3> writable = parameters;
  const PkeyContextHandle context(
      openssl_must_have(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr), "new key context"));
  EVP_PKEY* pkey = nullptr;
  if (EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &pkey, EVP_PKEY_PUBLIC_KEY, writable.data()) != 1) {
    return nullptr;
  }
  return PkeyHandle(pkey);
}

}  // namespace

class Verifier::Implementation {
 public:
  Implementation(KeyAlgorithm algorithm, PkeyHandle pkey) : algorithm_(algorithm), pkey_(std::move(pkey)) {}

  /// Cheap, version-independent rules first; the library decides only about well-formed signatures.
  bool verify(ByteView statement, ByteView signature) {
    if (algorithm_ == KeyAlgorithm::ed25519) {
      return ed25519_signature_acceptable(signature) && verify_ed25519(statement, signature);
    }
    const std::optional<P256Signature> numbers = p256_signature_from_der(signature);
    return numbers && p256_signature_in_range(*numbers) && verify_p256(statement, signature);
  }

 private:
  struct Context {
    DigestContextHandle digest;
    PkeyContextHandle pkey;
  };

  bool verify_ed25519(ByteView statement, ByteView signature) {
    Context context = spare_.take();
    EVP_PKEY* first_use = nullptr;
    if (!context.digest) {
      context.digest.reset(openssl_must_have(EVP_MD_CTX_new(), "new digest context"));
      first_use = pkey_.get();
    }
    openssl_must(EVP_DigestVerifyInit(context.digest.get(), nullptr, nullptr, nullptr, first_use) == 1,
                 "start verification");
    const bool valid = EVP_DigestVerify(context.digest.get(), unsigned_data(signature), signature.size(),
                                        unsigned_data(statement), statement.size()) == 1;
    spare_.give_back(std::move(context));
    if (!valid) {
      ERR_clear_error();
    }
    return valid;
  }

  bool verify_p256(ByteView statement, ByteView signature) {
    Context context = spare_.take();
    if (!context.pkey) {
      context.digest.reset(openssl_must_have(EVP_MD_CTX_new(), "new digest context"));
      context.pkey.reset(
          openssl_must_have(EVP_PKEY_CTX_new_from_pkey(nullptr, pkey_.get(), nullptr), "new verification context"));
      openssl_must(EVP_PKEY_verify_init(context.pkey.get()) == 1, "start verification");
    }
    std::array<unsigned char, Digest::size_bytes> digest{};
    openssl_must(EVP_DigestInit_ex2(context.digest.get(), fetched_sha256(), nullptr) == 1 &&
                     EVP_DigestUpdate(context.digest.get(), statement.data(), statement.size()) == 1 &&
                     EVP_DigestFinal_ex(context.digest.get(), digest.data(), nullptr) == 1,
                 "SHA-256");
    const bool valid = EVP_PKEY_verify(context.pkey.get(), unsigned_data(signature), signature.size(), digest.data(),
                                       digest.size()) == 1;
    spare_.give_back(std::move(context));
    if (!valid) {
      ERR_clear_error();
    }
    return valid;
  }

  KeyAlgorithm algorithm_;
  PkeyHandle pkey_;
  SpareContexts<Context> spare_;
};

Verifier::Verifier(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}
Verifier::Verifier(Verifier&&) noexcept = default;
Verifier& Verifier::operator=(Verifier&&) noexcept = default;
Verifier::~Verifier() = default;

Result<Verifier> Verifier::make(const PublicKey& key) {
  PkeyHandle pkey;
  switch (key.algorithm) {
    case KeyAlgorithm::ed25519:
      if (key.bytes.size() != ed25519_key_bytes) {
        return Refused{"an Ed25519 public key has 32 bytes"};
      }
      if (!ed25519_point_canonical(key.bytes)) {
        return Refused{"the Ed25519 public key is not in canonical encoding"};
      }
      if (ed25519_point_small_order(key.bytes)) {
        return Refused{"the Ed25519 public key is of small order"};
      }
      if (!ed25519_point_on_curve(key.bytes)) {
        return Refused{"the Ed25519 public key is not a point of the curve"};
      }
      pkey = ed25519_pkey(key.bytes);
      break;
    case KeyAlgorithm::ecdsa_p256:
      if (!p256_key_encoding_acceptable(key.bytes)) {
        return Refused{"the P-256 public key is not a compressed point of 33 bytes in canonical encoding"};
      }
      pkey = p256_pkey(key.bytes);
      break;
  }
  if (!pkey) {
    ERR_clear_error();
    return Refused{"the public key is not a point of its curve"};
  }
  return Verifier(std::make_unique<Implementation>(key.algorithm, std::move(pkey)));
}

bool Verifier::verify(ByteView statement, ByteView signature) const {
  return implementation_->verify(statement, signature);
}

}  // namespace tagma::crypto
