// Takes choices off the front of a fuzz input. When the input is spent every further choice is the first one (zero, no,
// nothing), so that each input means something and a shorter one means less.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include "tagma/bytes.h"

namespace tagma::fuzz {

class Input {
 public:
  explicit Input(ByteView bytes) : left_(bytes) {}

  [[nodiscard]] bool empty() const { return left_.empty(); }
  [[nodiscard]] ByteView rest() const { return left_; }

  std::uint8_t byte() {
    if (left_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(left_.front());
    left_.remove_prefix(1);
    return value;
  }

  bool flag() { return (byte() & 1U) != 0; }

  /// Below `bound`, which is not 0.
  std::size_t below(std::size_t bound) {
    std::size_t value = byte();
    if (bound > 0x100) value |= std::size_t{byte()} << 8U;
    if (bound > 0x10000) value |= std::size_t{byte()} << 16U;
    return value % bound;
  }

  /// Any number, those at the edges of ranges more often than others.
  std::uint64_t number() {
    constexpr auto max = std::numeric_limits<std::uint64_t>::max();
    const auto kind = byte();
    switch (kind % 8) {
      case 0: return 0;
      case 1: return 1;
      case 2: return max - kind / 8;
      case 3: return max / 2 + kind / 8;
      case 4: return (std::uint64_t{1} << 32U) - 1 + kind / 8;
      case 5: return max / 3 + kind / 8;
      case 6: return byte();
      default: break;
    }
    std::uint64_t value = 0;
    for (std::uint32_t shift = 0; shift < 64; shift += 8) value |= std::uint64_t{byte()} << shift;
    return value;
  }

  /// A size around a limit or a small one.
  std::size_t size_around(std::size_t limit) {
    const auto kind = byte();
    switch (kind % 8) {
      case 0: return 0;
      case 1: return 1;
      case 2: return limit - 1;
      case 3: return limit;
      case 4: return limit + 1;
      case 5: return limit / 2 + kind / 8;
      default: return std::min<std::size_t>(limit + 1, kind / 8);
    }
  }

  /// Up to `max` bytes: the length (one byte, two where `max` needs them), then the bytes, as far as there are any.
  Bytes bytes(std::size_t max) {
    const auto wanted = below(max + 1);  // first, since it takes from what is left
    const auto size = std::min(wanted, left_.size());
    Bytes taken(left_.substr(0, size));
    left_.remove_prefix(size);
    return taken;
  }

  Digest digest() {
    Digest digest;
    digest.bytes.fill(byte());
    digest.bytes.back() = byte();
    return digest;
  }

 private:
  ByteView left_;
};

}  // namespace tagma::fuzz
