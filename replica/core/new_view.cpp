#include "replica/core/new_view.h"

#include <algorithm>
#include <set>

#include "messages/mutant.h"

namespace tagma {
namespace {

/// What one VIEW-CHANGE says of one slot.
struct SlotOpinion {
  const SlotClaim* prepared = nullptr;
  std::vector<const SlotClaim*> recorded;
};

auto claims_of(const std::vector<SlotClaim>& claims, Seq seq) {
  const auto below = [](const SlotClaim& claim, Seq wanted) { return claim.seq < wanted; };
  const auto first = std::lower_bound(claims.begin(), claims.end(), seq, below);
  auto end = first;
  while (end != claims.end() && end->seq == seq) ++end;
  return std::pair(first, end);
}

SlotOpinion opinion_on(const ViewChangeStatement& statement, Seq seq) {
  SlotOpinion opinion;
  const auto [prepared, prepared_end] = claims_of(statement.prepared, seq);
  if (prepared != prepared_end) opinion.prepared = &*prepared;
  const auto [recorded, recorded_end] = claims_of(statement.recorded, seq);
  for (auto claim = recorded; claim != recorded_end; ++claim) opinion.recorded.push_back(&*claim);
  return opinion;
}

/// Whether nothing else can have been decided in the claim's view or a higher one.
bool is_possible(const SlotClaim& claim, const std::vector<SlotOpinion>& opinions, const DecisionRules& rules) {
  const auto agrees = [&claim](const SlotOpinion& opinion) {
    const auto* theirs = opinion.prepared;
    return theirs == nullptr || theirs->view < claim.view ||
           (theirs->view == claim.view && theirs->digest == claim.digest);
  };
  const auto vouches = [&claim](const SlotOpinion& opinion) {
    return std::any_of(opinion.recorded.begin(), opinion.recorded.end(), [&claim](const SlotClaim* recorded) {
      return recorded->digest == claim.digest && recorded->view >= claim.view;
    });
  };
  const auto agreeing = std::count_if(opinions.begin(), opinions.end(), agrees);
  const auto vouching = std::count_if(opinions.begin(), opinions.end(), vouches);
  return agreeing >= rules.quorum && vouching >= rules.weak_quorum;
}

enum class Verdict : std::uint8_t { chosen, nothing, undecided };

struct SlotDecision {
  Verdict verdict = Verdict::undecided;
  Digest digest;
};

SlotDecision decide_slot(const std::vector<SlotOpinion>& opinions, const DecisionRules& rules) {
  const SlotClaim* best = nullptr;
  std::uint32_t silent = 0;
  for (const auto& opinion : opinions) {
    if (opinion.prepared == nullptr) {
      ++silent;
      continue;
    }
    const auto& claim = *opinion.prepared;
    const bool better =
        best == nullptr || claim.view > best->view || (claim.view == best->view && claim.digest < best->digest);
    if (better && is_possible(claim, opinions, rules)) best = &claim;
  }
  if (best != nullptr) return {.verdict = Verdict::chosen, .digest = best->digest};
  if (silent >= rules.quorum || mutant(Mutant::undecided_taken_as_null)) {
    return {.verdict = Verdict::nothing, .digest = {}};
  }
  return {};
}

}  // namespace

Seq certificate_of(const ViewChangeStatement& statement, Seq genesis_slot) {
  return statement.certificate.votes.empty() ? genesis_slot : statement.certificate.votes.front().content.seq;
}

std::optional<ViewChoices> decide_new_view(const std::vector<const ViewChangeStatement*>& view_changes,
                                           const DecisionRules& rules, Seq settled, const VoterOf& voter_of) {
  ViewChoices choices;
  for (const auto* statement : view_changes) {
    choices.start = std::max(choices.start, certificate_of(*statement, rules.genesis_slot));
  }
  std::set<Seq> nulls;
  for (Seq seq = std::max(choices.start, settled) + 1; seq <= choices.start + rules.window; ++seq) {
    std::vector<SlotOpinion> opinions;
    for (const auto* statement : view_changes) {
      if (voter_of(statement->replica, seq) == statement->incarnation) opinions.push_back(opinion_on(*statement, seq));
    }
    const auto decision = decide_slot(opinions, rules);
    if (decision.verdict == Verdict::undecided) return std::nullopt;
    if (decision.verdict == Verdict::nothing) {
      nulls.insert(seq);
    } else {
      choices.chosen[seq] = decision.digest;
    }
  }
  const Seq last = choices.last();
  for (const Seq seq : nulls) {
    if (seq < last) choices.chosen[seq] = rules.null_digest;
  }
  return choices;
}

}  // namespace tagma
