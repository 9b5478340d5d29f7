// What the core wants done. The effects of all events form ONE sequence (protocol: "effects as one durable sequence"):
//   - a Send with `after_persists`, a Reply with it, a WriteCheckpoint and an InstallState wait until all Persist
//     effects before them are durable;
//   - a Send without it may overtake;
//   - a Remember goes to disk with the next Persist, in their order;
//   - what WriteCheckpoint, ReadStaged, StagePieces and InstallState begin are jobs beside the sequence, one after the
//     other; their ends are the events CheckpointWritten, StagedRead, PiecesStaged and StateInstalled.
// replica/core/effect_sequencer.h applies these rules for runtime and simulator alike.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "checkpoint/state_store.h"
#include "replica/core/events.h"
#include "replica/core/new_view.h"

namespace tagma {

/// This replica accepted a batch for (view, seq): entry Q[seq][digest] = view. The batch is kept with it.
struct RecordPrePrepared {
  View view = 0;
  Seq seq = 0;
  Digest digest;
  SharedBatch batch;
};

/// A quorum PREPAREd: entry P[seq] = (digest, view).
struct RecordPrepared {
  View view = 0;
  Seq seq = 0;
  Digest digest;
  SharedBatch batch;  ///< where no RecordPrePrepared has kept it: every digest in P keeps its body; else null
};

/// A checkpoint is stable.
struct RecordCertificate {
  CheckpointCertificate certificate;
};

/// The slot was decided and executed here. Nothing is promised by it: it spares a restart the question to the others.
struct RecordDecided {
  Seq seq = 0;
  Digest digest;
  SharedBatch batch;  ///< where no RecordPrePrepared has kept it; else null
};

/// What this replica knows of its own state beside what the state says. Lasts until the next one.
struct RecordStanding {
  bool diverged = false;      ///< the state on the disk is not the certified one
  Seq wrong_votes_up_to = 0;  ///< CHECKPOINTs up to here may have been signed from such a state; none is signed again
  Seq installed = 0;          ///< the newest state that was taken from others
};

/// This replica votes in no view below this one any more, and has sent VIEW-CHANGEs for it up to this issue. Lasts
/// until the next one.
struct RecordView {
  View view = 0;
  std::uint64_t issue = 0;
  auto operator<=>(const RecordView&) const = default;
};

/// This replica acts under this NEW-VIEW. Lasts until the next one.
struct RecordNewView {
  SharedNewView new_view;
  ViewChoices choices;  ///< above what was stable here then
};

using Record = std::variant<RecordPrePrepared, RecordPrepared, RecordCertificate, RecordDecided, RecordStanding,
                            RecordView, RecordNewView>;

struct Persist {
  PersistNumber number = 0;
  Record record;
};

/// To be written with whatever is persisted next; nothing waits for it, and it may be lost.
struct Remember {
  Record record;
};

/// To one replica or, without `to`, to all others.
struct Send {
  std::optional<ReplicaId> to;
  Message message;
  bool after_persists = true;
};

/// To the session of whoever asked: a client, or an administrator under its requester's number (membership.h).
/// `Replies` and voted answers wait for persists; a Refusal and a Report may overtake.
struct Reply {
  ClientId client = 0;
  SessionId session = 0;  ///< 0: to whichever connection of this client asked last (reports)
  Message message;
  bool after_persists = true;
};

/// To an administrator, on the connection that asked last. One replica's word about itself: waits for nothing.
struct Answer {
  AdminId admin = 0;
  Message message;
};

/// Apply LayeredState::frozen(seq) to the state store, durably, then report CheckpointWritten.
struct WriteCheckpoint {
  Seq seq = 0;
};

/// Report StagedRead.
struct ReadStaged {};

/// Keep these pieces of another state durably beside the own one, then report PiecesStaged. The next one comes after
/// it.
struct StagePieces {
  std::vector<VerifiedPiece> pieces;
};

/// Make the state in the store the one of `seq` from the pieces at the places of the cover, durably, then report
/// StateInstalled. No checkpoint is being written.
struct InstallState {
  Seq seq = 0;
  Digest root;
  std::set<NibblePrefix> cover;
};

/// This replica has contradicted itself towards this one: what it sends is served when nobody else's waits. Or it is
/// another life now, and is served like the others again.
struct Distrust {
  ReplicaId replica = 0;
  bool distrusted = true;
};

/// An ordered change has made this client known under this key, or, without a key, unknown for good: it may connect, or
/// may not any more. Told again after every change, and at the start.
struct SetClient {
  ClientId client = 0;
  std::optional<PublicKey> key;
};

/// For whoever operates this replica.
struct Notice {
  std::string line;
};

/// Report Woken at this time; replaces the previous WakeAt.
struct WakeAt {
  MonotonicUs at_us = 0;
};

/// Slots up to `seq` are covered by a stable checkpoint and a durable state: the log may drop them.
struct CollectLog {
  Seq up_to = 0;
};

/// The replica must not vote any more: its state differs from what a quorum certified or decided.
struct Alarm {
  std::string reason;
};

/// Something was refused; counted by the caller under this reason.
struct Counted {
  std::string_view reason;  ///< a literal
};

using Effect = std::variant<Persist, Remember, Send, Reply, Answer, WriteCheckpoint, ReadStaged, StagePieces,
                            InstallState, WakeAt, CollectLog, Alarm, Distrust, SetClient, Notice, Counted>;
using Effects = std::vector<Effect>;

}  // namespace tagma
