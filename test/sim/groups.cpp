// Groups and their members in a run (simulation.h).
#include "test/sim/simulation.h"

namespace tagma::sim {

void Simulation::begin_groups() {
  for (const auto& group : options_.groups) {
    group_oracle_.add(group.definition, group.correct);
    for (std::uint32_t member = 0; member < group.definition.members.size(); ++member) {
      const auto id = group.definition.members[member];
      members_.push_back(std::make_unique<GroupMember>(options_, group, member, identities_.membership(),
                                                       identities_.authenticator({PrincipalKind::client, id}),
                                                       coverage_, scheduler_, static_cast<GroupHost&>(*this)));
      requesters_[id] = &members_.back()->requester();
      session_opened(id, Requester::session);
    }
  }
}

Requester* Simulation::requester_with(ClientId id) const {
  const auto found = requesters_.find(id);
  return found == requesters_.end() ? nullptr : found->second;
}

/// By the rule of agreed time, from what was proposed for the slot. Where that is not known, the time is unknown until
/// a replica stands right behind a slot and says it.
void Simulation::learn_agreed_time(Seq seq, const Digest& digest) {
  const auto proposed = proposed_us_.find(seq);
  const auto found =
      proposed == proposed_us_.end() ? std::map<Digest, TimeUs>::iterator() : proposed->second.find(digest);
  agreed_known_ = agreed_known_ && proposed != proposed_us_.end() && found != proposed->second.end();
  if (agreed_known_) {
    agreed_us_ = std::max(agreed_us_, found->second);
    group_oracle_.agreed(seq, agreed_us_);
  }
  proposed_us_.erase(proposed_us_.begin(), proposed_us_.upper_bound(seq));
}

void Simulation::judge_groups() {
  group_oracle_.judge();
  const auto& reached = group_oracle_.reached();
  if (reached.decided > 0) coverage_.count("group: round decided", reached.decided);
  if (reached.given_up > 0) coverage_.count("group: round without a value", reached.given_up);
  if (reached.lied_to > 0) coverage_.count("group: round decided in spite of liars", reached.lied_to);
  if (reached.timely > 0) coverage_.count("group: timely value", reached.timely);
  if (reached.late > 0) coverage_.count("group: vote told that it was late", reached.late);
}

}  // namespace tagma::sim
