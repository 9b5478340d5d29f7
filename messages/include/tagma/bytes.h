// Byte strings and digests: the two shapes in which every room hands data to another.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tagma/api.h"

namespace tagma {

/// A binary-safe byte string. Comparison is unsigned and lexicographic, which is the order of the replicated state.
using Bytes = std::string;

/// A borrowed byte string; whoever hands it out keeps it alive for the call only.
using ByteView = std::string_view;

/// Immutable bytes with shared ownership: the exact bytes of a signed or hashed message, never re-encoded.
using SharedBytes = std::shared_ptr<const Bytes>;

/// A SHA-256 digest.
struct Digest {
  static constexpr std::size_t size_bytes = 32;

  std::array<std::uint8_t, size_bytes> bytes{};

  auto operator<=>(const Digest&) const = default;

  /// The digest as borrowed bytes; valid while this object lives.
  [[nodiscard]] ByteView view() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
};

/// Lower-case hexadecimal of any bytes; used for logs, files and golden vectors.
[[nodiscard]] TAGMA_API std::string to_hex(ByteView bytes);

/// The bytes of a hexadecimal text (either case). Returns false, leaving `out` empty, unless every pair is valid.
[[nodiscard]] TAGMA_API bool from_hex(std::string_view text, Bytes& out);

/// Copies exactly 32 bytes into a digest; false if `bytes` has another size.
[[nodiscard]] TAGMA_API bool digest_from_bytes(ByteView bytes, Digest& out);

}  // namespace tagma
