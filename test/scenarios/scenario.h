// A scenario: a text of steps in protocol words, one a line, that plays against cores wired by hand. README.md has the
// grammar.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace tagma::test {

class World;

/// What is wrong with a line, or with what came of it. The runner adds where it stands.
struct ScenarioError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

using Action = std::function<void(World&)>;

struct Step {
  std::size_t line = 0;
  Action action;
};

/// Reads and plays a whole text. Every line is read before the first one is played.
/// @return nothing if all of it held; else "NAME:LINE: what is wrong"
[[nodiscard]] std::optional<std::string> play(std::string_view name, std::string_view text);

}  // namespace tagma::test
