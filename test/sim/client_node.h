// One simulated client process: sessions over client cores, a caller that thinks, waits and gives up.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "client_lib/client_core.h"
#include "test/checkers/linearizability.h"
#include "test/sim/options.h"
#include "test/sim/random.h"
#include "test/sim/scheduler.h"
#include "test/sim/workload.h"

namespace tagma::sim {

/// What a client process does to the world.
class ClientHost {
 public:
  ClientHost() = default;
  ClientHost(const ClientHost&) = delete;
  ClientHost& operator=(const ClientHost&) = delete;
  virtual ~ClientHost() = default;

  virtual void client_sends(ClientId from, ReplicaId to, const Message& message) = 0;
  /// Clients go on opening sessions and submitting until this says no.
  [[nodiscard]] virtual bool wants_more() const = 0;
  virtual void session_opened(ClientId client, SessionId session) = 0;
  virtual void session_closed(ClientId client, SessionId session) = 0;
  virtual void submitted(const checkers::RequestKey& request, const Planned& planned) = 0;
  virtual void completed(const checkers::RequestKey& request, const Planned& planned, const Completed& completed) = 0;
  /// An operation's part of the history, when the caller knows the outcome or has given up.
  virtual void remembered(const checkers::RequestKey& request, std::vector<checkers::KvOperation> operations) = 0;
  virtual void violated(std::string what) = 0;
};

class ClientNode {
 public:
  ClientNode(const SimOptions& options, ClientId id, const Membership& membership, Authenticator& authenticator,
             Workload& workload, Coverage& coverage, Scheduler& scheduler, ClientHost& host);

  void start();
  void receive(ReplicaId from, const Message& message);
  /// The session's connection to this replica has a channel, for the first time or anew.
  void connected(SessionId session, ReplicaId replica);
  /// Operations of sessions that were not abandoned and that have no outcome yet.
  [[nodiscard]] std::size_t outstanding() const;
  /// One line about an operation that hangs; empty if none does.
  [[nodiscard]] std::string waiting_for() const;
  /// Adds what is still without an outcome to the history, as unknown.
  void finish();

 private:
  struct Call {
    Planned planned;
    VirtualUs invoked_us = 0;
    bool given_up = false;  ///< the caller timed out: the outcome is unknown whatever comes
  };

  struct SessionRun {
    SessionId id = 0;
    std::unique_ptr<ClientCore> core;
    std::map<RequestNumber, Call> calls;  ///< without an outcome
    /// By number, from 1: what the caller learnt.
    std::vector<std::vector<checkers::KvOperation>> history;

    std::uint32_t submitted = 0;
    bool abandoned = false;
    bool evicted = false;
    bool turn_scheduled = false;
    std::uint64_t wake_generation = 0;
  };

  void open_session();
  void turn_later(SessionRun& session, VirtualUs delay_us);
  void turn(SessionRun& session);
  void give_up_later(SessionRun& session, RequestNumber number);
  void perform(SessionRun& session, ClientEffects effects);
  void complete(SessionRun& session, const Completed& completed);
  void close(SessionRun& session);
  void remember(SessionRun& session, RequestNumber number, const Call& call, const Completed* completed);
  void hand_over_history(SessionRun& session);
  [[nodiscard]] bool finished(const SessionRun& session) const;

  SimOptions const& options_;
  ClientId id_;
  const Membership& membership_;
  Authenticator& authenticator_;
  Workload& workload_;
  Coverage& coverage_;
  Scheduler& scheduler_;
  ClientHost& host_;
  Random random_;
  SessionId next_session_ = 1;
  std::map<SessionId, SessionRun> sessions_;  ///< abandoned and finished ones stay until the end, without a core
};

}  // namespace tagma::sim
