// Session ids that rise from one process of a client to the next, without a file to remember them in.
#pragma once

#include "messages/membership.h"

namespace tagma {

/// A session id above every one that this client used before (client rule 6): microseconds since the Unix epoch in
/// the high bits, six random bits below them for processes that start within the same microsecond; within one process
/// every call gives a higher id than the one before. Safe from many threads.
///
/// Assumes that the machine's clock is not set back between two processes of the same client, and that the clocks of
/// the machines on which one client runs agree better than the time between its moves. Where that is broken, replicas
/// may find the session below the evicted floor and refuse it (CallStatus::evicted); they never execute twice.
[[nodiscard]] SessionId next_session_id();

}  // namespace tagma
