// SHA-256 with the implementation fetched once (an implicit fetch per call costs more than hashing a short message).
#pragma once

#include <memory>

#include "tagma/bytes.h"

namespace tagma::crypto {

/// A reusable SHA-256 context. Not thread-safe.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  [[nodiscard]] Digest digest(ByteView bytes);

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

/// Fills `size` bytes from the system's random generator; aborts if it fails.
[[nodiscard]] Bytes random_bytes(std::size_t size);

}  // namespace tagma::crypto
