#include "messages/inspection.h"

#include "messages/transfer.h"

namespace tagma {
namespace {

// The first byte of what is hashed says what it is, so that no leaf can be taken for an inner node.
constexpr char leaf_tag = '\x00';
constexpr char inner_tag = '\x01';
constexpr char empty_tag = '\x02';

void append_length(Bytes& out, std::size_t length) {
  for (std::size_t at = 0; at < 4; ++at) out.push_back(static_cast<char>(length >> (8 * at) & 0xffU));
}

}  // namespace

bool lies_below(const Digest& path, const NibblePrefix& prefix) {
  for (std::size_t depth = 0; depth < prefix.size(); ++depth) {
    if (nibble_at(path, depth) != static_cast<unsigned char>(prefix[depth])) return false;
  }
  return true;
}

void append_leaf_bytes(Bytes& out, ByteView key, ByteView value) {
  out.push_back(leaf_tag);
  append_length(out, key.size());
  out.append(key);
  append_length(out, value.size());
  out.append(value);
}

void append_inner_head(Bytes& out, std::uint16_t occupied) {
  out.push_back(inner_tag);
  out.push_back(static_cast<char>(occupied & 0xffU));
  out.push_back(static_cast<char>(occupied >> 8U));
}

void append_inner_bytes(Bytes& out, const StateNode& node) {
  append_inner_head(out, node.occupied);
  for (const auto& child : node.children) out.append(child.digest.view());
}

std::size_t size_of(const StatePiece& piece) {
  return piece.entries.size() * piece_entry_bytes + piece.entries.content_bytes();
}

ByteView empty_state_bytes() { return {&empty_tag, 1}; }

}  // namespace tagma
