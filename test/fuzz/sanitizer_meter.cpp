// test/unit/messages/allocation_meter.h where the sanitizer owns the heap and operator new cannot be replaced. Counts
// every allocation, whoever makes it.
#include <sanitizer/allocator_interface.h>

#include <atomic>

#include "messages/assert.h"
#include "test/unit/messages/allocation_meter.h"

namespace {

std::atomic<std::size_t> total{0};

void count(const volatile void* /*memory*/, std::size_t size) { total += size; }
void ignore(const volatile void* /*memory*/) {}

bool install() {
  TAGMA_ASSERT(__sanitizer_install_malloc_and_free_hooks(count, ignore) != 0, "the sanitizer takes one more hook");
  return true;
}

}  // namespace

namespace tagma::test {

std::size_t allocated_bytes() {
  static const bool installed = install();
  static_cast<void>(installed);
  return total.load();
}

}  // namespace tagma::test
