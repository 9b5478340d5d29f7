#include "messages/wire/transfer_codec.h"

#include "messages/wire/inspection_codec.h"
#include "messages/wire/signed_bodies.h"
#include "tagma/limits.h"

namespace tagma::wire {
namespace {

unsigned count_of(std::size_t size) { return static_cast<unsigned>(size); }

std::size_t piece_words(const StatePiece& piece) {
  return capnp::sizeInWords<schema::StatePiece>() + words(piece.prefix.size()) + words(piece.entries.packed().size());
}

void write_piece(schema::StatePiece::Builder out, const StatePiece& piece) {
  out.setPrefix(as_data(piece.prefix));
  out.setEntries(as_data(piece.entries.packed()));
}

/// `entries_left`: how many more the message may have.
std::optional<Refused> read_piece(schema::StatePiece::Reader in, StatePiece& piece, std::size_t& entries_left) {
  auto entries = StateEntries::unpacked(as_view(in.getEntries()), entries_left);
  if (!entries) return Refused{"a piece has broken entries, or the pieces together more than 16384"};
  entries_left -= entries->size();
  piece.prefix = as_view(in.getPrefix());
  piece.entries = *std::move(entries);
  return std::nullopt;
}

}  // namespace

std::size_t content_words(const StateLeaseQuery&) { return capnp::sizeInWords<schema::StateLeaseQuery>(); }

std::size_t content_words(const StateLease& message) {
  return capnp::sizeInWords<schema::StateLease>() + signed_list_words(message.votes.votes);
}

std::size_t content_words(const StatePartsQuery& message) {
  std::size_t size = capnp::sizeInWords<schema::StatePartsQuery>() + list_tag_words;
  for (const auto& place : message.places) {
    size += capnp::sizeInWords<schema::StateQuestion>() + words(place.prefix.size());
  }
  return size;
}

std::size_t content_words(const StateParts& message) {
  std::size_t size = capnp::sizeInWords<schema::StateParts>() + 2 * list_tag_words;
  for (const auto& node : message.nodes) size += node_words(node);
  for (const auto& piece : message.pieces) size += piece_words(piece);
  return size;
}

void write(schema::StateLeaseQuery::Builder out, const StateLeaseQuery& message) {
  out.setNonce(message.nonce);
  out.setAbove(message.above);
}

void write(schema::StateLease::Builder out, const StateLease& message) {
  out.setNonce(message.nonce);
  out.setContentBytes(message.content_bytes);
  write_signed_list(out.initVotes(count_of(message.votes.votes.size())), message.votes.votes);
}

void write(schema::StatePartsQuery::Builder out, const StatePartsQuery& message) {
  out.setNonce(message.nonce);
  out.setSeq(message.seq);
  auto places = out.initPlaces(count_of(message.places.size()));
  for (unsigned at = 0; at < places.size(); ++at) {
    places[at].setPrefix(as_data(message.places[at].prefix));
    places[at].setNodeWanted(message.places[at].node_wanted);
  }
}

void write(schema::StateParts::Builder out, const StateParts& message) {
  out.setNonce(message.nonce);
  out.setSeq(message.seq);
  auto nodes = out.initNodes(count_of(message.nodes.size()));
  for (unsigned at = 0; at < nodes.size(); ++at) write_node(nodes[at], message.nodes[at]);
  auto pieces = out.initPieces(count_of(message.pieces.size()));
  for (unsigned at = 0; at < pieces.size(); ++at) write_piece(pieces[at], message.pieces[at]);
}

Result<Message> read(schema::StateLeaseQuery::Reader in) {
  return Message{StateLeaseQuery{in.getNonce(), in.getAbove()}};
}

Result<Message> read(schema::StateLease::Reader in) {
  auto votes = read_votes(in.getVotes());
  if (!votes) return Refused{votes.reason()};
  StateLease lease;
  lease.nonce = in.getNonce();
  lease.content_bytes = in.getContentBytes();
  lease.votes = std::move(*votes);
  return Message{std::move(lease)};
}

Result<Message> read(schema::StatePartsQuery::Reader in) {
  const auto places = in.getPlaces();
  if (places.size() > limits::state_places_max) return Refused{"more than 64 places are asked about"};
  if (!is_struct_list(places)) return Refused{"the places asked about are not a list of structs"};
  StatePartsQuery query{in.getNonce(), in.getSeq(), {}};
  query.places.reserve(places.size());
  for (const auto place : places) query.places.push_back({Bytes(as_view(place.getPrefix())), place.getNodeWanted()});
  return Message{std::move(query)};
}

Result<Message> read(schema::StateParts::Reader in) {
  const auto nodes = in.getNodes();
  const auto pieces = in.getPieces();
  if (nodes.size() > limits::state_places_max) return Refused{"there are more than 64 nodes"};
  if (pieces.size() > limits::state_places_max) return Refused{"there are more than 64 pieces"};
  if (!is_struct_list(nodes)) return Refused{"the nodes are not a list of structs"};
  if (!is_struct_list(pieces)) return Refused{"the pieces are not a list of structs"};
  StateParts parts{in.getNonce(), in.getSeq(), {}, {}};
  parts.nodes.resize(nodes.size());
  for (unsigned at = 0; at < nodes.size(); ++at) {
    if (auto refused = read_node(nodes[at], parts.nodes[at])) return *std::move(refused);
  }
  std::size_t entries_left = limits::state_entries_max;
  parts.pieces.resize(pieces.size());
  for (unsigned at = 0; at < pieces.size(); ++at) {
    if (auto refused = read_piece(pieces[at], parts.pieces[at], entries_left)) return *std::move(refused);
  }
  return Message{std::move(parts)};
}

}  // namespace tagma::wire
