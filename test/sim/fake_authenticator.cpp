#include "test/sim/fake_authenticator.h"

#include <cstring>

#include "test/sim/random.h"

namespace tagma::sim {
namespace {

std::uint64_t mix(std::uint64_t left, std::uint64_t right) {
  __extension__ using Wide = unsigned __int128;
  const auto product = static_cast<Wide>(left) * right;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

std::uint64_t load(const char* bytes, std::size_t count) {
  std::uint64_t word = 0;
  for (std::size_t at = 0; at < count; ++at) {
    word |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[at])) << (8 * at);
  }
  return word;
}

Digest spread(std::uint64_t first, std::uint64_t second) {
  Digest digest;
  for (std::size_t word = 0; word < 4; ++word) {
    auto value = word < 2 ? (word == 0 ? first : second) : first + word * second;
    if (word >= 2) value = splitmix64(value);
    for (std::size_t byte = 0; byte < 8; ++byte) {
      digest.bytes[8 * word + byte] = static_cast<std::uint8_t>(value >> (8 * byte));
    }
  }
  return digest;
}

}  // namespace

std::uint64_t fast_hash(std::uint64_t seed, ByteView bytes) {
  constexpr std::uint64_t first = 0xa0761d6478bd642fULL;
  constexpr std::uint64_t second = 0xe7037ed1a0b428dbULL;
  auto hash = mix(seed ^ first, bytes.size() ^ second);
  std::size_t at = 0;
  for (; at + 16 <= bytes.size(); at += 16) {
    hash = mix(load(bytes.data() + at, 8) ^ first ^ hash, load(bytes.data() + at + 8, 8) ^ second) + hash * second;
  }
  const auto rest = bytes.size() - at;
  const auto low = load(bytes.data() + at, rest < 8 ? rest : 8);
  const auto high = rest > 8 ? load(bytes.data() + at + 8, rest - 8) : 0;
  hash = mix(low ^ first ^ hash, high ^ second ^ rest) + hash * second;
  return mix(hash ^ second, first);
}

FakeAuthenticator::FakeAuthenticator(std::uint64_t cluster_secret, const Principal& principal)
    : cluster_secret_(cluster_secret) {
  // As long as a compressed point of P-256, so that sizes are those of the real thing.
  key_.algorithm = KeyAlgorithm::ecdsa_p256;
  key_.bytes = to_string(principal);
  key_.bytes.resize(33, '\0');
}

std::unique_ptr<FakeAuthenticator> FakeAuthenticator::with_written_key(std::uint64_t cluster_secret,
                                                                       const Principal& principal) {
  auto made = std::make_unique<FakeAuthenticator>(cluster_secret, principal);
  made->key_.bytes.front() = '\x02';  // as a compressed point begins
  return made;
}

Digest FakeAuthenticator::digest(ByteView bytes) {
  return spread(fast_hash(0x1f83d9abfb41bd6bULL, bytes), fast_hash(0x5be0cd19137e2179ULL, bytes));
}

Bytes FakeAuthenticator::keyed_hash(const PublicKey& key, ByteView statement) const {
  const auto first = fast_hash(cluster_secret_, key.bytes);
  const auto signature = spread(fast_hash(first, statement), fast_hash(~first, statement));
  Bytes bytes(signature.view());
  bytes.append(signature.view());
  return bytes;
}

Bytes FakeAuthenticator::sign(ByteView statement) { return keyed_hash(key_, statement); }

bool FakeAuthenticator::verify(const PublicKey& key, ByteView statement, ByteView signature) {
  return signature == keyed_hash(key, statement);
}

}  // namespace tagma::sim
