// SHA-256, and randomness.
#pragma once

#include "tagma/bytes.h"

namespace tagma::crypto {

/// SHA-256 for whoever hashes much: short messages above all. Keeps nothing; any thread may use it.
class Hasher {
 public:
  [[nodiscard]] Digest digest(ByteView bytes) const;
};

/// Fills `size` bytes from the system's random generator; aborts if it fails.
[[nodiscard]] Bytes random_bytes(std::size_t size);

}  // namespace tagma::crypto
