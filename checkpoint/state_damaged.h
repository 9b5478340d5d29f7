// What is thrown where the state on disk is not what was written there.
#pragma once

#include <string>
#include <utility>

namespace tagma {

/// Damage is not absence: whoever meets this may neither answer nor vote from the state. On purpose no std::exception,
/// which services and frameworks would take for a refusal of their own; it passes through execution and ends it.
class StateDamaged {
 public:
  explicit StateDamaged(std::string reason) : reason_(std::move(reason)) {}
  /// One line: folder and table where they are known (the tree knows neither), key or place in hexadecimal, what is
  /// wrong.
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  std::string reason_;
};

/// Of what is staged beside the own state, which is whole: it may be thrown away and fetched again.
class StagedDamaged : public StateDamaged {
 public:
  using StateDamaged::StateDamaged;
};

}  // namespace tagma
