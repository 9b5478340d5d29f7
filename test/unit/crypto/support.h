// What the tests of this room share.
#pragma once

#include <doctest/doctest.h>

#include <string_view>
#include <vector>

#include "crypto/channel.h"
#include "crypto/digest.h"

namespace tagma::crypto::test {

inline Bytes hex(std::string_view text) {
  Bytes bytes;
  REQUIRE(from_hex(text, bytes));
  return bytes;
}

inline Body body(ByteView bytes) { return Body{bytes, Hasher().digest(bytes)}; }

/// Cluster id 00 01 02 ... 1f.
inline ClusterId counting_cluster() {
  ClusterId cluster;
  for (std::size_t i = 0; i < Digest::size_bytes; ++i) {
    cluster.bytes[i] = static_cast<std::uint8_t>(i);
  }
  return cluster;
}

inline constexpr ChannelEnd client_seven{{PrincipalKind::client, 7}, 0};
inline constexpr ChannelEnd replica_two{{PrincipalKind::replica, 2}, 5};

/// The record with one bit of one byte turned.
inline Bytes flipped(ByteView record, std::size_t position, unsigned bit = 0) {
  Bytes changed(record);
  changed[position] = static_cast<char>(static_cast<std::uint8_t>(changed[position]) ^ (1U << bit));
  return changed;
}

/// A small deterministic generator: the tests' random bytes are the same in every run.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t value = state_;
    value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31U);
  }
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(next() % bound); }
  Bytes bytes(std::size_t size) {
    Bytes result(size, '\0');
    for (char& byte : result) {
      byte = static_cast<char>(static_cast<std::uint8_t>(next()));
    }
    return result;
  }

 private:
  std::uint64_t state_;
};

}  // namespace tagma::crypto::test
