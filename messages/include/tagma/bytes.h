/**
 * @file
 * @brief Byte strings and digests: the two shapes in which data is handed over.
 *
 * Everything here is a value or a pure function: safe from any thread, and nothing throws but `std::bad_alloc`.
 */
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tagma/api.h"

namespace tagma {

/// A binary-safe byte string. Comparison is unsigned and lexicographic, which is the order of the replicated state.
using Bytes = std::string;

/// A borrowed byte string; whoever hands it out keeps it alive for the call only. Copy what is to be kept.
using ByteView = std::string_view;

/// Immutable bytes with shared ownership: the exact bytes of a signed or hashed message, never re-encoded.
using SharedBytes = std::shared_ptr<const Bytes>;

/// A SHA-256 digest. A default-constructed one is all zero, which is the digest of nothing known.
struct Digest {
  static constexpr std::size_t size_bytes = 32;  ///< bytes of every digest

  std::array<std::uint8_t, size_bytes> bytes{};  ///< the digest, in the order in which SHA-256 puts it out

  /// Compares as unsigned bytes, first to last.
  auto operator<=>(const Digest&) const = default;

  /// The digest as borrowed bytes; valid while this object lives.
  [[nodiscard]] ByteView view() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
};

/**
 * Lower-case hexadecimal of any bytes, for a person to read.
 *
 * @param bytes  any number of any bytes
 * @return two digits for each byte
 */
[[nodiscard]] TAGMA_API std::string to_hex(ByteView bytes);

/**
 * The bytes of a hexadecimal text.
 *
 * @param text      pairs of digits, in either case; nothing before, between or behind them
 * @param[out] out  the bytes; empty where `text` is not of that kind
 * @return whether `text` is of that kind
 */
[[nodiscard]] TAGMA_API bool from_hex(std::string_view text, Bytes& out);

/**
 * Copies bytes into a digest.
 *
 * @param bytes     exactly Digest::size_bytes bytes
 * @param[out] out  the digest; left as it is where `bytes` has another size
 * @return whether `bytes` has that size
 */
[[nodiscard]] TAGMA_API bool digest_from_bytes(ByteView bytes, Digest& out);

}  // namespace tagma
