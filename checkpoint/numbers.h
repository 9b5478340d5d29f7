// Numbers on disk: unsigned, little-endian. Private to the room.
#pragma once

#include <cstdint>

#include "tagma/bytes.h"

namespace tagma {

template <typename Number>
void append_number(Bytes& bytes, Number number) {
  for (std::size_t at = 0; at < sizeof number; ++at) {
    bytes.push_back(static_cast<char>(static_cast<std::uint8_t>(number >> (8 * at))));
  }
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
