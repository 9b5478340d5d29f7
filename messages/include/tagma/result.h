// Typed refusals: what comes from outside is never asserted on, it is refused with a reason.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace tagma {

/// Why something from a peer, a client, a user or a disk was refused: the first broken rule, in words.
struct Refused {
  std::string reason;

  auto operator<=>(const Refused&) const = default;
};

/// Either a value or the reason why there is none.
template <typename Value>
class Result {
 public:
  Result(Value value) : content_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Refused refused)
      : content_(std::in_place_index<1>, std::move(refused)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return content_.index() == 0; }
  explicit operator bool() const { return ok(); }

  /// The value; only where ok().
  [[nodiscard]] Value& operator*() & { return std::get<0>(content_); }
  [[nodiscard]] const Value& operator*() const& { return std::get<0>(content_); }
  [[nodiscard]] Value&& operator*() && { return std::get<0>(std::move(content_)); }
  [[nodiscard]] Value* operator->() { return &std::get<0>(content_); }
  [[nodiscard]] const Value* operator->() const { return &std::get<0>(content_); }

  /// The reason; only where not ok().
  [[nodiscard]] const std::string& reason() const { return std::get<1>(content_).reason; }

 private:
  std::variant<Value, Refused> content_;
};

}  // namespace tagma
