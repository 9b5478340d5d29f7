// Numbers and names as people read them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tagma::cli {

/// No Unicode character has this number.
inline constexpr std::uint32_t no_character = ~0U;
/// The UTF-8 character at the beginning of a text that is not empty, and how many bytes it has; `no_character`, and one
/// byte, where there is none: a byte too few, a longer form than needed, a surrogate.
[[nodiscard]] std::pair<std::uint32_t, std::size_t> first_character(std::string_view text);

/// 1234567 as "1,234,567".
[[nodiscard]] std::string with_commas(std::uint64_t number);
/// With so many digits behind the point.
[[nodiscard]] std::string fixed(double number, int digits);
/// "481 us", "5.21 ms", "1.20 s".
[[nodiscard]] std::string duration_text(std::int64_t microseconds);
/// "1 replica", "4 replicas".
[[nodiscard]] std::string counted(std::uint64_t number, std::string_view noun);
/// "a, b and c".
[[nodiscard]] std::string listed(const std::vector<std::string>& items);
/// As one word for a POSIX shell, quoted only where it must be.
[[nodiscard]] std::string shell_word(std::string_view text);
/// As it may be shown at a terminal: every control character but line feed and tab, those of C1 and DEL among them, and
/// every byte that is no UTF-8 stands as `\x1b`. All else is kept.
[[nodiscard]] std::string harmless(std::string_view text);
/// Filled with spaces on the left, on the right, up to a width.
[[nodiscard]] std::string right_aligned(std::string text, std::size_t width);
[[nodiscard]] std::string left_aligned(std::string text, std::size_t width);

}  // namespace tagma::cli
