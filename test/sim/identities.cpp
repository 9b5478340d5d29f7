#include "test/sim/identities.h"

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>

#include "crypto/authenticator.h"
#include "messages/assert.h"
#include "test/sim/fake_authenticator.h"
#include "test/sim/random.h"

namespace tagma::sim {
namespace {

Bytes base64(ByteView bytes) {
  static constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  Bytes text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t group = 0;
    for (std::size_t byte = 0; byte < 3; ++byte) {
      group = group << 8U | (at + byte < bytes.size() ? static_cast<unsigned char>(bytes[at + byte]) : 0U);
    }
    for (std::size_t letter = 0; letter < 4; ++letter) {
      text.push_back(at + letter > bytes.size() ? '=' : alphabet[group >> (18 - 6 * letter) & 63U]);
    }
  }
  return text;
}

/// An Ed25519 secret in PKCS#8 PEM (RFC 8410): a fixed head and the 32 bytes of the secret. Its signatures are
/// deterministic, so that a run with real cryptography replays exactly too.
Bytes ed25519_pem(Random& random) {
  Bytes der;
  const bool decoded = from_hex("302e020100300506032b657004220420", der);
  TAGMA_ASSERT(decoded, "the head is hexadecimal");
  for (int word = 0; word < 4; ++word) {
    const auto value = random.next();
    for (unsigned byte = 0; byte < 8; ++byte) der.push_back(static_cast<char>(value >> (8 * byte)));
  }
  return "-----BEGIN PRIVATE KEY-----\n" + base64(der) + "\n-----END PRIVATE KEY-----\n";
}

crypto::Identity identity_from(const Bytes& pem) {
  std::string path = "/tmp/tagma-sim-key-XXXXXX";
  const int file = ::mkstemp(path.data());
  TAGMA_ASSERT(file >= 0, "a temporary key file can be made");
  const auto written = ::write(file, pem.data(), pem.size());
  ::close(file);
  auto identity = crypto::Identity::load(path);
  ::unlink(path.c_str());
  TAGMA_ASSERT(written == static_cast<ssize_t>(pem.size()) && identity.ok(), "a key from the seed is a valid key");
  return std::move(*identity);
}

}  // namespace

/// Keeps the real identities alive for their authenticators.
class Identities::RealKeys {
 public:
  explicit RealKeys(std::uint64_t seed) : random_(seed, "keys") {}
  const crypto::Identity& make() {
    identities_.push_back(std::make_unique<crypto::Identity>(identity_from(ed25519_pem(random_))));
    return *identities_.back();
  }

 private:
  Random random_;
  std::vector<std::unique_ptr<crypto::Identity>> identities_;
};

Identities::Identities(const SimOptions& options) {
  if (options.profile == Profile::real_crypto) real_ = std::make_unique<RealKeys>(options.seed);
  Random random(options.seed, "cluster");
  for (auto& byte : membership_.cluster.bytes) byte = static_cast<std::uint8_t>(random.below(256));
  membership_.epoch = 1;
  membership_.faults = options.f;
  for (ReplicaId id = 0; id < options.n; ++id) {
    ReplicaMember member;
    member.id = id;
    member.key = add(options, {PrincipalKind::replica, id});
    membership_.replicas.push_back(std::move(member));
  }
  for (ClientId id = 0; id < options.client.clients + options.faulty_clients; ++id) {
    membership_.clients.push_back({id, add(options, {PrincipalKind::client, id})});
  }
  for (const auto& group : options.groups) {
    for (const auto id : group.definition.members) {
      membership_.clients.push_back({id, add(options, {PrincipalKind::client, id})});
    }
  }
  add_administration(options);
}

void Identities::add_administration(const SimOptions& options) {
  const auto& plan = options.administration;
  if (plan.correct.empty()) return;
  membership_.clients.push_back({plan.probe, add(options, {PrincipalKind::client, plan.probe})});
  newcomer_key_ = add(options, {PrincipalKind::client, plan.newcomer}, true);
  for (AdminId id = 0; id < plan.correct.size(); ++id) {
    membership_.admins.push_back({id, add(options, {PrincipalKind::admin, id})});
  }
}

Identities::~Identities() = default;

PublicKey Identities::add(const SimOptions& options, const Principal& principal, bool written) {
  if (real_) {
    const auto& identity = real_->make();
    authenticators_.emplace(principal, std::make_unique<crypto::OpensslAuthenticator>(identity));
    return identity.public_key();
  }
  auto fake = written ? FakeAuthenticator::with_written_key(options.seed, principal)
                      : std::make_unique<FakeAuthenticator>(options.seed, principal);
  auto key = fake->public_key();
  authenticators_.emplace(principal, std::move(fake));
  return key;
}

Authenticator& Identities::authenticator(const Principal& principal) const { return *authenticators_.at(principal); }

}  // namespace tagma::sim
