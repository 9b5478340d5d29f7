#include "client_lib/cli/text_format.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "tagma/bytes.h"

namespace tagma::cli {
namespace {

bool controls_a_terminal(std::uint32_t character) {
  if (character == '\n' || character == '\t') return false;
  return character < 0x20U || (character >= 0x7FU && character <= 0x9FU) || character == no_character;
}

}  // namespace

std::pair<std::uint32_t, std::size_t> first_character(std::string_view text) {
  const auto byte = [&](std::size_t at) { return std::uint32_t{static_cast<unsigned char>(text[at])}; };
  const std::uint32_t first = byte(0);
  if (first < 0x80U) return {first, 1};
  std::size_t size = 0;
  if ((first & 0xE0U) == 0xC0U) size = 2;
  if ((first & 0xF0U) == 0xE0U) size = 3;
  if ((first & 0xF8U) == 0xF0U) size = 4;
  if (size == 0 || size > text.size()) return {no_character, 1};
  std::uint32_t character = first & (0x7FU >> size);
  for (std::size_t at = 1; at < size; ++at) {
    if ((byte(at) & 0xC0U) != 0x80U) return {no_character, 1};
    character = character << 6U | (byte(at) & 0x3FU);
  }
  constexpr std::array<std::uint32_t, 5> smallest{0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = character >= 0xD800U && character <= 0xDFFFU;
  if (character < smallest[size] || character > 0x10FFFFU || surrogate) return {no_character, 1};
  return {character, size};
}

std::string harmless(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const auto [character, size] = first_character(text);
    for (const char byte : text.substr(0, size)) {
      shown += controls_a_terminal(character) ? "\\x" + to_hex(ByteView(&byte, 1)) : std::string(1, byte);
    }
    text.remove_prefix(size);
  }
  return shown;
}

std::string with_commas(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t place = text.size(); place > 3;) {
    place -= 3;
    text.insert(place, 1, ',');
  }
  return text;
}

std::string fixed(double number, int digits) {
  std::array<char, 64> buffer{};
  const int size = std::snprintf(buffer.data(), buffer.size(), "%.*f", digits, number);
  return {buffer.data(), static_cast<std::size_t>(std::clamp(size, 0, 63))};
}

std::string duration_text(std::int64_t microseconds) {
  const auto value = static_cast<double>(microseconds);
  if (microseconds < 1'000) return std::to_string(microseconds) + " us";
  if (microseconds < 10'000) return fixed(value / 1e3, 2) + " ms";
  if (microseconds < 1'000'000) return fixed(value / 1e3, 1) + " ms";
  return fixed(value / 1e6, 2) + " s";
}

std::string counted(std::uint64_t number, std::string_view noun) {
  return with_commas(number) + " " + std::string(noun) + (number == 1 ? "" : "s");
}

std::string listed(const std::vector<std::string>& items) {
  std::string text;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) text += i + 1 == items.size() ? " and " : ", ";
    text += items[i];
  }
  return text;
}

std::string shell_word(std::string_view text) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,=+@%";
  if (!text.empty() && text.find_first_not_of(plain) == std::string_view::npos) return std::string(text);
  std::string quoted = "'";
  for (const char character : text) {
    if (character == '\'') {
      quoted += "'\\''";
    } else {
      quoted += character;
    }
  }
  return quoted + "'";
}

std::string right_aligned(std::string text, std::size_t width) {
  if (text.size() < width) text.insert(0, width - text.size(), ' ');
  return text;
}

std::string left_aligned(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

}  // namespace tagma::cli
