// The pure client: send, retry, accept at f+1. No socket, clock, thread or random device inside; used by tagma::Client
// and by the simulator. Rules: attacks, section F.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "messages/authenticator.h"
#include "messages/messages.h"
#include "tagma/limits.h"

namespace tagma {

struct ClientConfig {
  ClientId id = 0;
  SessionId session = 1;  ///< higher than every session that this client used before
  Membership membership;
  std::uint64_t seed = 1;  ///< of the retransmission jitter

  std::uint32_t window = 256;  ///< operations outstanding at most; further ones wait inside
  std::size_t bundle_operations_max = limits::bundle_operations_max;
  std::int64_t first_retransmission_us = 150'000;  ///< then to all replicas, doubling, with jitter
  std::int64_t retransmission_max_us = 4'000'000;
  std::int64_t busy_backoff_us = 20'000;
  /// Whether a bundle that takes several times as long as usual goes to the other replicas before that, so that they
  /// can see what the primary lets wait (client_core/latency_estimate.h): one of twenty at most.
  bool sends_early = true;
};

/// An operation's voted end.
struct Completed {
  RequestNumber number = 0;
  Outcome outcome = Outcome::executed;
  Bytes result;  ///< an encoded service reply where outcome is executed
  Seq seq = 0;
  View view = 0;                ///< the (f+1)-th largest view that replicas reported
  std::uint32_t matching = 0;   ///< replicas that agreed when it was accepted; at least f+1
  std::int64_t latency_us = 0;  ///< from submission
};

/// Deliver to one replica.
struct ClientSend {
  ReplicaId to = 0;
  Message message;
};

struct ClientWakeAt {
  std::int64_t at_us = 0;
};

using ClientEffect = std::variant<ClientSend, Completed, ClientWakeAt>;
using ClientEffects = std::vector<ClientEffect>;

/// One session of one client. Single-threaded, deterministic.
///
/// Numbers are executed in order, so a number is retransmitted until it is executed, even when the caller no longer
/// waits for it: a timeout is the caller's affair and its outcome is unknown (rule 5).
class ClientCore {
 public:
  /// `authenticator` signs as this client and outlives the core.
  ClientCore(ClientConfig config, Authenticator& authenticator);
  ~ClientCore();
  ClientCore(const ClientCore&) = delete;
  ClientCore& operator=(const ClientCore&) = delete;

  /// Accepts an operation (up to limits::operation_bytes_max bytes; the caller checks) and gives it the next number. It
  /// is sent by the next flush().
  RequestNumber submit(std::int64_t now_us, Bytes operation);

  /// Bundles and sends what was submitted, as far as the window allows: call it when no further submission waits, and
  /// after receive(), which makes room (receive() asks for an immediate wake() where operations wait for that room).
  [[nodiscard]] ClientEffects flush(std::int64_t now_us);

  /// A validated message (Replies, Refusal) from an authenticated replica.
  [[nodiscard]] ClientEffects receive(std::int64_t now_us, ReplicaId from, const Message& message);

  /// The time of the last ClientWakeAt has come. Harmless when called early, late or without need.
  [[nodiscard]] ClientEffects wake(std::int64_t now_us);

  /// A channel to this replica has been established, for the first time or anew; what was sent to it before may not
  /// have arrived. Sends it the bundles in flight: all of them the first time, since replies that it made before it
  /// knew a way to this client are lost; later if it is the believed primary, or those that have been sent to all.
  /// Optional; saves waiting for the next retransmission.
  [[nodiscard]] ClientEffects connected(ReplicaId replica);

  /// Operations submitted and not completed.
  [[nodiscard]] std::size_t outstanding() const;
  /// The replica that it believes to be primary.
  [[nodiscard]] ReplicaId believed_primary() const;
  /// Distinct replicas whose matching replies the most voted result of `number` has so far; for error messages.
  [[nodiscard]] std::uint32_t best_match(RequestNumber number) const;
  /// The last refusal of a replica, if any: a hint for error messages.
  [[nodiscard]] std::optional<RefusalReason> last_refusal() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace tagma
