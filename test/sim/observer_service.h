// A service in front of another one that tells the oracles what is really executed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "tagma/service.h"
#include "test/checkers/execution_oracle.h"

namespace tagma::sim {

/// Every operation of the simulated clients carries the request that it belongs to in front of its payload.
[[nodiscard]] Bytes tagged(const checkers::RequestKey& request, ByteView payload);

/// A tagged payload that starts with this word writes a key and then throws.
inline constexpr ByteView throwing_payload = "!throw";
/// The key that a throwing operation writes: nobody may ever find it.
inline constexpr ByteView thrown_key = "k-thrown";

class ObserverService final : public Service {
 public:
  using Observe = std::function<void(const checkers::Executed&)>;

  ObserverService(std::unique_ptr<Service> inner, Observe observe)
      : inner_(std::move(inner)), observe_(std::move(observe)) {}

  [[nodiscard]] ByteView name() const override { return inner_->name(); }
  [[nodiscard]] ServiceReply execute(ByteView payload, Context& context) override;

 private:
  std::unique_ptr<Service> inner_;
  Observe observe_;
};

}  // namespace tagma::sim
