// What the built-in services answer is lines of words with tabs between them: taking that apart, and setting tables.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tagma/bytes.h"

namespace tagma::cli {

/// What stands between the marks; one part at least.
[[nodiscard]] std::vector<std::string> parts_of(std::string_view text, char mark);

/// The number that the whole text spells; nothing if it spells none.
template <typename Number>
[[nodiscard]] std::optional<Number> number_of(std::string_view text) {
  Number number = 0;
  const auto* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return number;
}

/// The numbers between spaces; nothing if one is none.
[[nodiscard]] std::optional<std::vector<std::uint32_t>> numbers_of(std::string_view text);

/// "1, 2, 3".
[[nodiscard]] std::string joined(const std::vector<std::uint32_t>& numbers);

/// What replica/service/text.h's append_escaped() was given; nothing if it cannot have written this.
[[nodiscard]] std::optional<Bytes> unescaped(std::string_view text);

/// Columns as wide as they need to be, texts to the left and numbers to the right.
[[nodiscard]] std::string table_of(const std::vector<std::vector<std::string>>& rows);

}  // namespace tagma::cli
