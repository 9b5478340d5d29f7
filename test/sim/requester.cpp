#include "test/sim/requester.h"

#include <utility>

namespace tagma::sim {
namespace {

ClientConfig config_of(const SimOptions& options, ClientId id, const Membership& membership) {
  ClientConfig config;
  config.id = id;
  config.session = Requester::session;
  config.membership = membership;
  config.seed = options.seed + id;
  config.first_retransmission_us = options.client.first_retransmission_us;
  config.retransmission_max_us = options.client.retransmission_max_us;
  config.busy_backoff_us = options.client.busy_backoff_us;
  config.sends_early = options.client.sends_early;
  return config;
}

}  // namespace

Requester::Requester(const SimOptions& options, ClientId id, const Membership& membership, Authenticator& authenticator,
                     Scheduler& scheduler, Sends sends, Answered answered)
    : scheduler_(scheduler),
      sends_(std::move(sends)),
      answered_(std::move(answered)),
      core_(config_of(options, id, membership), authenticator) {}

RequestNumber Requester::submit(Bytes operation) {
  const auto now_us = scheduler_.now_us();
  const auto number = core_.submit(now_us, std::move(operation));
  perform(core_.flush(now_us));
  return number;
}

void Requester::receive(ReplicaId from, const Message& message) {
  perform(core_.receive(scheduler_.now_us(), from, message));
}

void Requester::connected(ReplicaId replica) { perform(core_.connected(replica)); }

void Requester::perform(ClientEffects effects) {
  for (auto& effect : effects) {
    if (const auto* send = std::get_if<ClientSend>(&effect)) {
      sends_(send->to, send->message);
    } else if (const auto* completed = std::get_if<Completed>(&effect)) {
      const auto reply = decode_reply(completed->result);
      if (completed->outcome == Outcome::executed && reply.ok()) {
        answered_(completed->number, completed->seq, *reply);
      }
    } else if (const auto* wake = std::get_if<ClientWakeAt>(&effect)) {
      scheduler_.at(wake->at_us, [this, generation = ++wake_generation_] {
        if (generation == wake_generation_) perform(core_.wake(scheduler_.now_us()));
      });
    }
  }
}

}  // namespace tagma::sim
