// What is said: every protocol message as a plain value. Generated wire types live behind messages/wire/codec.h only.
//
// | message               | from -> to        | meaning                                                            |
// |-----------------------|-------------------|--------------------------------------------------------------------|
// | Submit                | client/replica -> replica | a signed bundle of requests, also when relayed             |
// | PrePrepare            | primary -> all    | proposes a batch for (view, seq)                                   |
// | Prepare               | replica -> all    | "I have recorded this digest for (view, seq)"                      |
// | Commit                | replica -> all    | "a quorum has recorded this digest for (view, seq)"                |
// | CheckpointVote        | replica -> all    | signed: "after seq my state has this root, and it is durable"      |
// | CheckpointCertificate | replica -> replica| a quorum of matching checkpoint votes                              |
// | Status                | replica -> all    | what the sender has and lacks; answered by retransmission          |
// | Decided               | replica -> replica| first-hand: "I executed this digest at seq"                        |
// | FetchBatch / BatchBody| replica <-> replica | a missing batch by digest                                        |
// | Replies               | replica -> client | results of ordered requests of one session                         |
// | Refusal               | replica -> client | a hint of one replica: not ordered, and why                        |
// | ReportQuery / Report  | client <-> replica| what `tagma status` shows                                          |
// | HistoryQuery / History| administrator <-> replica | what its newest slots did, and its newest roots            |
// | State...Query / State...| administrator <-> replica | nodes, keys and values of its newest checkpoint          |
// | StateLeaseQuery / StateLease | replica <-> replica | "keep a checkpoint for me" / "kept", with votes   |
// | StatePartsQuery / StateParts | replica <-> replica | parts of the leased checkpoint                   |
// | Rejoin                | replica -> all    | signed: "I lost my memory; let me vote in a new life"              |
// | ViewChange            | replica -> all    | signed: "I want this view, and this is what I recorded before it"  |
// | NewView               | primary -> all    | signed: the VIEW-CHANGEs on which a view begins; anybody relays it |
// | FetchNewView          | replica -> replica| a NEW-VIEW by digest                                               |
//
// Administrators ask and are answered like clients, beside what they alone may ask.
//
// Only bundles, checkpoint votes, REJOINs, VIEW-CHANGEs and NEW-VIEWs are signed here; everything else is authenticated
// by the frame that carries it (crypto/channel.h), so sender, epoch, cluster and incarnation are the frame's and not
// repeated in the body.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "messages/inspection.h"
#include "messages/membership.h"
#include "messages/transfer.h"
#include "tagma/bytes.h"
#include "tagma/report.h"

namespace tagma {

/// Requests `first`, `first`+1, ... of one session, under one signature.
struct Bundle {
  ClusterId cluster;
  Epoch epoch = 0;
  ClientId client = 0;             ///< who asks; an administrator as requester_of() says (membership.h)
  SessionId session = 0;           ///< chosen by the client, rising; never 0
  RequestNumber first = 1;         ///< numbers start at 1 and are contiguous within a session
  RequestNumber acknowledged = 0;  ///< the client has accepted the replies of all numbers up to here; below `first`
  std::vector<Bytes> operations;   ///< at least one

  /// The number after the last one of this bundle.
  [[nodiscard]] RequestNumber end() const { return first + operations.size(); }
  auto operator<=>(const Bundle&) const = default;
};

/// A bundle with the exact bytes that its client signed.
struct SignedBundle {
  Bundle content;   ///< what `body` says
  Bytes body;       ///< the exact signed bytes, never re-encoded
  Bytes signature;  ///< over bundle_statement(body), by the client's key

  auto operator<=>(const SignedBundle&) const = default;
};

/// Tells one life of a replica from every other: random, never zero but in the first life.
using LifeNonce = Digest;

/// The signed content of a REJOIN: the sender has lost what it promised as `incarnation`, and asks to vote on in its
/// next life (protocol: "Amnesia is a replacement of a member").
struct RejoinStatement {
  ClusterId cluster;
  Epoch epoch = 0;
  ReplicaId replica = 0;
  Incarnation incarnation = 0;  ///< of the life that ended
  LifeNonce nonce;              ///< of the new one
  auto operator<=>(const RejoinStatement&) const = default;
};

struct Rejoin {
  RejoinStatement content;  ///< what `body` says
  Bytes body;               ///< the exact signed bytes
  Bytes signature;          ///< over rejoin_statement(body), by the replica's key
  auto operator<=>(const Rejoin&) const = default;
};

/// What one PRE-PREPARE orders. Its digest is that of `bytes`; it covers neither view nor slot.
struct Batch {
  Bytes bytes;                        ///< exact encoding; empty for the null batch, which orders nothing
  TimeUs proposed_time_us = 0;        ///< the primary's clock; becomes agreed time by the rule in replica/core
  std::vector<SignedBundle> bundles;  ///< what `bytes` says
  std::vector<Rejoin> rejoins;        ///< the same; executed before the bundles

  [[nodiscard]] bool is_null() const { return bytes.empty(); }
  /// The null batch, or one that only tells the time.
  [[nodiscard]] bool orders_nothing() const { return bundles.empty() && rejoins.empty(); }
  /// Number of operations in all bundles.
  [[nodiscard]] std::size_t operation_count() const {
    std::size_t count = 0;
    for (const auto& bundle : bundles) count += bundle.content.operations.size();
    return count;
  }
};
using SharedBatch = std::shared_ptr<const Batch>;

struct Submit {
  std::shared_ptr<const SignedBundle> bundle;  ///< never null
};

struct PrePrepare {
  View view = 0;
  Seq seq = 0;
  SharedBatch batch;  ///< never null
};

struct Prepare {
  View view = 0;
  Seq seq = 0;
  Digest digest;
  auto operator<=>(const Prepare&) const = default;
};

struct Commit {
  View view = 0;
  Seq seq = 0;
  Digest digest;
  auto operator<=>(const Commit&) const = default;
};

/// The signed content of a checkpoint vote.
struct CheckpointStatement {
  ClusterId cluster;
  Epoch epoch = 0;
  ReplicaId replica = 0;
  Incarnation incarnation = 0;
  Seq seq = 0;
  Digest root;  ///< root of the whole replicated state after executing seq
  auto operator<=>(const CheckpointStatement&) const = default;
};

struct CheckpointVote {
  CheckpointStatement content;  ///< what `body` says
  Bytes body;                   ///< the exact signed bytes
  Bytes signature;              ///< over checkpoint_statement(body), by the replica's key
  auto operator<=>(const CheckpointVote&) const = default;
};

struct CheckpointCertificate {
  std::vector<CheckpointVote> votes;  ///< a quorum of distinct members, all with the same seq and root
  auto operator<=>(const CheckpointCertificate&) const = default;
};

/// What the sender of a Status holds for one slot that is not finished there. Sets of replicas are masks: bit i
/// stands for replica i.
struct SlotStatus {
  Seq seq = 0;
  bool has_batch = false;
  std::uint64_t prepares = 0;  ///< whose PREPAREs it holds
  std::uint64_t commits = 0;   ///< whose COMMITs it holds
  auto operator<=>(const SlotStatus&) const = default;
};

struct Status {
  View view = 0;        ///< the sender votes in it, or wants it to begin
  bool active = false;  ///< it votes in it: it has its NEW-VIEW, or it is view 0
  bool doubts = false;  ///< what the view's primary proposes: there are two accounts of it (replica/core/doubts.h)
  Seq certificate = 0;  ///< its highest stable checkpoint
  Seq executed = 0;     ///< its last executed slot
  /// Rising seq, all above the certificate: slots that the sender has not executed, and executed ones for which it has
  /// not sent its own COMMIT. Of a slot above `executed` that is not listed it has nothing.
  std::vector<SlotStatus> slots;
  auto operator<=>(const Status&) const = default;
};

struct Decided {
  Seq seq = 0;
  Digest digest;
  auto operator<=>(const Decided&) const = default;
};

struct FetchBatch {
  Seq seq = 0;
  Digest digest;
  auto operator<=>(const FetchBatch&) const = default;
};

struct BatchBody {
  Seq seq = 0;
  SharedBatch batch;  ///< never null
};

/// How an ordered request ended. Part of what f+1 replies must agree on.
enum class Outcome : std::uint8_t {
  executed = 1,         ///< `result` is the service's reply
  session_evicted = 2,  ///< the session is below its client's evicted floor; nothing was executed now
  outside_window = 3,   ///< the number is further ahead of `acknowledged` than the session window; not executed
};

struct ReplyEntry {
  RequestNumber number = 0;
  Digest request_digest;  ///< digest of the operation's bytes
  Seq seq = 0;            ///< slot that executed it; 0 for session_evicted answered without ordering
  Outcome outcome = Outcome::executed;
  Bytes result;  ///< an encoded service reply, see tagma/operation.h
  auto operator<=>(const ReplyEntry&) const = default;
};

struct Replies {
  Epoch epoch = 0;
  View view = 0;  ///< a hint for routing, outside of the match
  ClientId client = 0;
  SessionId session = 0;
  std::vector<ReplyEntry> entries;
  auto operator<=>(const Replies&) const = default;
};

/// Why one replica did not take a request. A hint: it proves nothing (client rule 4).
enum class RefusalReason : std::uint8_t {
  busy = 1,  ///< no room now; retry later with the same bytes
  unknown_client = 2,
  bad_signature = 3,
  wrong_epoch = 4,
  outside_window = 5,
  too_many_sessions = 6,
  not_serving = 7,  ///< the replica has stopped voting
};
[[nodiscard]] std::string_view to_string(RefusalReason reason);

struct Refusal {
  SessionId session = 0;
  RequestNumber first = 0;  ///< first number of the refused bundle
  RefusalReason reason = RefusalReason::busy;
  auto operator<=>(const Refusal&) const = default;
};

struct ReportQuery {
  std::uint64_t nonce = 0;  ///< returned in the Report
  auto operator<=>(const ReportQuery&) const = default;
};

struct StateLeaseQuery {
  std::uint64_t nonce = 0;  ///< returned in the answer
  Seq above = 0;            ///< a checkpoint up to here is of no use to the sender
  auto operator<=>(const StateLeaseQuery&) const = default;
};

/// The sender keeps this checkpoint for a while and answers questions about it.
struct StateLease {
  std::uint64_t nonce = 0;
  std::uint64_t content_bytes = 0;  ///< of all keys and values, about: a hint that nothing proves
  /// Votes for the checkpoint, as many as the sender has: a quorum's, or its own and perhaps more. Of distinct members,
  /// all with the same seq and root.
  CheckpointCertificate votes;
  auto operator<=>(const StateLease&) const = default;
};

/// What a VIEW-CHANGE claims for one slot: an entry of P or of Q (docs/protocol.md, "View change").
struct SlotClaim {
  Seq seq = 0;
  View view = 0;
  Digest digest;
  auto operator<=>(const SlotClaim&) const = default;
};

/// Names one NEW-VIEW: a faulty primary can make several for its view.
struct NewViewName {
  View view = 0;
  Digest digest;  ///< of its body
  auto operator<=>(const NewViewName&) const = default;
};

/// The signed content of a VIEW-CHANGE: the sender votes in no view below this one any more.
struct ViewChangeStatement {
  ClusterId cluster;
  Epoch epoch = 0;
  ReplicaId replica = 0;
  Incarnation incarnation = 0;  ///< of the life whose votes this speaks of
  View view = 0;                ///< the view that is to begin; never 0
  std::uint64_t issue = 0;      ///< a later VIEW-CHANGE of the same sender for the same view has a higher one
  /// The NEW-VIEWs that made the sender drop something it had recorded above its certificate; the sender keeps them.
  std::vector<NewViewName> dropped_by;
  /// The sender's highest stable checkpoint; without votes it is what the cluster began with.
  CheckpointCertificate certificate;
  std::vector<SlotClaim> prepared;  ///< P: at most one for a slot, by rising seq; views below `view`
  std::vector<SlotClaim> recorded;  ///< Q: at most two for a slot, by rising (seq, digest); views below `view`
  auto operator<=>(const ViewChangeStatement&) const = default;
};

struct ViewChange {
  ViewChangeStatement content;  ///< what `body` says
  Bytes body;                   ///< the exact signed bytes
  Bytes signature;              ///< over view_change_statement(body), by the replica's key
  auto operator<=>(const ViewChange&) const = default;
};

/// The signed content of a NEW-VIEW. What it chooses for each slot follows from the VIEW-CHANGEs alone.
struct NewViewStatement {
  ClusterId cluster;
  Epoch epoch = 0;
  View view = 0;                         ///< never 0; its primary signs
  std::vector<ViewChange> view_changes;  ///< for this view, by rising replica
  auto operator<=>(const NewViewStatement&) const = default;
};

struct NewView {
  NewViewStatement content;  ///< what `body` says
  Bytes body;                ///< the exact signed bytes; their digest names the NEW-VIEW
  Bytes signature;           ///< over new_view_statement(body), by the primary's key
  auto operator<=>(const NewView&) const = default;
};
using SharedNewView = std::shared_ptr<const NewView>;

struct FetchNewView {
  View view = 0;
  Digest digest;
  auto operator<=>(const FetchNewView&) const = default;
};

using Message =
    std::variant<Submit, PrePrepare, Prepare, Commit, CheckpointVote, CheckpointCertificate, Status, Decided,
                 FetchBatch, BatchBody, Replies, Refusal, ReportQuery, Report, HistoryQuery, History, StateNodesQuery,
                 StateNodes, StateKeysQuery, StateKeys, StateValuesQuery, StateValues, StateLeaseQuery, StateLease,
                 StatePartsQuery, StateParts, Rejoin, ViewChange, NewView, FetchNewView>;

/// The message's name in protocol words, for logs and traces.
[[nodiscard]] std::string_view name_of(const Message& message);

}  // namespace tagma
