#include "crypto/digest.h"

#include <openssl/rand.h>

#include <limits>

#include "crypto/openssl_handles.h"

namespace tagma::crypto {

const EVP_MD* fetched_sha256() {
  static const EVP_MD* const sha256 = openssl_must_have(EVP_MD_fetch(nullptr, "SHA256", nullptr), "fetch SHA-256");
  return sha256;
}

class Hasher::Implementation {
 public:
  Implementation() : context_(openssl_must_have(EVP_MD_CTX_new(), "new digest context")) {
    openssl_must(EVP_DigestInit_ex2(context_.get(), fetched_sha256(), nullptr) == 1, "start SHA-256");
  }

  Digest digest(ByteView bytes) {
    Digest result;
    // Without a type the context keeps its algorithm and only starts anew, which is the fast way.
    openssl_must(EVP_DigestInit_ex2(context_.get(), nullptr, nullptr) == 1 &&
                     EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1 &&
                     EVP_DigestFinal_ex(context_.get(), result.bytes.data(), nullptr) == 1,
                 "SHA-256");
    return result;
  }

 private:
  DigestContextHandle context_;
};

Hasher::Hasher() : implementation_(std::make_unique<Implementation>()) {}
Hasher::~Hasher() = default;

Digest Hasher::digest(ByteView bytes) { return implementation_->digest(bytes); }

Bytes random_bytes(std::size_t size) {
  openssl_must(size <= static_cast<std::size_t>(std::numeric_limits<int>::max()), "random bytes: size");
  Bytes result(size, '\0');
  openssl_must(RAND_bytes(unsigned_data(result), static_cast<int>(size)) == 1, "random bytes");
  return result;
}

}  // namespace tagma::crypto
