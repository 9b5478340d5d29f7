// Assertions on our own promises. They stay on in release builds: a replica that finds its own invariant
// broken stops, which the protocol tolerates, instead of going on with a wrong state, which it does not.
#pragma once

#include <string_view>

namespace tagma {

/// Reports the broken promise on standard error and aborts.
[[noreturn]] void assertion_failed(std::string_view condition, std::string_view why, std::string_view file, int line);

}  // namespace tagma

#if defined(TAGMA_MUTANTS) && !defined(__clang_analyzer__)
// In the mutants' build the oracles must find the bug by themselves, so our own assertions are off. The analyser reads
// that build too, and believes what is asserted.
#define TAGMA_ASSERT(condition, why) static_cast<void>(condition)
#else
#define TAGMA_ASSERT(condition, why) \
  ((condition) ? static_cast<void>(0) : ::tagma::assertion_failed(#condition, why, __FILE__, __LINE__))
#endif
