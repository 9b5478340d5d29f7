// Numbers, times and foreign text as the report shows them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client_lib/cli/text_format.h"

namespace tagma::drills {

using cli::counted;
using cli::with_commas;

/// As text or as a quoted attribute of HTML and of XML. What neither allows (control characters, bytes that are no
/// UTF-8) stands as U+FFFD.
[[nodiscard]] std::string escaped(std::string_view text);
/// Without the characters that JSON and Markdown cannot hold: what is no UTF-8 stands as U+FFFD.
[[nodiscard]] std::string valid_utf8(std::string_view text);

/// With so many digits behind the point; "-" where it is no finite number.
[[nodiscard]] std::string fixed(double number, int digits);
/// For a position in a drawing: at most two digits behind the point, none where they are zero.
[[nodiscard]] std::string coordinate(double number);
/// A whole number of operations a second, with commas.
[[nodiscard]] std::string rate_text(double per_s);
/// 0.931 as "93.1%".
[[nodiscard]] std::string percent_text(double ratio);
[[nodiscard]] std::string joined(const std::vector<std::string>& items, std::string_view between);

/// "481 µs", "5.21 ms", "1.20 s".
[[nodiscard]] std::string latency_text(double microseconds);
/// How long something took: "48.2 s", "34 min 12 s", "1 h 2 min".
[[nodiscard]] std::string duration_text(double seconds);
/// A moment of a time line of this length: "12.5 s", or "12:30.5" where the time line is longer than three minutes.
[[nodiscard]] std::string moment_text(double at_s, double length_s);

}  // namespace tagma::drills
