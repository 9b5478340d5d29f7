// Whoever signs requests and waits for their voted replies, one session long: the client core with its timers.
#pragma once

#include <cstdint>
#include <functional>

#include "client_lib/client_core.h"
#include "tagma/operation.h"
#include "test/sim/options.h"
#include "test/sim/scheduler.h"

namespace tagma::sim {

class Requester {
 public:
  static constexpr SessionId session = 1;
  using Sends = std::function<void(ReplicaId to, const Message& message)>;
  /// A request has ended as `executed`; not called where its session was evicted.
  using Answered = std::function<void(RequestNumber number, Seq seq, const ServiceReply& reply)>;

  /// `id` as requests carry it (requester_of()). All references outlive this object.
  Requester(const SimOptions& options, ClientId id, const Membership& membership, Authenticator& authenticator,
            Scheduler& scheduler, Sends sends, Answered answered);

  RequestNumber submit(Bytes operation);
  void receive(ReplicaId from, const Message& message);
  void connected(ReplicaId replica);
  [[nodiscard]] bool outstanding() const { return core_.outstanding() > 0; }

 private:
  void perform(ClientEffects effects);

  Scheduler& scheduler_;
  Sends sends_;
  Answered answered_;
  ClientCore core_;
  std::uint64_t wake_generation_ = 0;
};

}  // namespace tagma::sim
