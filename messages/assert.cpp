#include "messages/assert.h"

#include <cstdio>
#include <cstdlib>

namespace tagma {

void assertion_failed(std::string_view condition, std::string_view why, std::string_view file, int line) {
  std::fprintf(stderr, "tagma: broken promise: %.*s (%.*s) at %.*s:%d\n", static_cast<int>(why.size()), why.data(),
               static_cast<int>(condition.size()), condition.data(), static_cast<int>(file.size()), file.data(), line);
  std::abort();
}

}  // namespace tagma
