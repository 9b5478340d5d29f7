// The SHA-256 functions that OpenSSL 3 has for compatibility.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "crypto/digest.h"

#include <openssl/rand.h>
#include <openssl/sha.h>

#include <limits>

#include "crypto/openssl_handles.h"

namespace tagma::crypto {

const EVP_MD* fetched_sha256() {
  static const EVP_MD* const sha256 = openssl_must_have(EVP_MD_fetch(nullptr, "SHA256", nullptr), "fetch SHA-256");
  return sha256;
}

Digest Hasher::digest(ByteView bytes) const {
  // Through EVP each start takes its context from the allocator and gives one back, which for a short message costs
  // more than to hash it (docs/performance.md).
  Digest result;
  SHA256_CTX context;
  openssl_must(SHA256_Init(&context) == 1 && SHA256_Update(&context, bytes.data(), bytes.size()) == 1 &&
                   SHA256_Final(result.bytes.data(), &context) == 1,
               "SHA-256");
  return result;
}

Bytes random_bytes(std::size_t size) {
  openssl_must(size <= static_cast<std::size_t>(std::numeric_limits<int>::max()), "random bytes: size");
  Bytes result(size, '\0');
  openssl_must(RAND_bytes(unsigned_data(result), static_cast<int>(size)) == 1, "random bytes");
  return result;
}

}  // namespace tagma::crypto
