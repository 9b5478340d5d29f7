#include "docker/drills/report_text.h"

#include <array>
#include <charconv>
#include <cmath>

namespace tagma::drills {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr double us_per_ms = 1e3;
constexpr double us_per_s = 1e6;
constexpr int s_per_minute = 60;
constexpr int s_per_hour = 3600;

/// Neither a control character nor one of the two that XML does not know.
bool allowed(std::uint32_t character) {
  if (character < 0x20U) return character == '\n' || character == '\t';
  return character != 0xFFFEU && character != 0xFFFFU && character != cli::no_character;
}

std::string_view markup_of(char character) {
  switch (character) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return "";
  }
}

std::string clean(std::string_view text, bool escape_markup) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const auto [character, size] = cli::first_character(text);
    const std::string_view markup = escape_markup ? markup_of(text.front()) : "";
    if (!allowed(character)) {
      result += replacement;
    } else if (!markup.empty()) {
      result += markup;
    } else {
      result += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  return result;
}

}  // namespace

std::string escaped(std::string_view text) { return clean(text, true); }

std::string valid_utf8(std::string_view text) { return clean(text, false); }

std::string fixed(double number, int digits) {
  // Numbers of a report are far below this; one that is not shows that something went wrong, and must not break the
  // page.
  constexpr double shown_max = 1e18;
  if (!std::isfinite(number) || std::abs(number) > shown_max) return "-";
  std::array<char, 64> buffer{};
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, std::chars_format::fixed, digits);
  return {buffer.data(), end.ptr};
}

std::string coordinate(double number) {
  std::string text = std::isfinite(number) ? fixed(number, 2) : "0";
  if (text.find('.') != std::string::npos) {
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
  }
  return text == "-0" || text == "-" ? "0" : text;
}

std::string rate_text(double per_s) {
  constexpr double shown_max = 1e15;
  if (!std::isfinite(per_s) || per_s < 0 || per_s > shown_max) return "-";
  return cli::with_commas(static_cast<std::uint64_t>(std::llround(per_s)));
}

std::string percent_text(double ratio) {
  const std::string text = fixed(ratio * 100, 1);
  return text == "-" ? text : text + "%";
}

std::string joined(const std::vector<std::string>& items, std::string_view between) {
  std::string text;
  for (const auto& item : items) {
    if (!text.empty()) text += between;
    text += item;
  }
  return text;
}

std::string latency_text(double microseconds) {
  if (microseconds < us_per_ms) return fixed(microseconds, 0) + " µs";
  const bool in_ms = microseconds < us_per_s;
  const double number = microseconds / (in_ms ? us_per_ms : us_per_s);
  const int digits = number < 10 ? 2 : number < 100 ? 1 : 0;
  return fixed(number, digits) + (in_ms ? " ms" : " s");
}

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 2 * s_per_minute) return fixed(seconds, 1) + " s";
  const auto whole = std::llround(seconds);
  if (whole >= s_per_hour) {
    return std::to_string(whole / s_per_hour) + " h " + std::to_string(whole % s_per_hour / s_per_minute) + " min";
  }
  return std::to_string(whole / s_per_minute) + " min " + std::to_string(whole % s_per_minute) + " s";
}

std::string moment_text(double at_s, double length_s) {
  constexpr double in_minutes_from_s = 180;
  if (!std::isfinite(at_s) || !(length_s >= in_minutes_from_s)) return fixed(at_s, 1) + " s";
  const auto tenths = std::llround(std::abs(at_s) * 10);
  const auto minutes = tenths / (10 * s_per_minute);
  const double rest_s = static_cast<double>(tenths % (10 * s_per_minute)) / 10;
  return (at_s < 0 ? "-" : "") + std::to_string(minutes) + (rest_s < 10 ? ":0" : ":") + fixed(rest_s, 1);
}

}  // namespace tagma::drills
