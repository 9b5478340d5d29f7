// Counts what this executable takes from the heap through operator new, to show that refusals come before allocation.
#pragma once

#include <cstddef>

namespace tagma::test {

/// Bytes that operator new has handed out since the program's start; given back ones are not subtracted.
[[nodiscard]] std::size_t allocated_bytes();

}  // namespace tagma::test
