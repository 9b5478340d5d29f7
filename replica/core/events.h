// What comes into the core. Two callers feed it: replica/runtime and the simulator.
#pragma once

#include <variant>

#include "checkpoint/state_store.h"
#include "messages/messages.h"
#include "replica/core/config.h"

namespace tagma {

/// Numbers persist effects in the order in which they were emitted, from 1.
using PersistNumber = std::uint64_t;

/// Time at the caller when the event happened.
struct Now {
  MonotonicUs monotonic_us = 0;  ///< never decreases
  TimeUs wall_us = 0;            ///< the machine's clock, which may jump
};

/// Who sent a frame, as its MAC proved.
struct Sender {
  Principal principal;
  Incarnation incarnation = 0;  ///< of a replica
};

/// The replica starts; the first event, once.
struct Started {};

/// A message that the codec validated, from an authenticated sender that may send it (may_send()).
struct Received {
  Sender from;
  Message message;
};

/// Every persist effect up to and including this number is durable. Numbers rise.
struct Persisted {
  PersistNumber up_to = 0;
};

/// The checkpoint transaction of `seq` is durable and the state store's root after it is `root`.
struct CheckpointWritten {
  Seq seq = 0;
  Digest root;
};

/// What is staged of another state.
struct StagedRead {
  StagedPieces staged;
  std::string damage;  ///< why what was staged has been thrown away; empty: it was not
};

/// What the last StagePieces gave is durable.
struct PiecesStaged {};

/// The store is the state of `seq`, durably; or, if the pieces did not make it up, what it was, with nothing staged.
struct StateInstalled {
  Seq seq = 0;
  Digest root;  ///< that it should have
  bool installed = false;
};

/// No further input waits: the moment to propose what has gathered (adaptive batching needs no timer).
struct InputDrained {};

/// The time of the last WakeAt effect has come.
struct Woken {};

using Event = std::variant<Started, Received, Persisted, CheckpointWritten, StagedRead, PiecesStaged, StateInstalled,
                           InputDrained, Woken>;

}  // namespace tagma
