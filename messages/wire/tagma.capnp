# The wire format of tagma. FORMAT.md says how these structs are framed, limited and signed.
#
# Rules of change: a field's number and type never change, new fields and union members get the next number, and a
# signed body (BundleBody, CheckpointBody, RejoinBody, ViewChangeBody, NewViewBody, BatchBody's content) is never re-encoded,
# because several encodings read alike.
@0x92a1f515cfa87fb3;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("tagma::wire::schema");

struct Message {
  union {
    none @0 :Void;  # an empty message reads as this; it is refused
    submit @1 :SignedBody;  # body: BundleBody
    prePrepare @2 :PrePrepare;
    prepare @3 :SlotVote;
    commit @4 :SlotVote;
    checkpointVote @5 :SignedBody;  # body: CheckpointBody
    checkpointCertificate @6 :CheckpointCertificate;
    status @7 :Status;
    decided @8 :SlotDigest;
    fetchBatch @9 :SlotDigest;
    batchBody @10 :SlotBatch;
    replies @11 :Replies;
    refusal @12 :Refusal;
    reportQuery @13 :ReportQuery;
    report @14 :Report;
    historyQuery @15 :HistoryQuery;
    history @16 :History;
    stateNodesQuery @17 :StateNodesQuery;
    stateNodes @18 :StateNodes;
    stateKeysQuery @19 :StateKeysQuery;
    stateKeys @20 :StateKeys;
    stateValuesQuery @21 :StateValuesQuery;
    stateValues @22 :StateValues;
    stateLeaseQuery @23 :StateLeaseQuery;
    stateLease @24 :StateLease;
    statePartsQuery @25 :StatePartsQuery;
    stateParts @26 :StateParts;
    rejoin @27 :SignedBody;  # body: RejoinBody
    viewChange @28 :SignedBody;  # body: ViewChangeBody
    newView @29 :SignedBody;  # body: NewViewBody
    fetchNewView @30 :FetchNewView;
  }
}

# The exact bytes that somebody signed, and the signature over their statement.
struct SignedBody {
  body @0 :Data;
  signature @1 :Data;
}

# Signed by a client: requests first, first+1, ... of one session.
struct BundleBody {
  cluster @0 :Data;  # 32 bytes
  epoch @1 :UInt64;
  client @2 :UInt32;
  session @3 :UInt64;
  first @4 :UInt64;
  acknowledged @5 :UInt64;
  operations @6 :List(Data);
}

# What one slot orders. Its digest is the SHA-256 of the exact bytes of this message.
struct Batch {
  proposedTimeUs @0 :Int64;
  bundles @1 :List(SignedBody);  # bodies: BundleBody
  rejoins @2 :List(SignedBody);  # bodies: RejoinBody; executed before the bundles
}

# Signed by a replica: the state's root after executing seq.
struct CheckpointBody {
  cluster @0 :Data;  # 32 bytes
  epoch @1 :UInt64;
  replica @2 :UInt32;
  incarnation @3 :UInt64;
  seq @4 :UInt64;
  root @5 :Data;  # 32 bytes
}

# Signed by a replica that has lost its memory: it asks to vote on as the next incarnation.
struct RejoinBody {
  cluster @0 :Data;  # 32 bytes
  epoch @1 :UInt64;
  replica @2 :UInt32;
  incarnation @3 :UInt64;  # of the life that ended
  nonce @4 :Data;  # 32 bytes, of the new life; not all zero
}

# Signed by a replica: it votes in no view below `view` any more, and this is what it recorded before.
struct ViewChangeBody {
  cluster @0 :Data;  # 32 bytes
  epoch @1 :UInt64;
  replica @2 :UInt32;
  incarnation @3 :UInt64;
  view @4 :UInt64;  # the view that is to begin
  issue @5 :UInt64;  # rises with every VIEW-CHANGE of the sender for the same view
  droppedBy @6 :Data;  # per NEW-VIEW 40 bytes: view (8, little endian), digest (32)
  certificate @7 :List(SignedBody);  # bodies: CheckpointBody; none: what the cluster began with
  prepared @8 :Data;  # per claim 48 bytes: seq (8), view (8), both little endian, digest (32)
  recorded @9 :Data;  # the same
}

# Signed by the primary of a view: the VIEW-CHANGEs on which it begins.
struct NewViewBody {
  cluster @0 :Data;  # 32 bytes
  epoch @1 :UInt64;
  view @2 :UInt64;
  viewChanges @3 :List(SignedBody);  # bodies: ViewChangeBody
}

struct FetchNewView {
  view @0 :UInt64;
  digest @1 :Data;  # 32 bytes: of the exact bytes of a NewViewBody
}

struct PrePrepare {
  view @0 :UInt64;
  seq @1 :UInt64;
  batch @2 :Data;  # exact bytes of a Batch; empty for the null batch
}

struct SlotVote {
  view @0 :UInt64;
  seq @1 :UInt64;
  digest @2 :Data;  # 32 bytes
}

struct CheckpointCertificate {
  votes @0 :List(SignedBody);  # bodies: CheckpointBody
}

struct Status {
  view @0 :UInt64;
  certificate @1 :UInt64;
  executed @2 :UInt64;
  slots @3 :List(SlotStatus);
  active @4 :Bool;  # votes in view; otherwise it wants it to begin
  doubts @5 :Bool;  # whether its primary proposes the same to all
}

struct SlotStatus {
  seq @0 :UInt64;
  hasBatch @1 :Bool;
  prepares @2 :UInt64;  # bit i: holds the PREPARE of replica i
  commits @3 :UInt64;  # bit i: holds the COMMIT of replica i
}

struct SlotDigest {
  seq @0 :UInt64;
  digest @1 :Data;  # 32 bytes
}

struct SlotBatch {
  seq @0 :UInt64;
  batch @1 :Data;  # exact bytes of a Batch; empty for the null batch
}

struct Replies {
  epoch @0 :UInt64;
  view @1 :UInt64;
  client @2 :UInt32;
  session @3 :UInt64;
  entries @4 :List(ReplyEntry);
}

struct ReplyEntry {
  number @0 :UInt64;
  requestDigest @1 :Data;  # 32 bytes
  seq @2 :UInt64;
  outcome @3 :UInt8;  # 1 executed, 2 session evicted, 3 outside the window
  result @4 :Data;
}

struct Refusal {
  session @0 :UInt64;
  first @1 :UInt64;
  reason @2 :UInt8;  # 1 busy ... 7 not serving, see messages.h
}

struct ReportQuery {
  nonce @0 :UInt64;
}

struct Report {
  nonce @0 :UInt64;
  epoch @1 :UInt64;
  incarnation @2 :UInt64;
  view @3 :UInt64;
  lastExecuted @4 :UInt64;
  stableCheckpoint @5 :UInt64;
  stateDigestSeq @6 :UInt64;
  stateDigest @7 :Data;  # 32 bytes
  voting @8 :Bool;
  counters @9 :List(Counter);
}

struct Counter {
  name @0 :Text;
  value @1 :UInt64;
}

struct HistoryQuery {
  nonce @0 :UInt64;
  first @1 :UInt64;
  count @2 :UInt32;
}

struct History {
  nonce @0 :UInt64;
  executed @1 :UInt64;
  oldest @2 :UInt64;
  checkpointInterval @3 :UInt64;
  first @4 :UInt64;
  slots @5 :Data;  # per slot 64 bytes: digest of the batch, digest of the writes
  rootSeqs @6 :List(UInt64);
  roots @7 :Data;  # per root 32 bytes
}

struct StateNodesQuery {
  nonce @0 :UInt64;
  seq @1 :UInt64;
  prefixes @2 :List(Data);  # one nibble per byte
}

struct StateNodes {
  nonce @0 :UInt64;
  seq @1 :UInt64;
  nodes @2 :List(StateNode);
}

struct StateNode {
  prefix @0 :Data;  # one nibble per byte
  kind @1 :UInt8;  # 1 absent, 2 leaf, 3 inner
  occupied @2 :UInt16;  # bit i: child i exists
  leaves @3 :UInt16;  # bit i: child i is a leaf
  digests @4 :Data;  # per child 32 bytes; of a leaf its own
  paths @5 :Data;  # per child that is a leaf 32 bytes; of a leaf its own
}

struct StateKeysQuery {
  nonce @0 :UInt64;
  seq @1 :UInt64;
  from @2 :Data;
}

struct StateKeys {
  nonce @0 :UInt64;
  seq @1 :UInt64;
  keys @2 :List(Data);
  more @3 :Bool;
}

struct StateValuesQuery {
  nonce @0 :UInt64;
  seq @1 :UInt64;
  keys @2 :List(Data);
}

struct StateValues {
  nonce @0 :UInt64;
  seq @1 :UInt64;
  values @2 :List(StateValue);
}

struct StateValue {
  present @0 :Bool;
  sizeBytes @1 :UInt64;
  value @2 :Data;  # its beginning where it is very long
}

struct StateLeaseQuery {
  nonce @0 :UInt64;
  above @1 :UInt64;
}

struct StateLease {
  nonce @0 :UInt64;
  votes @1 :List(SignedBody);  # bodies: CheckpointBody
  contentBytes @2 :UInt64;
}

struct StateQuestion {
  prefix @0 :Data;  # one nibble per byte
  nodeWanted @1 :Bool;
}

struct StatePartsQuery {
  nonce @0 :UInt64;
  seq @1 :UInt64;
  places @2 :List(StateQuestion);
}

struct StatePiece {
  prefix @0 :Data;  # one nibble per byte
  entries @1 :Data;  # in the order of their paths; messages/state_entries.h has the packing
}

struct StateParts {
  nonce @0 :UInt64;
  seq @1 :UInt64;
  nodes @2 :List(StateNode);
  pieces @3 :List(StatePiece);
}
