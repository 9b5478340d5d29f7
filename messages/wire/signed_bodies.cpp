// What is signed or hashed by its exact bytes: bodies of bundles, checkpoints and REJOINs, batches. Those of view
// changes are in view_change_bodies.cpp.
#include "messages/wire/signed_bodies.h"

#include "messages/assert.h"
#include "messages/validate.h"
#include "messages/wire/codec.h"
#include "tagma/limits.h"

namespace tagma::wire {
namespace {

Result<Bundle> read_bundle(schema::BundleBody::Reader body) {
  Bundle bundle;
  if (!read_digest(body.getCluster(), bundle.cluster)) return Refused{"the bundle's cluster id has not 32 bytes"};
  bundle.epoch = body.getEpoch();
  bundle.client = body.getClient();
  bundle.session = body.getSession();
  bundle.first = body.getFirst();
  bundle.acknowledged = body.getAcknowledged();
  const auto operations = body.getOperations();
  if (operations.size() > limits::bundle_operations_max) return Refused{"the bundle has more than 256 operations"};
  bundle.operations.reserve(operations.size());
  for (const auto operation : operations) bundle.operations.emplace_back(as_view(operation));
  return bundle;
}

Result<Batch> read_batch(schema::Batch::Reader content) {
  Batch batch;
  batch.proposed_time_us = content.getProposedTimeUs();
  const auto bundles = content.getBundles();
  if (bundles.size() > limits::batch_bundles_max) return Refused{"the batch has more than 1024 bundles"};
  if (!is_struct_list(bundles)) return Refused{"the batch's bundles are not a list of structs"};
  batch.bundles.reserve(bundles.size());
  std::size_t operation_count = 0;
  for (const auto entry : bundles) {
    auto bundle = parse_signed_bundle(Bytes(as_view(entry.getBody())), Bytes(as_view(entry.getSignature())));
    if (!bundle) return Refused{bundle.reason()};
    operation_count += bundle->content.operations.size();
    if (operation_count > limits::batch_operations_max) return Refused{"the batch has more than 8192 operations"};
    batch.bundles.push_back(std::move(*bundle));
  }
  const auto rejoins = content.getRejoins();
  if (rejoins.size() > replicas_max) return Refused{"the batch has more than 64 REJOINs"};
  if (!is_struct_list(rejoins)) return Refused{"the batch's REJOINs are not a list of structs"};
  batch.rejoins.reserve(rejoins.size());
  for (const auto entry : rejoins) {
    auto rejoin = parse_rejoin(Bytes(as_view(entry.getBody())), Bytes(as_view(entry.getSignature())));
    if (!rejoin) return Refused{rejoin.reason()};
    batch.rejoins.push_back(std::move(*rejoin));
  }
  return batch;
}

Result<CheckpointStatement> read_checkpoint(schema::CheckpointBody::Reader body) {
  CheckpointStatement statement;
  if (!read_digest(body.getCluster(), statement.cluster)) return Refused{"the vote's cluster id has not 32 bytes"};
  statement.epoch = body.getEpoch();
  statement.replica = body.getReplica();
  statement.incarnation = body.getIncarnation();
  statement.seq = body.getSeq();
  if (!read_digest(body.getRoot(), statement.root)) return Refused{"the vote's root has not 32 bytes"};
  return statement;
}

Result<RejoinStatement> read_rejoin(schema::RejoinBody::Reader body) {
  RejoinStatement statement;
  if (!read_digest(body.getCluster(), statement.cluster)) return Refused{"the REJOIN's cluster id has not 32 bytes"};
  statement.epoch = body.getEpoch();
  statement.replica = body.getReplica();
  statement.incarnation = body.getIncarnation();
  if (!read_digest(body.getNonce(), statement.nonce)) return Refused{"the REJOIN's nonce has not 32 bytes"};
  return statement;
}

template <typename Value>
Result<Value> validated(Result<Value> parsed) {
  if (!parsed) return parsed;
  if (auto refused = validate(*parsed)) return *std::move(refused);
  return parsed;
}

/// Domain names end in a zero byte, which none of them contains, so that none is the beginning of another.
Bytes statement_of(std::string_view domain, ByteView body) {
  Bytes statement;
  statement.reserve(domain.size() + 1 + body.size());
  statement.append(domain);
  statement.push_back('\0');
  statement.append(body);
  return statement;
}

}  // namespace

Bytes encode_bundle_body(const Bundle& bundle) {
  std::size_t size_words = root_words + capnp::sizeInWords<schema::BundleBody>() + digest_words;
  for (const auto& operation : bundle.operations) size_words += 1 + words(operation.size());
  SegmentBuilder builder(size_words);
  auto body = builder.root<schema::BundleBody>();
  body.setCluster(as_data(bundle.cluster.view()));
  body.setEpoch(bundle.epoch);
  body.setClient(bundle.client);
  body.setSession(bundle.session);
  body.setFirst(bundle.first);
  body.setAcknowledged(bundle.acknowledged);
  auto operations = body.initOperations(static_cast<unsigned>(bundle.operations.size()));
  for (unsigned at = 0; at < operations.size(); ++at) operations.set(at, as_data(bundle.operations[at]));
  auto bytes = builder.finish();
  TAGMA_ASSERT(bytes.size() <= limits::bundle_bytes_max, "a valid bundle's encoding is within the limit");
  return bytes;
}

Result<SignedBundle> parse_signed_bundle(Bytes body, Bytes signature) {
  auto content = read_segment<schema::BundleBody, Bundle>(body, limits::bundle_bytes_max,
                                                          "the bundle's body has more than 256 KiB", read_bundle);
  if (!content) return Refused{content.reason()};
  return SignedBundle{std::move(*content), std::move(body), std::move(signature)};
}

Result<SignedBundle> decode_signed_bundle(Bytes body, Bytes signature) {
  return validated(parse_signed_bundle(std::move(body), std::move(signature)));
}

Batch encode_batch(TimeUs proposed_time_us, std::vector<SignedBundle> bundles, std::vector<Rejoin> rejoins) {
  SegmentBuilder builder(root_words + capnp::sizeInWords<schema::Batch>() + signed_list_words(bundles) +
                         signed_list_words(rejoins));
  auto content = builder.root<schema::Batch>();
  content.setProposedTimeUs(proposed_time_us);
  write_signed_list(content.initBundles(static_cast<unsigned>(bundles.size())), bundles);
  // A batch without them stays what it was before there were any: the pointer is null.
  if (!rejoins.empty()) write_signed_list(content.initRejoins(static_cast<unsigned>(rejoins.size())), rejoins);
  Batch batch{builder.finish(), proposed_time_us, std::move(bundles), std::move(rejoins)};
  TAGMA_ASSERT(batch.bytes.size() <= limits::batch_bytes_max, "a valid batch's encoding is within the limit");
  return batch;
}

Result<Batch> parse_batch(Bytes bytes) {
  if (bytes.empty()) return Batch{};
  auto batch =
      read_segment<schema::Batch, Batch>(bytes, limits::batch_bytes_max, "the batch has more than 1 MiB", read_batch);
  if (!batch) return batch;
  batch->bytes = std::move(bytes);
  return batch;
}

Result<Batch> decode_batch(Bytes bytes) { return validated(parse_batch(std::move(bytes))); }

Bytes encode_checkpoint_body(const CheckpointStatement& statement) {
  SegmentBuilder builder(root_words + capnp::sizeInWords<schema::CheckpointBody>() + 2 * digest_words);
  auto body = builder.root<schema::CheckpointBody>();
  body.setCluster(as_data(statement.cluster.view()));
  body.setEpoch(statement.epoch);
  body.setReplica(statement.replica);
  body.setIncarnation(statement.incarnation);
  body.setSeq(statement.seq);
  body.setRoot(as_data(statement.root.view()));
  return builder.finish();
}

Result<CheckpointVote> parse_checkpoint_vote(Bytes body, Bytes signature) {
  auto content = read_segment<schema::CheckpointBody, CheckpointStatement>(
      body, limits::statement_bytes_max, "the checkpoint vote's body has more than 256 bytes", read_checkpoint);
  if (!content) return Refused{content.reason()};
  return CheckpointVote{*content, std::move(body), std::move(signature)};
}

Result<CheckpointCertificate> read_votes(capnp::List<schema::SignedBody>::Reader in) {
  if (in.size() > replicas_max) return Refused{"the certificate has more than 64 votes"};
  if (!is_struct_list(in)) return Refused{"the certificate's votes are not a list of structs"};
  CheckpointCertificate certificate;
  certificate.votes.reserve(in.size());
  for (const auto entry : in) {
    auto vote = parse_checkpoint_vote(Bytes(as_view(entry.getBody())), Bytes(as_view(entry.getSignature())));
    if (!vote) return Refused{vote.reason()};
    certificate.votes.push_back(std::move(*vote));
  }
  return certificate;
}

Bytes encode_rejoin_body(const RejoinStatement& statement) {
  SegmentBuilder builder(root_words + capnp::sizeInWords<schema::RejoinBody>() + 2 * digest_words);
  auto body = builder.root<schema::RejoinBody>();
  body.setCluster(as_data(statement.cluster.view()));
  body.setEpoch(statement.epoch);
  body.setReplica(statement.replica);
  body.setIncarnation(statement.incarnation);
  body.setNonce(as_data(statement.nonce.view()));
  return builder.finish();
}

Result<Rejoin> parse_rejoin(Bytes body, Bytes signature) {
  auto content = read_segment<schema::RejoinBody, RejoinStatement>(
      body, limits::statement_bytes_max, "the REJOIN's body has more than 256 bytes", read_rejoin);
  if (!content) return Refused{content.reason()};
  return Rejoin{*content, std::move(body), std::move(signature)};
}

Bytes bundle_statement(ByteView body) { return statement_of("tagma bundle 1", body); }
Bytes checkpoint_statement(ByteView body) { return statement_of("tagma checkpoint 1", body); }
Bytes rejoin_statement(ByteView body) { return statement_of("tagma rejoin 1", body); }
Bytes view_change_statement(ByteView body) { return statement_of("tagma view-change 1", body); }
Bytes new_view_statement(ByteView body) { return statement_of("tagma new-view 1", body); }

}  // namespace tagma::wire
