// Administration in a run (simulation.h).
#include "messages/membership.h"
#include "test/sim/simulation.h"

namespace tagma::sim {

void Simulation::begin_administration() {
  const auto& plan = options_.administration;
  if (plan.correct.empty()) return;
  const auto& membership = identities_.membership();
  agenda_ = make_agenda(plan, public_key_text(identities_.newcomer_key()));
  admin_oracle_.begin(plan.correct, plan.probe, "group");
  for (AdminId id = 0; id < plan.correct.size(); ++id) {
    administrators_.push_back(std::make_unique<Administrator>(
        options_, id, agenda_, membership, identities_.authenticator({PrincipalKind::admin, id}), coverage_, scheduler_,
        static_cast<AdministrationHost&>(*this)));
    requesters_[requester_of(id)] = &administrators_.back()->requester();
  }
  for (const ClientId id : {plan.probe, plan.newcomer}) {
    probing_.push_back(std::make_unique<ProbingClient>(options_, id, membership,
                                                       identities_.authenticator({PrincipalKind::client, id}),
                                                       coverage_, scheduler_, static_cast<AdministrationHost&>(*this)));
    requesters_[id] = &probing_.back()->requester();
  }
  for (const auto& [id, requester] : requesters_) session_opened(id, Requester::session);
}

bool Simulation::may_stay_unanswered(ClientId id) const {
  const auto& plan = options_.administration;
  if (plan.correct.empty()) return false;
  return id == plan.probe || (id == plan.newcomer && !admin_oracle_.has_applied(agenda_.front()));
}

void Simulation::administrator_told(Seq seq, const ServiceReply& reply) {
  if (reply.status != ReplyStatus::ok) return;
  admin_oracle_.told(seq, reply.text);
  if (reply.text.find("\nstate\trefused\n") != Bytes::npos) coverage_.count("administration: told of a refused change");
}

void Simulation::newcomer_told(Seq /*seq*/, const ServiceReply& reply) {
  coverage_.count("administration: the newcomer was served");
  if (reply.status == ReplyStatus::refused) violated("a client that was added is refused what it asks for");
}

void Simulation::usurper_told(const ServiceReply& reply) {
  if (reply.status != ReplyStatus::refused) violated("a client was answered what only administrators may ask");
}

void Simulation::judge_administration() {
  if (options_.administration.correct.empty()) return;
  admin_oracle_.judge();
  const auto& reached = admin_oracle_.reached();
  if (reached.applied > 0) coverage_.count("administration: change took effect", reached.applied);
  if (reached.probes > 0) coverage_.count("administration: permission judged", reached.probes);
  if (reached.refused > 0) coverage_.count("administration: client refused by permission", reached.refused);
}

}  // namespace tagma::sim
