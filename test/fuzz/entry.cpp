// The function that libFuzzer calls. An exception that leaves the target ends the process, which is a finding.
#include <cstddef>
#include <cstdint>

#include "test/fuzz/target.h"

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer gives the name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tagma::fuzz::judge({reinterpret_cast<const char*>(data), size});
  return 0;
}
