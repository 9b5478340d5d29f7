/**
 * @file
 * @brief Typed refusals: what comes from outside is refused with a reason, never asserted on and never thrown.
 */
#pragma once

#include <compare>
#include <string>
#include <utility>
#include <variant>

namespace tagma {

/// Why something from a peer, a client, a user or a disk was refused.
struct Refused {
  std::string reason;  ///< the first broken rule, in one line for a person, without a full stop

  /// Compares the reasons.
  auto operator<=>(const Refused&) const = default;
};

/**
 * Either a value or the reason why there is none. A value type: it owns what it holds, and is as safe to share between
 * threads as that.
 *
 *     if (!result) return fail(result.reason());
 *     use(*result);
 */
template <typename Value>
class Result {
 public:
  /// A result that has a value.
  Result(Value value) : content_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  /// A result that has none.
  Result(Refused refused)
      : content_(std::in_place_index<1>, std::move(refused)) {}  // NOLINT(google-explicit-constructor)

  /// Whether there is a value.
  [[nodiscard]] bool ok() const { return content_.index() == 0; }
  /// The same as ok().
  explicit operator bool() const { return ok(); }

  /// The value; only where ok(), else throws std::bad_variant_access.
  [[nodiscard]] Value& operator*() & { return std::get<0>(content_); }
  /// The value; only where ok(), else throws std::bad_variant_access.
  [[nodiscard]] const Value& operator*() const& { return std::get<0>(content_); }
  /// The value, to be moved from; only where ok(), else throws std::bad_variant_access.
  [[nodiscard]] Value&& operator*() && { return std::get<0>(std::move(content_)); }
  /// The value's members; only where ok(), else throws std::bad_variant_access.
  [[nodiscard]] Value* operator->() { return &std::get<0>(content_); }
  /// The value's members; only where ok(), else throws std::bad_variant_access.
  [[nodiscard]] const Value* operator->() const { return &std::get<0>(content_); }

  /// The reason, valid as long as this object; only where not ok(), else throws std::bad_variant_access.
  [[nodiscard]] const std::string& reason() const { return std::get<1>(content_).reason; }

 private:
  std::variant<Value, Refused> content_;
};

}  // namespace tagma
