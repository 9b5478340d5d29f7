// Private to this room: which encodings of keys and signatures are accepted, decided here and not by the library, so
// that two replicas with different OpenSSL versions can never disagree about a signature. Pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "tagma/bytes.h"

namespace tagma::crypto {

inline constexpr std::size_t ed25519_key_bytes = 32;
inline constexpr std::size_t ed25519_signature_bytes = 64;
inline constexpr std::size_t p256_key_bytes = 33;
inline constexpr std::size_t p256_scalar_bytes = 32;
inline constexpr std::size_t p256_signature_bytes_max = 72;

/// y below the field's prime, and no sign bit on a point whose x is zero (RFC 8032, 5.1.3).
[[nodiscard]] bool ed25519_point_canonical(ByteView point);
/// One of the eight points whose order divides 8, in canonical encoding: such a key vouches for anything.
[[nodiscard]] bool ed25519_point_small_order(ByteView point);
/// Whether some x belongs to this y, which OpenSSL 3.0 does not ask when it takes a raw key.
[[nodiscard]] bool ed25519_point_on_curve(ByteView point);
/// 64 bytes, R canonical, S below the group's order.
[[nodiscard]] bool ed25519_signature_acceptable(ByteView signature);

/// 33 bytes, 0x02 or 0x03, x below the field's prime. Whether the point exists is left to the library.
[[nodiscard]] bool p256_key_encoding_acceptable(ByteView key);

/// r and s, big-endian, of fixed length.
struct P256Signature {
  std::array<std::uint8_t, p256_scalar_bytes> r{};
  std::array<std::uint8_t, p256_scalar_bytes> s{};
};
/// Strict DER, shortest form, nothing behind it; both integers positive and of at most 32 bytes. No other rule yet.
[[nodiscard]] std::optional<P256Signature> p256_signature_from_der(ByteView signature);
[[nodiscard]] Bytes p256_signature_to_der(const P256Signature& signature);
/// 0 < r < n and 0 < s <= n/2.
[[nodiscard]] bool p256_signature_in_range(const P256Signature& signature);
/// Replaces an s above n/2 by n - s, which is the same signature's other form.
void p256_normalise(P256Signature& signature);

}  // namespace tagma::crypto
