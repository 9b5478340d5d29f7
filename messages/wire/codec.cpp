#include "messages/wire/codec.h"

#include <tagma.capnp.h>

#include "messages/assert.h"
#include "messages/validate.h"
#include "messages/wire/inspection_codec.h"
#include "messages/wire/segment.h"
#include "messages/wire/signed_bodies.h"
#include "messages/wire/transfer_codec.h"
#include "tagma/limits.h"

namespace tagma::wire {
namespace {

/// Words below the Message struct; exact, so that the scratch buffer always suffices.
struct ContentWords {
  std::size_t operator()(const Submit& message) const {
    return capnp::sizeInWords<schema::SignedBody>() +
           signed_body_words(message.bundle->body, message.bundle->signature);
  }
  std::size_t operator()(const PrePrepare& message) const {
    return capnp::sizeInWords<schema::PrePrepare>() + words(message.batch->bytes.size());
  }
  std::size_t operator()(const Prepare&) const { return capnp::sizeInWords<schema::SlotVote>() + digest_words; }
  std::size_t operator()(const Commit&) const { return capnp::sizeInWords<schema::SlotVote>() + digest_words; }
  std::size_t operator()(const CheckpointVote& vote) const {
    return capnp::sizeInWords<schema::SignedBody>() + signed_body_words(vote.body, vote.signature);
  }
  std::size_t operator()(const Rejoin& message) const {
    return capnp::sizeInWords<schema::SignedBody>() + signed_body_words(message.body, message.signature);
  }
  std::size_t operator()(const ViewChange& message) const {
    return capnp::sizeInWords<schema::SignedBody>() + signed_body_words(message.body, message.signature);
  }
  std::size_t operator()(const NewView& message) const {
    return capnp::sizeInWords<schema::SignedBody>() + signed_body_words(message.body, message.signature);
  }
  std::size_t operator()(const FetchNewView&) const {
    return capnp::sizeInWords<schema::FetchNewView>() + digest_words;
  }
  std::size_t operator()(const CheckpointCertificate& message) const {
    return capnp::sizeInWords<schema::CheckpointCertificate>() + signed_list_words(message.votes);
  }
  std::size_t operator()(const Status& message) const {
    return capnp::sizeInWords<schema::Status>() + list_tag_words +
           message.slots.size() * capnp::sizeInWords<schema::SlotStatus>();
  }
  std::size_t operator()(const Decided&) const { return capnp::sizeInWords<schema::SlotDigest>() + digest_words; }
  std::size_t operator()(const FetchBatch&) const { return capnp::sizeInWords<schema::SlotDigest>() + digest_words; }
  std::size_t operator()(const BatchBody& message) const {
    return capnp::sizeInWords<schema::SlotBatch>() + words(message.batch->bytes.size());
  }
  std::size_t operator()(const Replies& message) const {
    std::size_t size = capnp::sizeInWords<schema::Replies>() + list_tag_words;
    for (const auto& entry : message.entries) {
      size += capnp::sizeInWords<schema::ReplyEntry>() + digest_words + words(entry.result.size());
    }
    return size;
  }
  std::size_t operator()(const Refusal&) const { return capnp::sizeInWords<schema::Refusal>(); }
  std::size_t operator()(const ReportQuery&) const { return capnp::sizeInWords<schema::ReportQuery>(); }
  std::size_t operator()(const Report& message) const {
    std::size_t size = capnp::sizeInWords<schema::Report>() + digest_words + list_tag_words;
    for (const auto& [name, value] : message.counters) {
      size += capnp::sizeInWords<schema::Counter>() + words(name.size() + 1);
    }
    return size;
  }
  /// What the state is asked about.
  template <typename Content>
  std::size_t operator()(const Content& message) const {
    return content_words(message);
  }
};

void write_signed_body(schema::SignedBody::Builder out, ByteView body, ByteView signature) {
  out.setBody(as_data(body));
  out.setSignature(as_data(signature));
}

template <typename Vote>
void write_slot_vote(schema::SlotVote::Builder out, const Vote& vote) {
  out.setView(vote.view);
  out.setSeq(vote.seq);
  out.setDigest(as_data(vote.digest.view()));
}

template <typename Named>
void write_slot_digest(schema::SlotDigest::Builder out, const Named& message) {
  out.setSeq(message.seq);
  out.setDigest(as_data(message.digest.view()));
}

void write_replies(schema::Replies::Builder out, const Replies& message) {
  out.setEpoch(message.epoch);
  out.setView(message.view);
  out.setClient(message.client);
  out.setSession(message.session);
  auto entries = out.initEntries(static_cast<unsigned>(message.entries.size()));
  for (unsigned at = 0; at < entries.size(); ++at) {
    const auto& from = message.entries[at];
    auto entry = entries[at];
    entry.setNumber(from.number);
    entry.setRequestDigest(as_data(from.request_digest.view()));
    entry.setSeq(from.seq);
    entry.setOutcome(static_cast<std::uint8_t>(from.outcome));
    entry.setResult(as_data(from.result));
  }
}

void write_report(schema::Report::Builder out, const Report& message) {
  out.setNonce(message.nonce);
  out.setEpoch(message.epoch);
  out.setIncarnation(message.incarnation);
  out.setView(message.view);
  out.setLastExecuted(message.last_executed);
  out.setStableCheckpoint(message.stable_checkpoint);
  out.setStateDigestSeq(message.state_digest_seq);
  out.setStateDigest(as_data(message.state_digest.view()));
  out.setVoting(message.voting);
  auto counters = out.initCounters(static_cast<unsigned>(message.counters.size()));
  for (unsigned at = 0; at < counters.size(); ++at) {
    const auto& [name, value] = message.counters[at];
    auto counter = counters[at];
    counter.setName(kj::StringPtr(name.c_str(), name.size()));
    counter.setValue(value);
  }
}

/// Fills the union of the Message struct.
struct Writer {
  schema::Message::Builder out;

  void operator()(const Submit& message) {
    write_signed_body(out.initSubmit(), message.bundle->body, message.bundle->signature);
  }
  void operator()(const PrePrepare& message) {
    auto content = out.initPrePrepare();
    content.setView(message.view);
    content.setSeq(message.seq);
    content.setBatch(as_data(message.batch->bytes));
  }
  void operator()(const Prepare& message) { write_slot_vote(out.initPrepare(), message); }
  void operator()(const Commit& message) { write_slot_vote(out.initCommit(), message); }
  void operator()(const CheckpointVote& vote) {
    write_signed_body(out.initCheckpointVote(), vote.body, vote.signature);
  }
  void operator()(const CheckpointCertificate& message) {
    write_signed_list(out.initCheckpointCertificate().initVotes(static_cast<unsigned>(message.votes.size())),
                      message.votes);
  }
  void operator()(const Status& message) {
    auto content = out.initStatus();
    content.setView(message.view);
    content.setActive(message.active);
    content.setDoubts(message.doubts);
    content.setCertificate(message.certificate);
    content.setExecuted(message.executed);
    auto slots = content.initSlots(static_cast<unsigned>(message.slots.size()));
    for (unsigned at = 0; at < slots.size(); ++at) {
      const auto& from = message.slots[at];
      auto slot = slots[at];
      slot.setSeq(from.seq);
      slot.setHasBatch(from.has_batch);
      slot.setPrepares(from.prepares);
      slot.setCommits(from.commits);
    }
  }
  void operator()(const Decided& message) { write_slot_digest(out.initDecided(), message); }
  void operator()(const FetchBatch& message) { write_slot_digest(out.initFetchBatch(), message); }
  void operator()(const BatchBody& message) {
    auto content = out.initBatchBody();
    content.setSeq(message.seq);
    content.setBatch(as_data(message.batch->bytes));
  }
  void operator()(const Replies& message) { write_replies(out.initReplies(), message); }
  void operator()(const Refusal& message) {
    auto content = out.initRefusal();
    content.setSession(message.session);
    content.setFirst(message.first);
    content.setReason(static_cast<std::uint8_t>(message.reason));
  }
  void operator()(const ReportQuery& message) { out.initReportQuery().setNonce(message.nonce); }
  void operator()(const Report& message) { write_report(out.initReport(), message); }
  void operator()(const HistoryQuery& message) { write(out.initHistoryQuery(), message); }
  void operator()(const History& message) { write(out.initHistory(), message); }
  void operator()(const StateNodesQuery& message) { write(out.initStateNodesQuery(), message); }
  void operator()(const StateNodes& message) { write(out.initStateNodes(), message); }
  void operator()(const StateKeysQuery& message) { write(out.initStateKeysQuery(), message); }
  void operator()(const StateKeys& message) { write(out.initStateKeys(), message); }
  void operator()(const StateValuesQuery& message) { write(out.initStateValuesQuery(), message); }
  void operator()(const StateValues& message) { write(out.initStateValues(), message); }
  void operator()(const StateLeaseQuery& message) { write(out.initStateLeaseQuery(), message); }
  void operator()(const StateLease& message) { write(out.initStateLease(), message); }
  void operator()(const StatePartsQuery& message) { write(out.initStatePartsQuery(), message); }
  void operator()(const StateParts& message) { write(out.initStateParts(), message); }
  void operator()(const Rejoin& message) { write_signed_body(out.initRejoin(), message.body, message.signature); }
  void operator()(const ViewChange& message) {
    write_signed_body(out.initViewChange(), message.body, message.signature);
  }
  void operator()(const NewView& message) { write_signed_body(out.initNewView(), message.body, message.signature); }
  void operator()(const FetchNewView& message) {
    auto content = out.initFetchNewView();
    content.setView(message.view);
    content.setDigest(as_data(message.digest.view()));
  }
};

Result<Message> read_submit(schema::SignedBody::Reader in) {
  auto bundle = parse_signed_bundle(Bytes(as_view(in.getBody())), Bytes(as_view(in.getSignature())));
  if (!bundle) return Refused{bundle.reason()};
  return Message{Submit{std::make_shared<const SignedBundle>(std::move(*bundle))}};
}

Result<SharedBatch> read_batch(kj::ArrayPtr<const kj::byte> data) {
  // Before the copy, so that an oversized batch costs nothing.
  if (data.size() > limits::batch_bytes_max) return Refused{"the batch has more than 1 MiB"};
  auto batch = parse_batch(Bytes(as_view(data)));
  if (!batch) return Refused{batch.reason()};
  return SharedBatch(std::make_shared<const Batch>(std::move(*batch)));
}

Result<Message> read_pre_prepare(schema::PrePrepare::Reader in) {
  auto batch = read_batch(in.getBatch());
  if (!batch) return Refused{batch.reason()};
  return Message{PrePrepare{in.getView(), in.getSeq(), std::move(*batch)}};
}

Result<Message> read_batch_body(schema::SlotBatch::Reader in) {
  auto batch = read_batch(in.getBatch());
  if (!batch) return Refused{batch.reason()};
  return Message{BatchBody{in.getSeq(), std::move(*batch)}};
}

template <typename Vote>
Result<Message> read_slot_vote(schema::SlotVote::Reader in) {
  Vote vote;
  vote.view = in.getView();
  vote.seq = in.getSeq();
  if (!read_digest(in.getDigest(), vote.digest)) return Refused{"the vote's digest has not 32 bytes"};
  return Message{vote};
}

template <typename Named>
Result<Message> read_slot_digest(schema::SlotDigest::Reader in) {
  Named message;
  message.seq = in.getSeq();
  if (!read_digest(in.getDigest(), message.digest)) return Refused{"the batch's digest has not 32 bytes"};
  return Message{message};
}

/// A part of a message as the whole of one.
template <typename Content>
Result<Message> as_message(Result<Content> content) {
  if (!content) return Refused{content.reason()};
  return Message{std::move(*content)};
}

template <typename Signed>
Result<Signed> read_signed(schema::SignedBody::Reader in, Result<Signed> (*parse)(Bytes body, Bytes signature)) {
  return parse(Bytes(as_view(in.getBody())), Bytes(as_view(in.getSignature())));
}

Result<Message> read_fetch_new_view(schema::FetchNewView::Reader in) {
  FetchNewView message;
  message.view = in.getView();
  if (!read_digest(in.getDigest(), message.digest)) return Refused{"the NEW-VIEW's digest has not 32 bytes"};
  return Message{message};
}

Result<Message> read_status(schema::Status::Reader in) {
  const auto slots = in.getSlots();
  if (slots.size() > limits::status_slots_max) return Refused{"the status speaks of more than 64 slots"};
  if (!is_struct_list(slots)) return Refused{"the status's slots are not a list of structs"};
  Status status;
  status.view = in.getView();
  status.active = in.getActive();
  status.doubts = in.getDoubts();
  status.certificate = in.getCertificate();
  status.executed = in.getExecuted();
  status.slots.reserve(slots.size());
  for (const auto slot : slots) {
    status.slots.push_back({slot.getSeq(), slot.getHasBatch(), slot.getPrepares(), slot.getCommits()});
  }
  return Message{std::move(status)};
}

Result<Message> read_replies(schema::Replies::Reader in) {
  const auto entries = in.getEntries();
  if (entries.size() > limits::replies_max) return Refused{"there are more than 512 replies in one message"};
  if (!is_struct_list(entries)) return Refused{"the replies are not a list of structs"};
  Replies replies;
  replies.epoch = in.getEpoch();
  replies.view = in.getView();
  replies.client = in.getClient();
  replies.session = in.getSession();
  replies.entries.reserve(entries.size());
  for (const auto from : entries) {
    ReplyEntry& entry = replies.entries.emplace_back();
    entry.number = from.getNumber();
    if (!read_digest(from.getRequestDigest(), entry.request_digest)) {
      return Refused{"a reply's request digest has not 32 bytes"};
    }
    entry.seq = from.getSeq();
    entry.outcome = static_cast<Outcome>(from.getOutcome());
    entry.result = as_view(from.getResult());
  }
  return Message{std::move(replies)};
}

Result<Message> read_report(schema::Report::Reader in) {
  const auto counters = in.getCounters();
  if (counters.size() > limits::report_counters_max) return Refused{"the report has more than 256 counters"};
  if (!is_struct_list(counters)) return Refused{"the report's counters are not a list of structs"};
  Report report;
  report.nonce = in.getNonce();
  report.epoch = in.getEpoch();
  report.incarnation = in.getIncarnation();
  report.view = in.getView();
  report.last_executed = in.getLastExecuted();
  report.stable_checkpoint = in.getStableCheckpoint();
  report.state_digest_seq = in.getStateDigestSeq();
  if (!read_digest(in.getStateDigest(), report.state_digest)) return Refused{"the report's digest has not 32 bytes"};
  report.voting = in.getVoting();
  report.counters.reserve(counters.size());
  for (const auto counter : counters) {
    const auto name = counter.getName();
    report.counters.emplace_back(std::string(name.begin(), name.size()), counter.getValue());
  }
  return Message{std::move(report)};
}

Result<Message> read_message(schema::Message::Reader in) {
  switch (in.which()) {
    case schema::Message::NONE: return Refused{"the message is empty"};
    case schema::Message::SUBMIT: return read_submit(in.getSubmit());
    case schema::Message::PRE_PREPARE: return read_pre_prepare(in.getPrePrepare());
    case schema::Message::PREPARE: return read_slot_vote<Prepare>(in.getPrepare());
    case schema::Message::COMMIT: return read_slot_vote<Commit>(in.getCommit());
    case schema::Message::CHECKPOINT_VOTE:
      return as_message(read_signed(in.getCheckpointVote(), parse_checkpoint_vote));
    case schema::Message::CHECKPOINT_CERTIFICATE:
      return as_message(read_votes(in.getCheckpointCertificate().getVotes()));
    case schema::Message::STATUS: return read_status(in.getStatus());
    case schema::Message::DECIDED: return read_slot_digest<Decided>(in.getDecided());
    case schema::Message::FETCH_BATCH: return read_slot_digest<FetchBatch>(in.getFetchBatch());
    case schema::Message::BATCH_BODY: return read_batch_body(in.getBatchBody());
    case schema::Message::REPLIES: return read_replies(in.getReplies());
    case schema::Message::REFUSAL: {
      const auto content = in.getRefusal();
      return Message{
          Refusal{content.getSession(), content.getFirst(), static_cast<RefusalReason>(content.getReason())}};
    }
    case schema::Message::REPORT_QUERY: return Message{ReportQuery{in.getReportQuery().getNonce()}};
    case schema::Message::REPORT: return read_report(in.getReport());
    case schema::Message::HISTORY_QUERY: return read(in.getHistoryQuery());
    case schema::Message::HISTORY: return read(in.getHistory());
    case schema::Message::STATE_NODES_QUERY: return read(in.getStateNodesQuery());
    case schema::Message::STATE_NODES: return read(in.getStateNodes());
    case schema::Message::STATE_KEYS_QUERY: return read(in.getStateKeysQuery());
    case schema::Message::STATE_KEYS: return read(in.getStateKeys());
    case schema::Message::STATE_VALUES_QUERY: return read(in.getStateValuesQuery());
    case schema::Message::STATE_VALUES: return read(in.getStateValues());
    case schema::Message::STATE_LEASE_QUERY: return read(in.getStateLeaseQuery());
    case schema::Message::STATE_LEASE: return read(in.getStateLease());
    case schema::Message::STATE_PARTS_QUERY: return read(in.getStatePartsQuery());
    case schema::Message::STATE_PARTS: return read(in.getStateParts());
    case schema::Message::REJOIN: return as_message(read_signed(in.getRejoin(), parse_rejoin));
    case schema::Message::VIEW_CHANGE: return as_message(read_view_change(in.getViewChange()));
    case schema::Message::NEW_VIEW: return as_message(read_new_view(in.getNewView()));
    case schema::Message::FETCH_NEW_VIEW: return read_fetch_new_view(in.getFetchNewView());
  }
  return Refused{"the message is of an unknown type"};
}

}  // namespace

Bytes encode(const Message& message) {
  const auto size_words = root_words + capnp::sizeInWords<schema::Message>() + std::visit(ContentWords{}, message);
  SegmentBuilder builder(size_words);
  std::visit(Writer{builder.root<schema::Message>()}, message);
  auto bytes = builder.finish();
  TAGMA_ASSERT(bytes.size() <= limits::message_bytes_max, "a valid message's encoding is within the limit");
  return bytes;
}

Result<Message> decode(ByteView bytes) {
  auto message = read_segment<schema::Message, Message>(bytes, limits::message_bytes_max,
                                                        "the message has more than 6 MiB", read_message);
  if (!message) return message;
  if (auto refused = validate(*message)) return *std::move(refused);
  return message;
}

}  // namespace tagma::wire
