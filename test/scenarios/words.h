// The words of one line, read from left to right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "replica/core/config.h"
#include "test/scenarios/world.h"

namespace tagma::test {

class Words {
 public:
  /// Throws ScenarioError where a quotation does not end.
  explicit Words(std::string_view line);

  [[nodiscard]] bool done() const { return at_ == words_.size(); }
  /// Takes this word if it is the next one.
  [[nodiscard]] bool accept(std::string_view word);
  /// Takes this word, which must be the next one.
  void demand(std::string_view word);
  /// All that follow throw ScenarioError where the next word is none of what they read.
  [[nodiscard]] std::string word(std::string_view what);
  [[nodiscard]] std::string quotation();
  [[nodiscard]] std::uint64_t number(std::string_view what);
  [[nodiscard]] MonotonicUs duration();
  [[nodiscard]] Names names();
  [[nodiscard]] Pattern pattern();
  void end() const;

 private:
  struct Word {
    std::string text;
    bool quoted = false;
  };
  [[nodiscard]] const Word& next(std::string_view what);

  std::vector<Word> words_;
  std::size_t at_ = 0;
};

/// Digits only; throws ScenarioError.
[[nodiscard]] std::uint64_t number_of(std::string_view text, std::string_view what);
/// The parts between separators.
[[nodiscard]] std::vector<std::string> divided(std::string_view text, char separator);

}  // namespace tagma::test
