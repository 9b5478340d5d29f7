// What the tests of this room compare with: SHA-256 straight from OpenSSL, plain maps, seeded chance.
#pragma once

#include <openssl/sha.h>

#include <map>
#include <random>
#include <string>

#include "tagma/bytes.h"

namespace tagma {

using Model = std::map<Bytes, Bytes>;

inline Digest sha256(ByteView bytes) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.bytes.data());
  return digest;
}

/// Chance from a seed: the same on every machine.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : engine_(seed) {}

  /// 0..bound-1.
  std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }

  /// One of `kinds` keys, of differing lengths, with zero and high bytes among them and prefixes of one another.
  Bytes key(std::uint64_t kinds) {
    const std::uint64_t pick = below(kinds);
    Bytes key(1, static_cast<char>('a' + pick % 3));
    if (pick / 3 % 3 != 0) key.push_back('\0');
    if (pick / 3 % 3 == 2) key.push_back('\xff');
    if (pick >= 9) key += std::to_string(pick / 9);
    return key;
  }

  Bytes value() { return Bytes(below(5) * 9, 'v') + std::to_string(below(1000)); }

 private:
  std::mt19937_64 engine_;
};

}  // namespace tagma
