// How the bundled services read numbers and write replies that a person can read. Nothing here depends on a locale.
#pragma once

#include <cstdint>
#include <optional>

#include "tagma/operation.h"

namespace tagma {

/// The number that `digits` spells in decimal; nothing if it is empty, has anything but digits, or is above `max`.
[[nodiscard]] std::optional<std::uint64_t> parse_number(ByteView digits, std::uint64_t max);

/// Appends `bytes` so that they stay on one line and hold no tab, and any reader can get them back: a backslash becomes
/// `\\`, tab, newline and return become `\t`, `\n`, `\r`, other control bytes `\x` with two lower-case hexadecimal
/// digits. All other bytes, UTF-8 among them, stay as they are.
void append_escaped(Bytes& text, ByteView bytes);

/// What append_escaped() would add.
[[nodiscard]] std::size_t escaped_size(ByteView bytes);

/// `bytes` in quotes for a message: escaped, and cut where it is long.
[[nodiscard]] Bytes quoted(ByteView bytes);

/// A refusal that shows the right usage.
[[nodiscard]] ServiceReply refuse_usage(ByteView what_is_wrong, ByteView usage);

}  // namespace tagma
