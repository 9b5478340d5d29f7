#include "replica/service/text.h"

#include <charconv>

namespace tagma {
namespace {

constexpr std::size_t quoted_bytes_max = 40;

bool is_control(char byte) { return static_cast<unsigned char>(byte) < 0x20 || byte == '\x7f'; }

/// The letter behind the backslash; 0 where the byte needs another escape or none.
char short_escape(char byte) {
  switch (byte) {
    case '\\': return '\\';
    case '\t': return 't';
    case '\n': return 'n';
    case '\r': return 'r';
    default: return 0;
  }
}

}  // namespace

std::optional<std::uint64_t> parse_number(ByteView digits, std::uint64_t max) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || number > max) return std::nullopt;
  return number;
}

void append_escaped(Bytes& text, ByteView bytes) {
  for (const char byte : bytes) {
    if (const char letter = short_escape(byte); letter != 0) {
      text.push_back('\\');
      text.push_back(letter);
    } else if (is_control(byte)) {
      text.append("\\x");
      text.append(to_hex(ByteView(&byte, 1)));
    } else {
      text.push_back(byte);
    }
  }
}

std::size_t escaped_size(ByteView bytes) {
  std::size_t size = bytes.size();
  for (const char byte : bytes) {
    if (short_escape(byte) != 0) {
      size += 1;
    } else if (is_control(byte)) {
      size += 3;
    }
  }
  return size;
}

Bytes quoted(ByteView bytes) {
  Bytes text = "'";
  append_escaped(text, bytes.substr(0, quoted_bytes_max));
  if (bytes.size() > quoted_bytes_max) text.append("...");
  text.push_back('\'');
  return text;
}

ServiceReply refuse_usage(ByteView what_is_wrong, ByteView usage) {
  Bytes text(what_is_wrong);
  text.append("; usage: ");
  text.append(usage);
  return {ReplyStatus::refused, std::move(text)};
}

}  // namespace tagma
