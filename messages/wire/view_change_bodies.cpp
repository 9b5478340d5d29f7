// The signed bodies of view changes: VIEW-CHANGE and NEW-VIEW.
#include <tagma.capnp.h>

#include <algorithm>

#include "messages/assert.h"
#include "messages/validate.h"
#include "messages/wire/codec.h"
#include "messages/wire/signed_bodies.h"
#include "tagma/limits.h"

namespace tagma::wire {
namespace {

// Claims are packed: as structs with a pointer to each digest they would take half as much again, and a NEW-VIEW holds
// those of a whole quorum.
constexpr std::size_t number_bytes = 8;
constexpr std::size_t claim_bytes = 2 * number_bytes + Digest::size_bytes;
constexpr std::size_t name_bytes = number_bytes + Digest::size_bytes;
constexpr std::size_t recorded_max = 2 * limits::view_change_slots_max;

constexpr std::string_view view_change_too_long = "the VIEW-CHANGE's body has more than 96 KiB";
constexpr std::string_view new_view_too_long = "the NEW-VIEW's body has more than 6140 KiB";

kj::byte* put_number(kj::byte* out, std::uint64_t value) {
  for (std::size_t at = 0; at < number_bytes; ++at) *out++ = static_cast<kj::byte>(value >> (8 * at));
  return out;
}

std::uint64_t number_at(ByteView bytes) {
  std::uint64_t value = 0;
  for (std::size_t at = 0; at < number_bytes; ++at) {
    value |= std::uint64_t{static_cast<unsigned char>(bytes[at])} << (8 * at);
  }
  return value;
}

void write_claims(capnp::Data::Builder out, const std::vector<SlotClaim>& claims) {
  auto* next = out.begin();
  for (const auto& claim : claims) {
    next = put_number(put_number(next, claim.seq), claim.view);
    next = std::copy(claim.digest.bytes.begin(), claim.digest.bytes.end(), next);
  }
}

/// Reads packed claims, whose number the caller has checked.
std::vector<SlotClaim> read_claims(ByteView packed) {
  std::vector<SlotClaim> claims;
  claims.reserve(packed.size() / claim_bytes);
  for (; !packed.empty(); packed.remove_prefix(claim_bytes)) {
    auto& claim = claims.emplace_back();
    claim.seq = number_at(packed);
    claim.view = number_at(packed.substr(number_bytes));
    static_cast<void>(digest_from_bytes(packed.substr(2 * number_bytes, Digest::size_bytes), claim.digest));
  }
  return claims;
}

void write_names(capnp::Data::Builder out, const std::vector<NewViewName>& names) {
  auto* next = out.begin();
  for (const auto& name : names) {
    next = put_number(next, name.view);
    next = std::copy(name.digest.bytes.begin(), name.digest.bytes.end(), next);
  }
}

/// Reads packed names, whose number the caller has checked.
std::vector<NewViewName> read_names(ByteView packed) {
  std::vector<NewViewName> names;
  names.reserve(packed.size() / name_bytes);
  for (; !packed.empty(); packed.remove_prefix(name_bytes)) {
    auto& name = names.emplace_back();
    name.view = number_at(packed);
    static_cast<void>(digest_from_bytes(packed.substr(number_bytes, Digest::size_bytes), name.digest));
  }
  return names;
}

Result<ViewChangeStatement> read_view_change_body(schema::ViewChangeBody::Reader body) {
  ViewChangeStatement statement;
  if (!read_digest(body.getCluster(), statement.cluster)) {
    return Refused{"the VIEW-CHANGE's cluster id has not 32 bytes"};
  }
  statement.epoch = body.getEpoch();
  statement.replica = body.getReplica();
  statement.incarnation = body.getIncarnation();
  statement.view = body.getView();
  statement.issue = body.getIssue();
  const auto dropped_by = as_view(body.getDroppedBy());
  if (dropped_by.size() % name_bytes != 0)
    return Refused{"the VIEW-CHANGE's names of NEW-VIEWs have not 40 bytes each"};
  if (dropped_by.size() / name_bytes > limits::view_change_named_max) {
    return Refused{"the VIEW-CHANGE names more than 128 NEW-VIEWs"};
  }
  const auto prepared = as_view(body.getPrepared());
  const auto recorded = as_view(body.getRecorded());
  if (prepared.size() % claim_bytes != 0 || recorded.size() % claim_bytes != 0) {
    return Refused{"the VIEW-CHANGE's claims have not 48 bytes each"};
  }
  if (prepared.size() / claim_bytes > limits::view_change_slots_max) {
    return Refused{"the VIEW-CHANGE claims more than 512 prepared slots"};
  }
  if (recorded.size() / claim_bytes > recorded_max) {
    return Refused{"the VIEW-CHANGE claims more than 1024 recorded proposals"};
  }
  auto certificate = read_votes(body.getCertificate());
  if (!certificate) return Refused{certificate.reason()};
  statement.certificate = std::move(*certificate);
  statement.dropped_by = read_names(dropped_by);
  statement.prepared = read_claims(prepared);
  statement.recorded = read_claims(recorded);
  return statement;
}

Result<NewViewStatement> read_new_view_body(schema::NewViewBody::Reader body) {
  NewViewStatement statement;
  if (!read_digest(body.getCluster(), statement.cluster)) return Refused{"the NEW-VIEW's cluster id has not 32 bytes"};
  statement.epoch = body.getEpoch();
  statement.view = body.getView();
  const auto view_changes = body.getViewChanges();
  if (view_changes.size() > replicas_max) return Refused{"the NEW-VIEW has more than 64 VIEW-CHANGEs"};
  if (!is_struct_list(view_changes)) return Refused{"the NEW-VIEW's VIEW-CHANGEs are not a list of structs"};
  statement.view_changes.reserve(view_changes.size());
  for (const auto entry : view_changes) {
    auto view_change = read_view_change(entry);
    if (!view_change) return Refused{view_change.reason()};
    statement.view_changes.push_back(std::move(*view_change));
  }
  return statement;
}

}  // namespace

Bytes encode_view_change_body(const ViewChangeStatement& statement) {
  const auto prepared_bytes = statement.prepared.size() * claim_bytes;
  const auto recorded_bytes = statement.recorded.size() * claim_bytes;
  const auto dropped_by_bytes = statement.dropped_by.size() * name_bytes;
  SegmentBuilder builder(root_words + capnp::sizeInWords<schema::ViewChangeBody>() + digest_words +
                         words(dropped_by_bytes) + signed_list_words(statement.certificate.votes) +
                         words(prepared_bytes) + words(recorded_bytes));
  auto body = builder.root<schema::ViewChangeBody>();
  body.setCluster(as_data(statement.cluster.view()));
  body.setEpoch(statement.epoch);
  body.setReplica(statement.replica);
  body.setIncarnation(statement.incarnation);
  body.setView(statement.view);
  body.setIssue(statement.issue);
  write_names(body.initDroppedBy(static_cast<unsigned>(dropped_by_bytes)), statement.dropped_by);
  const auto& votes = statement.certificate.votes;
  write_signed_list(body.initCertificate(static_cast<unsigned>(votes.size())), votes);
  write_claims(body.initPrepared(static_cast<unsigned>(prepared_bytes)), statement.prepared);
  write_claims(body.initRecorded(static_cast<unsigned>(recorded_bytes)), statement.recorded);
  auto bytes = builder.finish();
  TAGMA_ASSERT(bytes.size() <= limits::view_change_bytes_max, "a valid VIEW-CHANGE's encoding is within the limit");
  return bytes;
}

Result<ViewChange> parse_view_change(Bytes body, Bytes signature) {
  auto content = read_segment<schema::ViewChangeBody, ViewChangeStatement>(body, limits::view_change_bytes_max,
                                                                           view_change_too_long, read_view_change_body);
  if (!content) return Refused{content.reason()};
  return ViewChange{std::move(*content), std::move(body), std::move(signature)};
}

Result<ViewChange> read_view_change(schema::SignedBody::Reader in) {
  const auto body = as_view(in.getBody());
  if (body.size() > limits::view_change_bytes_max) return Refused{std::string(view_change_too_long)};
  return parse_view_change(Bytes(body), Bytes(as_view(in.getSignature())));
}

Bytes encode_new_view_body(const NewViewStatement& statement) {
  const auto& view_changes = statement.view_changes;
  SegmentBuilder builder(root_words + capnp::sizeInWords<schema::NewViewBody>() + digest_words +
                         signed_list_words(view_changes));
  auto body = builder.root<schema::NewViewBody>();
  body.setCluster(as_data(statement.cluster.view()));
  body.setEpoch(statement.epoch);
  body.setView(statement.view);
  write_signed_list(body.initViewChanges(static_cast<unsigned>(view_changes.size())), view_changes);
  auto bytes = builder.finish();
  TAGMA_ASSERT(bytes.size() <= limits::new_view_bytes_max, "a valid NEW-VIEW's encoding is within the limit");
  return bytes;
}

Result<NewView> parse_new_view(Bytes body, Bytes signature) {
  auto content = read_segment<schema::NewViewBody, NewViewStatement>(body, limits::new_view_bytes_max,
                                                                     new_view_too_long, read_new_view_body);
  if (!content) return Refused{content.reason()};
  return NewView{std::move(*content), std::move(body), std::move(signature)};
}

Result<NewView> read_new_view(schema::SignedBody::Reader in) {
  const auto body = as_view(in.getBody());
  if (body.size() > limits::new_view_bytes_max) return Refused{std::string(new_view_too_long)};
  return parse_new_view(Bytes(body), Bytes(as_view(in.getSignature())));
}

Result<NewView> decode_new_view(Bytes body, Bytes signature) {
  auto parsed = parse_new_view(std::move(body), std::move(signature));
  if (!parsed) return parsed;
  if (auto refused = validate(*parsed)) return *std::move(refused);
  return parsed;
}

}  // namespace tagma::wire
