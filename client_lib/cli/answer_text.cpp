#include "client_lib/cli/answer_text.h"

#include <algorithm>
#include <cstdint>

#include "client_lib/cli/text_format.h"

namespace tagma::cli {

std::vector<std::string> parts_of(std::string_view text, char mark) {
  std::vector<std::string> parts;
  for (;;) {
    const auto end = text.find(mark);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<std::vector<std::uint32_t>> numbers_of(std::string_view text) {
  std::vector<std::uint32_t> numbers;
  for (const auto& part : parts_of(text, ' ')) {
    const auto number = number_of<std::uint32_t>(part);
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

std::string joined(const std::vector<std::uint32_t>& numbers) {
  std::string text;
  for (const auto number : numbers) text += (text.empty() ? "" : ", ") + std::to_string(number);
  return text;
}

std::optional<Bytes> unescaped(std::string_view text) {
  Bytes bytes;
  while (!text.empty()) {
    if (text.front() != '\\') {
      bytes.push_back(text.front());
      text.remove_prefix(1);
      continue;
    }
    constexpr std::string_view marks = "\\tnr";
    constexpr std::string_view meant = "\\\t\n\r";
    if (text.size() < 2) return std::nullopt;
    if (const auto at = marks.find(text[1]); at != std::string_view::npos) {
      bytes.push_back(meant[at]);
      text.remove_prefix(2);
      continue;
    }
    std::uint8_t byte = 0;
    const auto* const digits = text.data() + 2;
    if (text[1] != 'x' || text.size() < 4) return std::nullopt;
    const auto parsed = std::from_chars(digits, digits + 2, byte, 16);
    if (parsed.ec != std::errc() || parsed.ptr != digits + 2) return std::nullopt;
    bytes.push_back(static_cast<char>(byte));
    text.remove_prefix(4);
  }
  return bytes;
}

std::string table_of(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t at = 0; at < row.size(); ++at) widths[at] = std::max(widths[at], row[at].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t at = 0; at < row.size(); ++at) {
      const bool number = number_of<std::uint64_t>(rows.back()[at]).has_value();
      line += (at == 0 ? "" : "  ") + (number ? right_aligned(row[at], widths[at]) : left_aligned(row[at], widths[at]));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace tagma::cli
