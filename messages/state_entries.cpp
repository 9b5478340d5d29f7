#include "messages/state_entries.h"

#include <cstdint>

#include "messages/assert.h"

namespace tagma {
namespace {

constexpr std::size_t key_length_bytes = 2;
constexpr std::size_t value_length_bytes = StateEntries::head_bytes - key_length_bytes;

std::size_t length_at(ByteView bytes, std::size_t from, std::size_t count) {
  std::size_t length = 0;
  for (std::size_t at = 0; at < count; ++at) {
    length |= std::size_t{static_cast<unsigned char>(bytes[from + at])} << (8 * at);
  }
  return length;
}

std::size_t key_length(ByteView head) { return length_at(head, 0, key_length_bytes); }
std::size_t value_length(ByteView head) { return length_at(head, key_length_bytes, value_length_bytes); }

/// Of the first entry, which is there whole.
std::size_t entry_bytes(ByteView rest) { return StateEntries::head_bytes + key_length(rest) + value_length(rest); }

}  // namespace

StateEntries::Entry StateEntries::Iterator::operator*() const {
  const std::size_t key_bytes = key_length(rest_);
  return {.key = rest_.substr(head_bytes, key_bytes),
          .value = rest_.substr(head_bytes + key_bytes, value_length(rest_))};
}

StateEntries::Iterator& StateEntries::Iterator::operator++() {
  rest_.remove_prefix(entry_bytes(rest_));
  return *this;
}

std::optional<StateEntries> StateEntries::unpacked(ByteView packed, std::size_t count_max) {
  std::size_t count = 0;
  for (ByteView rest = packed; !rest.empty(); ++count) {
    if (count == count_max || rest.size() < head_bytes || rest.size() < entry_bytes(rest)) return std::nullopt;
    rest.remove_prefix(entry_bytes(rest));
  }
  StateEntries entries;
  entries.packed_ = packed;
  entries.count_ = count;
  return entries;
}

void StateEntries::append(ByteView key, ByteView value) {
  TAGMA_ASSERT(key.size() <= UINT16_MAX && value.size() <= UINT32_MAX, "execution keeps both within their limits");
  char head[head_bytes];
  for (std::size_t at = 0; at < key_length_bytes; ++at) head[at] = static_cast<char>(key.size() >> (8 * at));
  for (std::size_t at = 0; at < value_length_bytes; ++at) {
    head[key_length_bytes + at] = static_cast<char>(value.size() >> (8 * at));
  }
  packed_.append(head, head_bytes).append(key).append(value);
  ++count_;
}

void StateEntries::clear() {
  packed_.clear();
  count_ = 0;
}

}  // namespace tagma
