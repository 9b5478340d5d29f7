// The memory of Schneider 1990, figure 1: numbered locations that are read and written.
#pragma once

#include "tagma/service.h"

namespace tagma {

/// Locations are 0 to 2^64-1, written in decimal. A location that was never written reads as `initial_value`. The
/// paper's array of words is sparse here and a word is any bytes.
class MemoryService final : public Service {
 public:
  static constexpr ByteView initial_value = "0";

  [[nodiscard]] ByteView name() const override { return "memory"; }
  [[nodiscard]] ServiceReply execute(ByteView payload, Context& context) override;

  /// One line per operation, as one would type it behind `tagma call`.
  [[nodiscard]] static ByteView usage();
};

}  // namespace tagma
