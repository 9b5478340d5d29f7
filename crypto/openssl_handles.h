// Private to this room: owners for OpenSSL's objects, and what to do when OpenSSL itself fails.
#pragma once

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "messages/assert.h"
#include "tagma/bytes.h"

namespace tagma::crypto {

/// Frees an OpenSSL object with its own function.
template <auto free_function>
struct OpensslDeleter {
  template <typename Object>
  void operator()(Object* object) const {
    free_function(object);
  }
};

using BioHandle = std::unique_ptr<BIO, OpensslDeleter<BIO_free_all>>;
using BignumHandle = std::unique_ptr<BIGNUM, OpensslDeleter<BN_clear_free>>;
using BignumContextHandle = std::unique_ptr<BN_CTX, OpensslDeleter<BN_CTX_free>>;
using DigestContextHandle = std::unique_ptr<EVP_MD_CTX, OpensslDeleter<EVP_MD_CTX_free>>;
using KdfContextHandle = std::unique_ptr<EVP_KDF_CTX, OpensslDeleter<EVP_KDF_CTX_free>>;
using MacContextHandle = std::unique_ptr<EVP_MAC_CTX, OpensslDeleter<EVP_MAC_CTX_free>>;
using PkeyHandle = std::unique_ptr<EVP_PKEY, OpensslDeleter<EVP_PKEY_free>>;
using PkeyContextHandle = std::unique_ptr<EVP_PKEY_CTX, OpensslDeleter<EVP_PKEY_CTX_free>>;

/// OpenSSL's own services (hashing, allocation, randomness) do not fail for any input; when they do all the same, going
/// on would mean unauthenticated messages. Stays on in every build, unlike TAGMA_ASSERT.
inline void openssl_must(bool succeeded, std::string_view what) {
  if (!succeeded) {
    assertion_failed("OpenSSL call succeeded", what, "crypto", 0);
  }
}

/// The same for calls that return an object.
template <typename Object>
[[nodiscard]] Object* openssl_must_have(Object* object, std::string_view what) {
  openssl_must(object != nullptr, what);
  return object;
}

inline const unsigned char* unsigned_data(ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
inline unsigned char* unsigned_data(Bytes& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

/// Secret bytes of a fixed size, wiped on destruction. Neither copied nor moved, so no copy is left behind.
template <std::size_t size>
class SecretArray {
 public:
  SecretArray() = default;
  SecretArray(const SecretArray&) = delete;
  SecretArray& operator=(const SecretArray&) = delete;
  ~SecretArray() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

  [[nodiscard]] unsigned char* data() { return bytes_.data(); }
  [[nodiscard]] const unsigned char* data() const { return bytes_.data(); }
  [[nodiscard]] static constexpr std::size_t size_bytes() { return size; }

 private:
  std::array<unsigned char, size> bytes_{};
};

/// Prepared contexts that are lent out, so that const signing and verification may run on several threads: each call
/// takes a spare context or makes one. Holds at most as many as there ever were calls at once.
template <typename Context>
class SpareContexts {
 public:
  /// A spare context, or an empty one that the caller fills.
  [[nodiscard]] Context take() {
    const std::lock_guard lock(mutex_);
    if (spare_.empty()) {
      return Context();
    }
    Context context = std::move(spare_.back());
    spare_.pop_back();
    return context;
  }
  void give_back(Context context) {
    const std::lock_guard lock(mutex_);
    spare_.push_back(std::move(context));
  }

 private:
  std::mutex mutex_;
  std::vector<Context> spare_;
};

/// SHA-256, fetched once for the whole process. Never freed: it must outlive every static object that hashes.
[[nodiscard]] const EVP_MD* fetched_sha256();

}  // namespace tagma::crypto
