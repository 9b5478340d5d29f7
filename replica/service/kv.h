// The key-value store: one ordered space of keys with values, both any bytes.
#pragma once

#include "tagma/service.h"

namespace tagma {

/// Operations and replies: README.md.
class KvService final : public Service {
 public:
  static constexpr std::uint64_t scan_limit_default = 100;
  static constexpr std::uint64_t scan_limit_max = 1000;

  [[nodiscard]] ByteView name() const override { return "kv"; }
  [[nodiscard]] ServiceReply execute(ByteView payload, Context& context) override;

  /// One line per operation, as one would type it behind `tagma call`.
  [[nodiscard]] static ByteView usage();
};

}  // namespace tagma
