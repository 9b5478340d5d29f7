#include "test/scenarios/forgery.h"

#include <algorithm>

namespace tagma::test {

namespace {

/// `SLOT:BATCH:VIEW`, as an entry of P or Q in a VIEW-CHANGE.
struct Claim {
  Seq slot = 0;
  std::string batch;
  View view = 0;
};

struct Forgery {
  std::string kind;
  Names from;
  Names to;
  View view = 0;
  Seq slot = 0;
  std::string batch;
  Seq certificate = 0;  ///< 0: none
  std::vector<Claim> prepared;
  std::vector<Claim> recorded;
  Names view_changes_of;
};

std::vector<Claim> read_claims(Words& words) {
  std::vector<Claim> claims;
  for (const auto& text : divided(words.word("claims, such as 1:x:0"), ',')) {
    const auto parts = divided(text, ':');
    if (parts.size() != 3) throw ScenarioError("a claim is SLOT:BATCH:VIEW, not \"" + text + "\"");
    claims.push_back({.slot = number_of(parts[0], "a claim's slot"),
                      .batch = parts[1],
                      .view = number_of(parts[2], "a claim's view")});
  }
  return claims;
}

/// What each kind must be told beside sender and receivers: the words that may follow.
const std::map<std::string, std::set<std::string>>& words_by_kind() {
  static const std::map<std::string, std::set<std::string>> words{
      {"PRE-PREPARE", {"view", "slot", "batch"}},
      {"PREPARE", {"view", "slot", "batch"}},
      {"COMMIT", {"view", "slot", "batch"}},
      {"DECIDED", {"slot", "batch"}},
      {"BATCH-BODY", {"slot", "batch"}},
      {"CHECKPOINT", {"slot"}},
      {"VIEW-CHANGE", {"view", "certificate", "prepared", "recorded"}},
      {"NEW-VIEW", {"view", "of"}},
  };
  return words;
}

Forgery read_forgery(Words& words) {
  Forgery forgery;
  forgery.kind = words.word("a kind of message");
  const auto allowed = words_by_kind().find(forgery.kind);
  if (allowed == words_by_kind().end()) throw ScenarioError("\"" + forgery.kind + "\" cannot be forged");
  words.demand("from");
  forgery.from = words.names();
  words.demand("to");
  forgery.to = words.names();
  std::set<std::string> missing = allowed->second;
  while (!words.done()) {
    const auto word = words.word("what it says");
    if (missing.erase(word) == 0)
      throw ScenarioError("a " + forgery.kind + " has no \"" + word + "\", or has it twice");
    if (word == "view") forgery.view = words.number("a view");
    if (word == "slot") forgery.slot = words.number("a slot");
    if (word == "batch") forgery.batch = words.word("a batch's name");
    if (word == "certificate") forgery.certificate = words.number("a checkpoint's slot");
    if (word == "prepared") forgery.prepared = read_claims(words);
    if (word == "recorded") forgery.recorded = read_claims(words);
    if (word == "of") forgery.view_changes_of = words.names();
  }
  for (const auto* may : {"certificate", "prepared", "recorded"}) missing.erase(may);
  if (!missing.empty()) throw ScenarioError("a " + forgery.kind + " needs its \"" + *missing.begin() + "\"");
  return forgery;
}

std::vector<SlotClaim> claims_of(const World& world, const std::vector<Claim>& claims) {
  std::vector<SlotClaim> made;
  made.reserve(claims.size());
  for (const auto& claim : claims) {
    made.push_back({.seq = claim.slot, .view = claim.view, .digest = digest_of(*world.batch(claim.batch))});
  }
  std::sort(made.begin(), made.end(), [](const auto& left, const auto& right) {
    return std::pair(left.seq, left.digest) < std::pair(right.seq, right.digest);
  });
  return made;
}

ToyAuthenticator authenticator_of(ReplicaId replica) {
  return ToyAuthenticator(toy_key({PrincipalKind::replica, replica}));
}

CheckpointVote checkpoint(const Membership& membership, ReplicaId replica, Seq slot) {
  auto authenticator = authenticator_of(replica);
  CheckpointVote vote;
  vote.content = {.cluster = membership.cluster,
                  .epoch = membership.epoch,
                  .replica = replica,
                  .incarnation = 0,
                  .seq = slot,
                  .root = authenticator.digest("a state that nobody has")};
  vote.body = wire::encode_checkpoint_body(vote.content);
  vote.signature = authenticator.sign(wire::checkpoint_statement(vote.body));
  return vote;
}

ViewChange view_change(const World& world, const Membership& membership, ReplicaId replica, const Forgery& forgery) {
  const auto* earlier = world.view_change(replica, forgery.view);
  ViewChangeStatement content;
  content.cluster = membership.cluster;
  content.epoch = membership.epoch;
  content.replica = replica;
  content.view = forgery.view;
  content.issue = earlier == nullptr ? 1 : earlier->content.issue + 1;
  if (forgery.certificate != 0) content.certificate = world.certificate(forgery.certificate);
  content.prepared = claims_of(world, forgery.prepared);
  content.recorded = claims_of(world, forgery.recorded);
  return signed_view_change(std::move(content));
}

NewView new_view(const World& world, const Membership& membership, ReplicaId replica, const Forgery& forgery) {
  NewView message;
  message.content = {
      .cluster = membership.cluster, .epoch = membership.epoch, .view = forgery.view, .view_changes = {}};
  for (const auto index : world.find(forgery.view_changes_of)) {
    const auto* wish = world.view_change(world.replica_of(index), forgery.view);
    if (wish == nullptr) {
      throw ScenarioError("replica " + world.name(index) + " has made no VIEW-CHANGE for view " +
                          std::to_string(forgery.view));
    }
    message.content.view_changes.push_back(*wish);
  }
  auto authenticator = authenticator_of(replica);
  message.body = wire::encode_new_view_body(message.content);
  message.signature = authenticator.sign(wire::new_view_statement(message.body));
  return message;
}

Message forged(World& world, ProcessIndex from, const Forgery& forgery) {
  const auto& membership = world.membership();
  const auto replica = world.replica_of(from);
  const View view = forgery.view;
  const Seq seq = forgery.slot;
  if (forgery.kind == "CHECKPOINT") return checkpoint(membership, replica, seq);
  if (forgery.kind == "VIEW-CHANGE") return view_change(world, membership, replica, forgery);
  if (forgery.kind == "NEW-VIEW") return new_view(world, membership, replica, forgery);
  const auto batch = world.batch(forgery.batch);
  const auto digest = digest_of(*batch);
  if (forgery.kind == "PRE-PREPARE") return PrePrepare{.view = view, .seq = seq, .batch = batch};
  if (forgery.kind == "BATCH-BODY") return BatchBody{.seq = seq, .batch = batch};
  if (forgery.kind == "PREPARE") return Prepare{.view = view, .seq = seq, .digest = digest};
  if (forgery.kind == "COMMIT") return Commit{.view = view, .seq = seq, .digest = digest};
  return Decided{.seq = seq, .digest = digest};
}

}  // namespace

Action forge(Words& words) {
  return [forgery = read_forgery(words)](World& world) {
    for (const auto from : world.find(forgery.from)) {
      if (world.is_correct(from)) throw ScenarioError("replica " + world.name(from) + " is not declared faulty");
      const auto message = forged(world, from, forgery);
      for (const auto to : world.find(forgery.to)) {
        if (world.replica_of(to) != world.replica_of(from)) world.inject(from, to, message);
      }
    }
  };
}

}  // namespace tagma::test
