#include "crypto/signature_rules.h"

#include <algorithm>

#include "crypto/openssl_handles.h"

namespace tagma::crypto {
namespace {

using Scalar = std::array<std::uint8_t, 32>;

// Big-endian, so that comparing the arrays compares the numbers.
constexpr Scalar ed25519_prime = {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xed};
constexpr Scalar ed25519_order = {0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                                  0x00, 0x00, 0x00, 0x00, 0x00, 0x14, 0xde, 0xf9, 0xde, 0xa2, 0xf7,
                                  0x9c, 0xd6, 0x58, 0x12, 0x63, 0x1a, 0x5c, 0xf5, 0xd3, 0xed};
/// d of the curve -x^2 + y^2 = 1 + d x^2 y^2.
constexpr const char* ed25519_d_hex = "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3";
constexpr const char* ed25519_prime_hex = "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed";

/// The y of the points of order 1, 2, 4 and 8 (two values), big-endian.
constexpr Scalar small_order_one = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
constexpr Scalar small_order_two = {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xec};
constexpr Scalar small_order_four = {};
constexpr Scalar small_order_eight_a = {0x05, 0xfc, 0x53, 0x6d, 0x88, 0x02, 0x38, 0xb1, 0x39, 0x33, 0xc6,
                                        0xd3, 0x05, 0xac, 0xdf, 0xd5, 0xf0, 0x98, 0xef, 0xf2, 0x89, 0xf4,
                                        0xc3, 0x45, 0xb0, 0x27, 0xb2, 0xc2, 0x8f, 0x95, 0xe8, 0x26};
constexpr Scalar small_order_eight_b = {0x7a, 0x03, 0xac, 0x92, 0x77, 0xfd, 0xc7, 0x4e, 0xc6, 0xcc, 0x39,
                                        0x2c, 0xfa, 0x53, 0x20, 0x2a, 0x0f, 0x67, 0x10, 0x0d, 0x76, 0x0b,
                                        0x3c, 0xba, 0x4f, 0xd8, 0x4d, 0x3d, 0x70, 0x6a, 0x17, 0xc7};

constexpr Scalar p256_prime = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,
                               0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff,
                               0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
constexpr Scalar p256_order = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
                               0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                               0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
constexpr Scalar p256_half_order = {0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b,
                                    0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8};

/// The little-endian 32 bytes as a big-endian number.
Scalar from_little_endian(ByteView bytes) {
  Scalar result;
  std::transform(bytes.rbegin(), bytes.rend(), result.begin(), [](char c) { return static_cast<std::uint8_t>(c); });
  return result;
}

/// The y coordinate without the sign bit.
Scalar y_of(ByteView point) {
  Scalar y = from_little_endian(point);
  y[0] &= 0x7f;
  return y;
}

bool sign_bit(ByteView point) { return (static_cast<std::uint8_t>(point.back()) & 0x80U) != 0; }

bool is_zero(const Scalar& scalar) { return scalar == Scalar{}; }

/// One DER INTEGER at `position`, which is moved behind it.
bool read_der_integer(ByteView der, std::size_t& position, Scalar& value) {
  const auto byte_at = [der](std::size_t index) { return static_cast<std::uint8_t>(der[index]); };
  if (der.size() - position < 3 || byte_at(position) != 0x02) {
    return false;
  }
  const std::size_t length = byte_at(position + 1);
  position += 2;
  if (length == 0 || length > p256_scalar_bytes + 1 || length > der.size() - position) {
    return false;
  }
  const bool padded = byte_at(position) == 0;
  if ((byte_at(position) & 0x80U) != 0) {
    return false;  // negative
  }
  if (padded && length > 1 && (byte_at(position + 1) & 0x80U) == 0) {
    return false;  // not the shortest form
  }
  const std::size_t skipped = padded ? 1 : 0;
  const std::size_t digits = length - skipped;
  if (digits > p256_scalar_bytes) {
    return false;
  }
  value = Scalar{};
  for (std::size_t i = 0; i < digits; ++i) {
    value[p256_scalar_bytes - digits + i] = byte_at(position + skipped + i);
  }
  position += length;
  return true;
}

void append_der_integer(Bytes& der, const Scalar& value) {
  auto first = std::find_if(value.begin(), value.end(), [](std::uint8_t byte) { return byte != 0; });
  if (first == value.end()) {
    --first;  // zero is one zero byte
  }
  const bool needs_padding = (*first & 0x80U) != 0;
  const auto digits = static_cast<std::size_t>(value.end() - first);
  der.push_back('\x02');
  der.push_back(static_cast<char>(digits + (needs_padding ? 1 : 0)));
  if (needs_padding) {
    der.push_back('\0');
  }
  der.append(first, value.end());
}

}  // namespace

bool ed25519_point_canonical(ByteView point) {
  if (point.size() != ed25519_key_bytes) {
    return false;
  }
  const Scalar y = y_of(point);
  if (y >= ed25519_prime) {
    return false;
  }
  const bool x_is_zero = y == small_order_one || y == small_order_two;
  return !(x_is_zero && sign_bit(point));
}

bool ed25519_point_small_order(ByteView point) {
  if (point.size() != ed25519_key_bytes) {
    return false;
  }
  const Scalar y = y_of(point);
  return y == small_order_one || y == small_order_two || y == small_order_four || y == small_order_eight_a ||
         y == small_order_eight_b;
}

bool ed25519_point_on_curve(ByteView point) {
  if (point.size() != ed25519_key_bytes) {
    return false;
  }
  const Scalar y_bytes = y_of(point);
  const BignumContextHandle context(openssl_must_have(BN_CTX_new(), "new bignum context"));
  const BignumHandle y(openssl_must_have(BN_bin2bn(y_bytes.data(), static_cast<int>(y_bytes.size()), nullptr), "y"));
  BIGNUM* raw = nullptr;
  openssl_must(BN_hex2bn(&raw, ed25519_d_hex) != 0, "the curve's d");
  const BignumHandle d(raw);
  raw = nullptr;
  openssl_must(BN_hex2bn(&raw, ed25519_prime_hex) != 0, "the field's prime");
  const BignumHandle prime(raw);
  const BignumHandle y_squared(openssl_must_have(BN_new(), "bignum"));
  const BignumHandle numerator(openssl_must_have(BN_new(), "bignum"));
  const BignumHandle denominator(openssl_must_have(BN_new(), "bignum"));
  const BignumHandle product(openssl_must_have(BN_new(), "bignum"));
  // x^2 = (y^2 - 1) / (d y^2 + 1): a quotient is a square exactly where the product is.
  openssl_must(BN_mod_sqr(y_squared.get(), y.get(), prime.get(), context.get()) == 1 &&
                   BN_mod_sub(numerator.get(), y_squared.get(), BN_value_one(), prime.get(), context.get()) == 1 &&
                   BN_mod_mul(denominator.get(), y_squared.get(), d.get(), prime.get(), context.get()) == 1 &&
                   BN_mod_add(denominator.get(), denominator.get(), BN_value_one(), prime.get(), context.get()) == 1 &&
                   BN_mod_mul(product.get(), numerator.get(), denominator.get(), prime.get(), context.get()) == 1,
               "field arithmetic");
  const int symbol = BN_kronecker(product.get(), prime.get(), context.get());
  openssl_must(symbol >= -1, "Kronecker symbol");
  return symbol >= 0;
}

bool ed25519_signature_acceptable(ByteView signature) {
  return signature.size() == ed25519_signature_bytes &&
         from_little_endian(signature.substr(ed25519_key_bytes)) < ed25519_order &&
         ed25519_point_canonical(signature.substr(0, ed25519_key_bytes));
}

bool p256_key_encoding_acceptable(ByteView key) {
  if (key.size() != p256_key_bytes || (key[0] != '\x02' && key[0] != '\x03')) {
    return false;
  }
  Scalar x;
  std::transform(key.begin() + 1, key.end(), x.begin(), [](char c) { return static_cast<std::uint8_t>(c); });
  return x < p256_prime;
}

std::optional<P256Signature> p256_signature_from_der(ByteView signature) {
  // The longest signature has 70 bytes of content, so every length is one byte below 0x80.
  if (signature.size() < 8 || signature.size() > p256_signature_bytes_max || signature[0] != '\x30' ||
      static_cast<std::uint8_t>(signature[1]) != signature.size() - 2) {
    return std::nullopt;
  }
  P256Signature result;
  std::size_t position = 2;
  if (!read_der_integer(signature, position, result.r) || !read_der_integer(signature, position, result.s) ||
      position != signature.size()) {
    return std::nullopt;
  }
  return result;
}

Bytes p256_signature_to_der(const P256Signature& signature) {
  Bytes content;
  content.reserve(p256_signature_bytes_max);
  append_der_integer(content, signature.r);
  append_der_integer(content, signature.s);
  Bytes der;
  der.reserve(p256_signature_bytes_max);
  der.push_back('\x30');
  der.push_back(static_cast<char>(content.size()));
  der.append(content);
  return der;
}

bool p256_signature_in_range(const P256Signature& signature) {
  return !is_zero(signature.r) && signature.r < p256_order && !is_zero(signature.s) && signature.s <= p256_half_order;
}

void p256_normalise(P256Signature& signature) {
  if (signature.s <= p256_half_order) {
    return;
  }
  // n - s, digit by digit; s < n, hence no borrow is left at the end.
  int borrow = 0;
  for (std::size_t i = p256_scalar_bytes; i-- > 0;) {
    const int difference = static_cast<int>(p256_order[i]) - static_cast<int>(signature.s[i]) - borrow;
    borrow = difference < 0 ? 1 : 0;
    signature.s[i] = static_cast<std::uint8_t>(difference + borrow * 256);
  }
}

}  // namespace tagma::crypto
