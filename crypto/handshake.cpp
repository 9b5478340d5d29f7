#include "crypto/handshake.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>

#include "crypto/digest.h"

namespace tagma::crypto {
namespace {

constexpr std::string_view hello_domain = "tagma channel HELLO v1";
constexpr std::string_view accept_domain = "tagma channel ACCEPT v1";
constexpr std::string_view keys_domain = "tagma channel keys v1";

/// The name with its closing zero byte, which no other name can continue.
Bytes with_domain(std::string_view domain, ByteView content) {
  Bytes statement;
  statement.reserve(domain.size() + 1 + content.size());
  statement.append(domain);
  statement.push_back('\0');
  statement.append(content);
  return statement;
}

void append_public_key(Bytes& info, const PublicKey& key) {
  info.push_back(static_cast<char>(key.algorithm));
  info.push_back(static_cast<char>(key.bytes.size()));
  info.append(key.bytes);
}

}  // namespace

EphemeralSecret::EphemeralSecret()
    : pkey_(openssl_must_have(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"), "ephemeral key generation")) {
  std::size_t size = public_half_.size();
  openssl_must(EVP_PKEY_get_raw_public_key(pkey_.get(), public_half_.data(), &size) == 1 && size == public_half_.size(),
               "ephemeral public key");
}

bool EphemeralSecret::derive(const EphemeralKey& remote, Shared& shared) const {
  const PkeyHandle peer(
      openssl_must_have(EVP_PKEY_new_raw_public_key_ex(nullptr, "X25519", nullptr, remote.data(), remote.size()),
                        "remote ephemeral key"));
  const PkeyContextHandle context(
      openssl_must_have(EVP_PKEY_CTX_new_from_pkey(nullptr, pkey_.get(), nullptr), "new key agreement context"));
  openssl_must(EVP_PKEY_derive_init(context.get()) == 1, "start key agreement");
  std::size_t size = Shared::size_bytes();
  if (EVP_PKEY_derive_set_peer_ex(context.get(), peer.get(), 0) != 1 ||
      EVP_PKEY_derive(context.get(), shared.data(), &size) != 1 || size != Shared::size_bytes()) {
    ERR_clear_error();
    return false;
  }
  // The library refuses an all-zero result too, today; the rule is ours.
  const SecretArray<Shared::size_bytes()> zero;
  return CRYPTO_memcmp(shared.data(), zero.data(), Shared::size_bytes()) != 0;
}

void derive_channel_keys(const EphemeralSecret::Shared& shared, const KeyBinding& binding, ChannelKeys& keys) {
  TAGMA_ASSERT(binding.hello.size() > hello_signed_bytes && binding.accept_statement.size() == accept_signed_bytes,
               "both records are complete");
  Bytes transcript(binding.hello);
  transcript.append(binding.accept_statement);
  Hasher hasher;
  Digest salt = hasher.digest(transcript);

  Bytes info = with_domain(keys_domain, {});
  append_public_key(info, binding.initiator_key);
  append_public_key(info, binding.acceptor_key);
  // Cluster, epoch, both ends, the initiator's ephemeral key and nonce; then the acceptor's, and the channel id.
  info.append(binding.hello.substr(record_prefix_bytes, hello_signed_bytes - record_prefix_bytes));
  info.append(binding.accept_statement.substr(record_header_bytes));

  static EVP_KDF* const hkdf = openssl_must_have(EVP_KDF_fetch(nullptr, "HKDF", nullptr), "fetch HKDF");
  const KdfContextHandle context(openssl_must_have(EVP_KDF_CTX_new(hkdf), "new HKDF context"));
  std::array<char, 7> digest_name{"SHA256"};
  // OSSL_PARAM wants writable places although a derivation only reads them.
  auto* secret = const_cast<unsigned char*>(shared.data());
  const std::array<OSSL_PARAM, 5> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest_name.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret, EphemeralSecret::Shared::size_bytes()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt.bytes.data(), salt.bytes.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()), OSSL_PARAM_construct_end()};
  SecretArray<2 * FrameKey::size_bytes()> output;
  openssl_must(EVP_KDF_derive(context.get(), output.data(), decltype(output)::size_bytes(), parameters.data()) == 1,
               "HKDF");
  std::copy_n(output.data(), FrameKey::size_bytes(), keys.to_acceptor.data());
  std::copy_n(output.data() + FrameKey::size_bytes(), FrameKey::size_bytes(), keys.to_initiator.data());
}

Bytes hello_statement(ByteView signed_part) { return with_domain(hello_domain, signed_part); }
Bytes accept_statement(ByteView signed_part) { return with_domain(accept_domain, signed_part); }

}  // namespace tagma::crypto
