#include "messages/wire/inspection_codec.h"

#include <bit>

#include "messages/wire/signed_bodies.h"
#include "tagma/limits.h"

namespace tagma::wire {
namespace {

constexpr std::size_t pointer_words = 1;
constexpr std::size_t slot_bytes = 2 * Digest::size_bytes;
constexpr std::size_t children_max = 16;

std::size_t list_words(const std::vector<Bytes>& items) {
  std::size_t size = 0;
  for (const auto& item : items) size += pointer_words + words(item.size());
  return size;
}

void write_list(capnp::List<capnp::Data>::Builder out, const std::vector<Bytes>& items) {
  for (unsigned at = 0; at < out.size(); ++at) out.set(at, as_data(items[at]));
}

unsigned count_of(std::size_t size) { return static_cast<unsigned>(size); }

std::vector<Bytes> read_list(capnp::List<capnp::Data>::Reader in) {
  std::vector<Bytes> items;
  items.reserve(in.size());
  for (const auto item : in) items.emplace_back(as_view(item));
  return items;
}

/// The digest at a position of concatenated ones, which are long enough.
Digest digest_at(ByteView bytes, std::size_t index) {
  Digest digest;
  static_cast<void>(digest_from_bytes(bytes.substr(index * Digest::size_bytes, Digest::size_bytes), digest));
  return digest;
}

/// Whether child number `index` of the node, counted among those that exist, is a leaf.
bool is_leaf(const StateNode& node, std::size_t index) {
  if (node.kind == NodeKind::leaf) return true;
  std::size_t seen = 0;
  for (std::size_t nibble = 0; nibble < children_max; ++nibble) {
    if ((node.occupied >> nibble & 1U) == 0) continue;
    if (seen++ == index) return (node.leaves >> nibble & 1U) != 0;
  }
  return false;
}

std::size_t leaf_count(const StateNode& node) {
  return node.kind == NodeKind::leaf ? 1 : static_cast<std::size_t>(std::popcount(node.leaves));
}

}  // namespace

std::size_t node_words(const StateNode& node) {
  return capnp::sizeInWords<schema::StateNode>() + words(node.prefix.size()) +
         words((node.children.size() + leaf_count(node)) * Digest::size_bytes);
}

void write_node(schema::StateNode::Builder out, const StateNode& node) {
  out.setPrefix(as_data(node.prefix));
  out.setKind(static_cast<std::uint8_t>(node.kind));
  out.setOccupied(node.occupied);
  out.setLeaves(node.leaves);
  Bytes digests;
  Bytes paths;
  for (std::size_t at = 0; at < node.children.size(); ++at) {
    digests.append(node.children[at].digest.view());
    if (is_leaf(node, at)) paths.append(node.children[at].path.view());
  }
  out.setDigests(as_data(digests));
  out.setPaths(as_data(paths));
}

std::optional<Refused> read_node(schema::StateNode::Reader in, StateNode& node) {
  const ByteView prefix = as_view(in.getPrefix());
  if (prefix.size() >= path_nibbles) return Refused{"a place in the state tree has more than 63 nibbles"};
  const ByteView digests = as_view(in.getDigests());
  const ByteView paths = as_view(in.getPaths());
  node.prefix = prefix;
  node.kind = static_cast<NodeKind>(in.getKind());
  node.occupied = in.getOccupied();
  node.leaves = in.getLeaves();
  if (digests.size() % Digest::size_bytes != 0 || digests.size() > children_max * Digest::size_bytes) {
    return Refused{"a node's digests have not 32 bytes each"};
  }
  if (paths.size() != leaf_count(node) * Digest::size_bytes) return Refused{"a node's paths have not 32 bytes each"};
  node.children.resize(digests.size() / Digest::size_bytes);
  std::size_t leaves = 0;
  for (std::size_t at = 0; at < node.children.size(); ++at) {
    node.children[at].digest = digest_at(digests, at);
    if (is_leaf(node, at) && leaves < leaf_count(node)) node.children[at].path = digest_at(paths, leaves++);
  }
  return std::nullopt;
}

std::size_t content_words(const HistoryQuery&) { return capnp::sizeInWords<schema::HistoryQuery>(); }

std::size_t content_words(const History& message) {
  return capnp::sizeInWords<schema::History>() + words(message.slots.size() * slot_bytes) + message.roots.size() +
         words(message.roots.size() * Digest::size_bytes);
}

std::size_t content_words(const StateNodesQuery& message) {
  return capnp::sizeInWords<schema::StateNodesQuery>() + list_words(message.prefixes);
}

std::size_t content_words(const StateNodes& message) {
  std::size_t size = capnp::sizeInWords<schema::StateNodes>() + list_tag_words;
  for (const auto& node : message.nodes) size += node_words(node);
  return size;
}

std::size_t content_words(const StateKeysQuery& message) {
  return capnp::sizeInWords<schema::StateKeysQuery>() + words(message.from.size());
}

std::size_t content_words(const StateKeys& message) {
  return capnp::sizeInWords<schema::StateKeys>() + list_words(message.keys);
}

std::size_t content_words(const StateValuesQuery& message) {
  return capnp::sizeInWords<schema::StateValuesQuery>() + list_words(message.keys);
}

std::size_t content_words(const StateValues& message) {
  std::size_t size = capnp::sizeInWords<schema::StateValues>() + list_tag_words;
  for (const auto& value : message.values) {
    size += capnp::sizeInWords<schema::StateValue>() + words(value.value.size());
  }
  return size;
}

void write(schema::HistoryQuery::Builder out, const HistoryQuery& message) {
  out.setNonce(message.nonce);
  out.setFirst(message.first);
  out.setCount(message.count);
}

void write(schema::History::Builder out, const History& message) {
  out.setNonce(message.nonce);
  out.setExecuted(message.executed);
  out.setOldest(message.oldest);
  out.setCheckpointInterval(message.checkpoint_interval);
  out.setFirst(message.first);
  Bytes slots;
  slots.reserve(message.slots.size() * slot_bytes);
  for (const auto& slot : message.slots) slots.append(slot.batch.view()).append(slot.writes.view());
  out.setSlots(as_data(slots));
  auto seqs = out.initRootSeqs(count_of(message.roots.size()));
  Bytes roots;
  for (unsigned at = 0; at < seqs.size(); ++at) {
    seqs.set(at, message.roots[at].seq);
    roots.append(message.roots[at].root.view());
  }
  out.setRoots(as_data(roots));
}

void write(schema::StateNodesQuery::Builder out, const StateNodesQuery& message) {
  out.setNonce(message.nonce);
  out.setSeq(message.seq);
  write_list(out.initPrefixes(count_of(message.prefixes.size())), message.prefixes);
}

void write(schema::StateNodes::Builder out, const StateNodes& message) {
  out.setNonce(message.nonce);
  out.setSeq(message.seq);
  auto nodes = out.initNodes(count_of(message.nodes.size()));
  for (unsigned at = 0; at < nodes.size(); ++at) write_node(nodes[at], message.nodes[at]);
}

void write(schema::StateKeysQuery::Builder out, const StateKeysQuery& message) {
  out.setNonce(message.nonce);
  out.setSeq(message.seq);
  out.setFrom(as_data(message.from));
}

void write(schema::StateKeys::Builder out, const StateKeys& message) {
  out.setNonce(message.nonce);
  out.setSeq(message.seq);
  out.setMore(message.more);
  write_list(out.initKeys(count_of(message.keys.size())), message.keys);
}

void write(schema::StateValuesQuery::Builder out, const StateValuesQuery& message) {
  out.setNonce(message.nonce);
  out.setSeq(message.seq);
  write_list(out.initKeys(count_of(message.keys.size())), message.keys);
}

void write(schema::StateValues::Builder out, const StateValues& message) {
  out.setNonce(message.nonce);
  out.setSeq(message.seq);
  auto values = out.initValues(count_of(message.values.size()));
  for (unsigned at = 0; at < values.size(); ++at) {
    values[at].setPresent(message.values[at].present);
    values[at].setSizeBytes(message.values[at].size_bytes);
    values[at].setValue(as_data(message.values[at].value));
  }
}

Result<Message> read(schema::HistoryQuery::Reader in) {
  return Message{HistoryQuery{in.getNonce(), in.getFirst(), in.getCount()}};
}

Result<Message> read(schema::History::Reader in) {
  const ByteView slots = as_view(in.getSlots());
  const ByteView roots = as_view(in.getRoots());
  const auto seqs = in.getRootSeqs();
  if (slots.size() % slot_bytes != 0) return Refused{"the history's slots have not 64 bytes each"};
  if (slots.size() > limits::history_slots_max * slot_bytes) return Refused{"the history has more than 1024 slots"};
  if (seqs.size() > limits::history_roots_max) return Refused{"the history has more than 64 roots"};
  if (roots.size() != seqs.size() * Digest::size_bytes) return Refused{"the history's roots have not 32 bytes each"};
  History history;
  history.nonce = in.getNonce();
  history.executed = in.getExecuted();
  history.oldest = in.getOldest();
  history.checkpoint_interval = in.getCheckpointInterval();
  history.first = in.getFirst();
  history.slots.resize(slots.size() / slot_bytes);
  for (std::size_t at = 0; at < history.slots.size(); ++at) {
    history.slots[at] = {digest_at(slots, 2 * at), digest_at(slots, 2 * at + 1)};
  }
  history.roots.resize(seqs.size());
  for (unsigned at = 0; at < seqs.size(); ++at) history.roots[at] = {seqs[at], digest_at(roots, at)};
  return Message{std::move(history)};
}

Result<Message> read(schema::StateNodesQuery::Reader in) {
  const auto prefixes = in.getPrefixes();
  if (prefixes.size() > limits::state_nodes_max) return Refused{"more than 128 nodes are asked for"};
  return Message{StateNodesQuery{in.getNonce(), in.getSeq(), read_list(prefixes)}};
}

Result<Message> read(schema::StateNodes::Reader in) {
  const auto nodes = in.getNodes();
  if (nodes.size() > limits::state_nodes_max) return Refused{"there are more than 128 nodes"};
  StateNodes message{in.getNonce(), in.getSeq(), {}};
  message.nodes.resize(nodes.size());
  for (unsigned at = 0; at < nodes.size(); ++at) {
    if (auto refused = read_node(nodes[at], message.nodes[at])) return *std::move(refused);
  }
  return Message{std::move(message)};
}

Result<Message> read(schema::StateKeysQuery::Reader in) {
  return Message{StateKeysQuery{in.getNonce(), in.getSeq(), Bytes(as_view(in.getFrom()))}};
}

Result<Message> read(schema::StateKeys::Reader in) {
  const auto keys = in.getKeys();
  if (keys.size() > limits::state_keys_max) return Refused{"there are more than 1024 keys"};
  return Message{StateKeys{in.getNonce(), in.getSeq(), read_list(keys), in.getMore()}};
}

Result<Message> read(schema::StateValuesQuery::Reader in) {
  const auto keys = in.getKeys();
  if (keys.size() > limits::state_values_max) return Refused{"more than 64 values are asked for"};
  return Message{StateValuesQuery{in.getNonce(), in.getSeq(), read_list(keys)}};
}

Result<Message> read(schema::StateValues::Reader in) {
  const auto values = in.getValues();
  if (values.size() > limits::state_values_max) return Refused{"there are more than 64 values"};
  StateValues message{in.getNonce(), in.getSeq(), {}};
  message.values.reserve(values.size());
  for (const auto value : values) {
    message.values.push_back({value.getPresent(), value.getSizeBytes(), Bytes(as_view(value.getValue()))});
  }
  return Message{std::move(message)};
}

}  // namespace tagma::wire
