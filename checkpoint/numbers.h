// Numbers on disk: unsigned, little-endian. Private to the room.
#pragma once

#include <cstdint>

#include "tagma/bytes.h"

namespace tagma {

/// To `to`, which has room for it.
template <typename Number>
void write_number(char* to, Number number) {
  for (std::size_t at = 0; at < sizeof number; ++at) {
    to[at] = static_cast<char>(static_cast<std::uint8_t>(number >> (8 * at)));
  }
}

template <typename Number>
void append_number(Bytes& bytes, Number number) {
  char encoded[sizeof number];
  write_number(encoded, number);
  bytes.append(encoded, sizeof encoded);
}

/// The caller has checked that they are there.
template <typename Number>
[[nodiscard]] Number read_number(ByteView bytes, std::size_t from) {
  Number number = 0;
  for (std::size_t at = 0; at < sizeof number; ++at) {
    const auto byte = static_cast<Number>(static_cast<unsigned char>(bytes[from + at]));
    number = static_cast<Number>(number | static_cast<Number>(byte << (8 * at)));
  }
  return number;
}

}  // namespace tagma
