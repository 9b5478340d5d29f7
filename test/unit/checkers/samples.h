// Values for the oracles to judge.
#pragma once

#include "tagma/bytes.h"

namespace tagma::checkers {

inline Digest digest_of(std::uint8_t byte) {
  Digest digest;
  digest.bytes.fill(byte);
  return digest;
}

}  // namespace tagma::checkers
