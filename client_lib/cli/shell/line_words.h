// A typed line as words, with the quoting of a shell: blanks part words; '...', "..." and \ keep what they quote.
// Nothing is expanded.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tagma/result.h"

namespace tagma::cli {

/// Refuses a quote that is not closed and a NUL byte.
[[nodiscard]] Result<std::vector<std::string>> split_line(const std::string& line);

/// What stands before the cursor.
struct TypedLine {
  std::vector<std::string> before;  ///< whole words
  std::string typed;                ///< the word at the cursor, without its quotes; empty behind a blank
  char quote = 0;                   ///< the quote that is open: ' or " or none
};
/// Nothing where the cursor is behind a lone backslash: what it quotes is not typed yet.
[[nodiscard]] std::optional<TypedLine> typed_line(const std::string& up_to_cursor);

/// `rest` as it must be typed behind a word, given the quote that is open.
[[nodiscard]] std::string as_typed(std::string_view rest, char quote);

}  // namespace tagma::cli
