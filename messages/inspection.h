// What an administrator may ask one replica about its state, and what it answers: the words of `tagma diff`. An answer
// is one replica's word about itself. What it says of the state tree can be checked against a root that it has voted
// for, and whoever asks must do so.
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "tagma/bytes.h"
#include "tagma/identifiers.h"

namespace tagma {

/// A place in the state tree: the nibbles that lead to it, one per byte (0 to 15). The root's is empty.
using NibblePrefix = Bytes;
/// The path of a key: the nibbles of its hash.
inline constexpr std::size_t path_nibbles = 2 * Digest::size_bytes;
[[nodiscard]] constexpr std::size_t nibble_at(const Digest& path, std::size_t depth) {
  const std::size_t byte = path.bytes[depth / 2];
  return depth % 2 == 0 ? byte >> 4U : byte & 0x0fU;
}
/// Whether a key with this path lies below the place.
[[nodiscard]] bool lies_below(const Digest& path, const NibblePrefix& prefix);

enum class NodeKind : std::uint8_t {
  absent = 1,  ///< no key lies below this place
  leaf = 2,    ///< one key does
  inner = 3,   ///< several do
};

/// One place of a state tree.
struct StateNode {
  struct Child {
    Digest digest;
    Digest path;  ///< of a leaf: the hash of its key; zero for an inner node
    auto operator<=>(const Child&) const = default;
  };
  NibblePrefix prefix;
  NodeKind kind = NodeKind::absent;
  std::uint16_t occupied = 0;   ///< of an inner node: bit i is set where child i exists
  std::uint16_t leaves = 0;     ///< of those, the children that are leaves
  std::vector<Child> children;  ///< of an inner node, in the order of their nibbles; of a leaf, itself alone
  auto operator<=>(const StateNode&) const = default;
};

/// Appends what is hashed for a leaf, for an inner node with these children (checkpoint/README.md). The empty state's
/// root is the hash of empty_state_bytes().
void append_leaf_bytes(Bytes& out, ByteView key, ByteView value);
void append_inner_bytes(Bytes& out, const StateNode& node);
void append_inner_head(Bytes& out, std::uint16_t occupied);
[[nodiscard]] ByteView empty_state_bytes();

/// What one slot did.
struct SlotHistory {
  Digest batch;   ///< what was executed
  Digest writes;  ///< what executing it wrote into the state
  auto operator<=>(const SlotHistory&) const = default;
};

struct CheckpointRoot {
  Seq seq = 0;
  Digest root;
  auto operator<=>(const CheckpointRoot&) const = default;
};

struct HistoryQuery {
  std::uint64_t nonce = 0;  ///< returned in the answer, as in every query below
  Seq first = 1;            ///< from this slot
  std::uint32_t count = 0;  ///< so many slots; 0 asks for the roots alone
  auto operator<=>(const HistoryQuery&) const = default;
};

struct History {
  std::uint64_t nonce = 0;
  Seq executed = 0;                   ///< last executed slot
  Seq oldest = 1;                     ///< the oldest slot that is remembered; executed + 1 if none is
  Seq checkpoint_interval = 1;        ///< slots between checkpoints
  Seq first = 1;                      ///< the slot of slots.front()
  std::vector<SlotHistory> slots;     ///< as many of those asked for as are remembered, without gaps
  std::vector<CheckpointRoot> roots;  ///< of the newest own checkpoints, rising
  auto operator<=>(const History&) const = default;
};

/// Each query of the state names the checkpoint that it is about. A replica has its newest one only: its answer names
/// that, and is empty if it is another.
struct StateNodesQuery {
  std::uint64_t nonce = 0;
  Seq seq = 0;
  std::vector<NibblePrefix> prefixes;
  auto operator<=>(const StateNodesQuery&) const = default;
};

struct StateNodes {
  std::uint64_t nonce = 0;
  Seq seq = 0;
  std::vector<StateNode> nodes;  ///< in the order of the query
  auto operator<=>(const StateNodes&) const = default;
};

struct StateKeysQuery {
  std::uint64_t nonce = 0;
  Seq seq = 0;
  Bytes from;  ///< the smallest key that is wanted
  auto operator<=>(const StateKeysQuery&) const = default;
};

struct StateKeys {
  std::uint64_t nonce = 0;
  Seq seq = 0;
  std::vector<Bytes> keys;  ///< rising
  bool more = false;        ///< there are keys behind the last one
  auto operator<=>(const StateKeys&) const = default;
};

struct StateValuesQuery {
  std::uint64_t nonce = 0;
  Seq seq = 0;
  std::vector<Bytes> keys;
  auto operator<=>(const StateValuesQuery&) const = default;
};

struct StateValue {
  bool present = false;
  std::uint64_t size_bytes = 0;  ///< of the whole value
  Bytes value;                   ///< its beginning; whole unless it is very long
  [[nodiscard]] bool is_cut() const { return value.size() < size_bytes; }
  auto operator<=>(const StateValue&) const = default;
};

struct StateValues {
  std::uint64_t nonce = 0;
  Seq seq = 0;
  std::vector<StateValue> values;  ///< in the order of the query; the last ones may have found no room
  auto operator<=>(const StateValues&) const = default;
};

}  // namespace tagma
