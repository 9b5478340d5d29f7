#include "test/unit/messages/allocation_meter.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> total{0};

}  // namespace

// Replacing the global operators is what malloc is for.
// NOLINTBEGIN(cppcoreguidelines-no-malloc)
void* operator new(std::size_t size) {
  total += size;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

// The form that does not throw as well: whatever operator delete frees must come from malloc.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  total += size;
  return std::malloc(size == 0 ? 1 : size);
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
// NOLINTEND(cppcoreguidelines-no-malloc)

namespace tagma::test {

std::size_t allocated_bytes() { return total.load(); }

}  // namespace tagma::test
