#include "crypto/authenticator.h"

namespace tagma::crypto {
namespace {

/// Far above any membership; reached only after very many changes of keys, when it is cheap to prepare them anew.
constexpr std::size_t prepared_keys_max = 4096;

}  // namespace

OpensslAuthenticator::OpensslAuthenticator(const Identity& identity) : identity_(identity) {}
OpensslAuthenticator::~OpensslAuthenticator() = default;

Digest OpensslAuthenticator::digest(ByteView bytes) { return hasher_.digest(bytes); }

Bytes OpensslAuthenticator::sign(ByteView statement) { return identity_.sign(statement); }

bool OpensslAuthenticator::verify(const PublicKey& key, ByteView statement, ByteView signature) {
  auto found = verifiers_.find(key);
  if (found == verifiers_.end()) {
    Result<Verifier> verifier = Verifier::make(key);
    if (!verifier) {
      return false;
    }
    if (verifiers_.size() >= prepared_keys_max) {
      verifiers_.clear();
    }
    found = verifiers_.emplace(key, std::make_unique<Verifier>(std::move(*verifier))).first;
  }
  return found->second->verify(statement, signature);
}

}  // namespace tagma::crypto
