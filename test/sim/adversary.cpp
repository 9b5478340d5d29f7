#include "test/sim/adversary.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "messages/wire/codec.h"
#include "tagma/operation.h"
#include "test/fakes/state_pieces.h"

namespace tagma::sim {
namespace {

enum Lie : std::uint32_t {
  wrong_replies,
  contradictory_votes,
  wrong_roots,
  garbage_status_lie,
  wrong_bodies,
  wrong_decisions,
  stray,
  lie_count
};

/// Ways to falsify what a VIEW-CHANGE claims.
constexpr std::uint64_t lies_in_claims = 6;

Digest flipped(Digest digest, std::uint8_t by) {
  digest.bytes[0] = static_cast<std::uint8_t>(digest.bytes[0] ^ (1U + by % 255U));
  return digest;
}

}  // namespace

Conspiracy::Conspiracy(std::uint64_t seed) : seed_(seed) {
  Random random(seed, "conspiracy");
  split_ppm_ = random.one_of<std::uint32_t>({30'000, 100'000, 400'000});
  second_ppm_ = random.one_of<std::uint32_t>({200'000, 500'000});
  both_ppm_ = random.one_of<std::uint32_t>({0, 200'000});
  everyone_ppm_ = random.one_of<std::uint32_t>({0, 500'000, 1'000'000});
}

std::uint64_t Conspiracy::draw(Seq seq, std::uint64_t what) const {
  std::uint64_t state = seed_ ^ seq * 0x9e3779b97f4a7c15ULL ^ what << 40U;
  return splitmix64(state) % 1'000'000;
}

bool Conspiracy::splits(Seq seq) const { return draw(seq, 1) < split_ppm_; }

Conspiracy::Side Conspiracy::side(Seq seq, ReplicaId to) const {
  if (draw(seq, 100) < everyone_ppm_) return Side::second;
  const auto drawn = draw(seq, 2 + to);
  if (drawn < both_ppm_) return Side::both;
  return drawn < both_ppm_ + second_ppm_ ? Side::second : Side::first;
}

const Digest* Conspiracy::digest_for(Seq seq, ReplicaId to) const {
  const auto found = digests_.find(seq);
  if (found == digests_.end()) return nullptr;
  return side(seq, to) == Side::first ? &found->second.first : &found->second.second;
}

LyingReplica::LyingReplica(const SimOptions& options, ReplicaId id, const Membership& membership,
                           Authenticator& authenticator, Conspiracy& conspiracy, Coverage& coverage)
    : id_(id),
      membership_(membership),
      authenticator_(authenticator),
      conspiracy_(conspiracy),
      coverage_(coverage),
      random_(options.seed + id, "liar"),
      source_random_(options.seed + id, "lying source"),
      rejoin_random_(options.seed + id, "lying about lives"),
      view_random_(options.seed + id, "lying about views"),
      checkpoint_random_(options.seed + id, "lying about checkpoints"),
      checkpoint_interval_(options.core.checkpoint_interval) {
  far_checkpoints_ppm_ = checkpoint_random_.one_of<std::uint32_t>({0, 20'000, 100'000});
  equivocates_ = options.profile == Profile::byzantine_primary || view_random_.chance(500'000);
  dropped_proposals_ppm_ = view_random_.one_of<std::uint32_t>({0, 0, 300'000, 1'000'000});
  if (options.profile == Profile::byzantine_primary && dropped_proposals_ppm_ == 1'000'000) dropped_proposals_ppm_ = 0;
  lie_in_claims_ = view_random_.below(lies_in_claims + 2);
  wrong_claims_ppm_ = view_random_.one_of<std::uint32_t>({0, 300'000, 1'000'000});
  withheld_view_changes_ppm_ = view_random_.one_of<std::uint32_t>({0, 300'000, 1'000'000});
  withheld_new_views_ppm_ = view_random_.one_of<std::uint32_t>({0, 500'000, 1'000'000});
  wrong_new_views_ppm_ = view_random_.one_of<std::uint32_t>({0, 500'000, 1'000'000});
  stray_view_changes_ppm_ = view_random_.one_of<std::uint32_t>({0, 20'000, 200'000});
  stray_rejoin_ppm_ = rejoin_random_.one_of<std::uint32_t>({0, 0, 20'000, 300'000});
  wrong_parts_ppm_ = source_random_.one_of<std::uint32_t>({0, 100'000, 1'000'000});
  withheld_leases_ppm_ = source_random_.one_of<std::uint32_t>({0, 500'000, 1'000'000});
  late_votes_ppm_ = source_random_.one_of<std::uint32_t>({0, 300'000, 1'000'000});
  stray_transfer_ppm_ = source_random_.one_of<std::uint32_t>({0, 100'000, 700'000});
  withheld_parts_ppm_ = source_random_.one_of<std::uint32_t>({0, 500'000, 1'000'000});
  lies_ = static_cast<std::uint32_t>(1 + random_.below((1U << lie_count) - 1));
  silent_ppm_ = random_.one_of<std::uint32_t>({0, 0, 200'000, 900'000});
}

std::vector<Message> LyingReplica::bend(ReplicaId to, const Message& message) {
  std::vector<Message> out;
  if (!std::holds_alternative<PrePrepare>(message) && random_.chance(silent_ppm_)) {
    coverage_.count("liar: silent");
    return out;
  }
  if (const auto* proposal = std::get_if<PrePrepare>(&message)) {
    bend_pre_prepare(to, *proposal, out);
  } else if (const auto* prepare = std::get_if<Prepare>(&message)) {
    bend_vote(to, *prepare, out);
  } else if (const auto* commit = std::get_if<Commit>(&message)) {
    bend_vote(to, *commit, out);
  } else if (const auto* vote = std::get_if<CheckpointVote>(&message); vote != nullptr && lies(wrong_roots)) {
    bend_checkpoint(*vote, out);
  } else if (const auto* status = std::get_if<Status>(&message); status != nullptr && lies(garbage_status_lie)) {
    coverage_.count("liar: garbage STATUS");
    out.emplace_back(garbage_status(*status));
  } else if (const auto* body = std::get_if<BatchBody>(&message); body != nullptr && lies(wrong_bodies)) {
    coverage_.count("liar: wrong batch body");
    auto other = body->batch->is_null() ? Batch{}
                                        : wire::encode_batch(body->batch->proposed_time_us + 1, body->batch->bundles,
                                                             body->batch->rejoins);
    out.emplace_back(BatchBody{body->seq, std::make_shared<const Batch>(std::move(other))});
  } else if (std::holds_alternative<CheckpointVote>(message) && source_random_.chance(late_votes_ppm_)) {
    // The vote before it leaves in its place: the newest checkpoint stays one vote short of being stable.
    coverage_.count("liar: CHECKPOINT held back");
    auto& held = held_votes_[to];
    if (held) out.emplace_back(*held);
    held = std::get<CheckpointVote>(message);
  } else if (std::holds_alternative<StateLease>(message) && source_random_.chance(withheld_leases_ppm_)) {
    coverage_.count("liar: lease withheld");
  } else if (const auto* wish = std::get_if<ViewChange>(&message)) {
    bend_view_change(to, *wish, out);
  } else if (const auto* begun = std::get_if<NewView>(&message)) {
    bend_new_view(to, *begun, out);
  } else if (const auto* parts = std::get_if<StateParts>(&message)) {
    bend_parts(*parts, out);
  } else if (const auto* decided = std::get_if<Decided>(&message); decided != nullptr && lies(wrong_decisions)) {
    coverage_.count("liar: wrong DECIDED");
    out.emplace_back(Decided{decided->seq, flipped(decided->digest, 0)});
  } else {
    out.push_back(message);
  }
  return out;
}

void LyingReplica::bend_pre_prepare(ReplicaId to, const PrePrepare& message, std::vector<Message>& out) {
  if (view_random_.chance(dropped_proposals_ppm_)) return coverage_.count("liar: primary left a proposal out");
  if (!equivocates_ || message.batch->is_null() || !conspiracy_.splits(message.seq)) {
    out.emplace_back(message);
    return;
  }
  const auto second = second_batch(message.seq, *message.batch);

  conspiracy_.agree(message.seq, authenticator_.digest(message.batch->bytes), authenticator_.digest(second->bytes));
  const auto side = conspiracy_.side(message.seq, to);
  if (side != Conspiracy::Side::second) out.emplace_back(message);
  if (side != Conspiracy::Side::first) {
    coverage_.count("liar: primary equivocated");
    out.emplace_back(PrePrepare{message.view, message.seq, second});
  }
}

SharedBatch LyingReplica::second_batch(Seq seq, const Batch& first) {
  auto& second = seconds_[seq];
  if (second != nullptr) return second;
  auto bundles = first.bundles;
  auto rejoins = first.rejoins;
  auto time_us = first.proposed_time_us + 1;
  vary_rejoins(rejoins);
  if (bundles.empty()) {
    if (rejoins.empty()) return second = std::make_shared<const Batch>();
    return second = std::make_shared<const Batch>(wire::encode_batch(time_us, {}, std::move(rejoins)));
  }
  // Attack P6, whatever else is wrong with the batch: few have more than one bundle.
  if (bundles.size() > 1) {
    coverage_.count("liar: primary reversed a batch");
    std::reverse(bundles.begin(), bundles.end());
  }
  switch (random_.below(8)) {
    case 0: break;  // another order, or another time, is all
    case 1:
    case 5:
    case 6:
      // The session's later requests then stand above a missing number.
      if (bundles.size() > 1) bundles.erase(bundles.begin());
      coverage_.count("liar: primary left a request out");
      break;
    case 2:
      bundles.push_back(bundles.front());
      coverage_.count("liar: primary ordered a request twice in a batch");
      break;
    case 3:
      if (!earlier_.empty()) bundles.push_back(earlier_[random_.below(earlier_.size())]);
      coverage_.count("liar: primary ordered an old request again");
      break;
    case 4:
      bundles.back().signature[0] = static_cast<char>(bundles.back().signature[0] ^ 1);
      coverage_.count("liar: primary ordered a forged request");
      break;
    default:
      time_us += random_.one_of<TimeUs>({60'000'000, 31'536'000'000'000}) * (random_.chance(500'000) ? 1 : -1);
      coverage_.count("liar: primary proposed a bad time");
      break;
  }
  if (earlier_.size() < 100) earlier_.insert(earlier_.end(), first.bundles.begin(), first.bundles.end());
  second = std::make_shared<const Batch>(wire::encode_batch(time_us, std::move(bundles), std::move(rejoins)));
  return second;
}

template <typename Vote>
void LyingReplica::bend_vote(ReplicaId to, Vote vote, std::vector<Message>& out) {
  if (const auto* agreed = conspiracy_.digest_for(vote.seq, to)) {
    if (*agreed != vote.digest) coverage_.count("liar: vote for the other batch");
    vote.digest = *agreed;
  } else if (lies(contradictory_votes) && random_.chance(500'000)) {
    coverage_.count("liar: contradictory vote");
    vote.digest = flipped(vote.digest, static_cast<std::uint8_t>(to));
    // The same vote both ways, one after the other.
    if (random_.chance(300'000)) out.emplace_back(Vote{vote.view, vote.seq, flipped(vote.digest, 1)});
  }
  out.emplace_back(vote);
}

/// Withholds parts of the state (all, or all but one of an answer), or falsifies one of them.
void LyingReplica::bend_parts(const StateParts& message, std::vector<Message>& out) {
  auto parts = message;
  if (source_random_.chance(withheld_parts_ppm_)) {
    coverage_.count("liar: parts of the state withheld");
    if (source_random_.chance(500'000)) return;
    if (parts.pieces.size() > 1) parts.pieces.resize(1);
    if (!parts.pieces.empty()) parts.nodes.clear();
  }
  if (source_random_.chance(wrong_parts_ppm_)) {
    coverage_.count("liar: wrong part of the state");
    if (!parts.pieces.empty()) {
      auto& piece = parts.pieces[source_random_.below(parts.pieces.size())];
      test::change_entries(piece.entries, [this](test::EntryList& list) {
        if (list.empty() || source_random_.chance(300'000)) {
          list.emplace_back("a key", "of a liar");
        } else if (source_random_.chance(500'000)) {
          list.pop_back();
        } else {
          list[source_random_.below(list.size())].second += "!";
        }
      });
    } else if (!parts.nodes.empty()) {
      auto& node = parts.nodes[source_random_.below(parts.nodes.size())];
      if (!node.children.empty()) node.children.front().digest = flipped(node.children.front().digest, 0);
    } else {
      parts.seq += 1;
    }
  }
  out.emplace_back(std::move(parts));
}

/// Leaves one out, orders one of long ago again, or makes one up for a replica that has lost nothing.
void LyingReplica::vary_rejoins(std::vector<Rejoin>& rejoins) {
  for (const auto& rejoin : rejoins) earlier_rejoins_.push_back(rejoin);
  switch (rejoin_random_.below(4)) {
    case 0:
      if (!rejoins.empty()) coverage_.count("liar: primary left a REJOIN out");
      rejoins.clear();
      break;
    case 1:
      if (earlier_rejoins_.empty()) break;
      coverage_.count("liar: primary ordered an old REJOIN again");
      rejoins = {earlier_rejoins_[rejoin_random_.below(earlier_rejoins_.size())]};
      break;
    case 2:
      coverage_.count("liar: primary ordered a forged REJOIN");
      rejoins = {signed_rejoin(static_cast<ReplicaId>(rejoin_random_.below(membership_.n())), 0)};
      break;
    default: break;
  }
}

Rejoin LyingReplica::signed_rejoin(ReplicaId replica, Incarnation incarnation) {
  Rejoin rejoin;
  rejoin.content = {membership_.cluster, membership_.epoch, replica, incarnation, {}};
  for (auto& byte : rejoin.content.nonce.bytes) byte = static_cast<std::uint8_t>(1 + rejoin_random_.below(255));
  rejoin.body = wire::encode_rejoin_body(rejoin.content);
  rejoin.signature = authenticator_.sign(wire::rejoin_statement(rejoin.body));
  return rejoin;
}

CheckpointVote LyingReplica::signed_vote(CheckpointStatement content) {
  CheckpointVote vote;
  vote.content = content;
  vote.body = wire::encode_checkpoint_body(content);
  vote.signature = authenticator_.sign(wire::checkpoint_statement(vote.body));
  return vote;
}

void LyingReplica::bend_checkpoint(CheckpointVote vote, std::vector<Message>& out) {
  coverage_.count("liar: wrong checkpoint root");
  auto content = vote.content;
  content.root = flipped(content.root, 0);
  out.emplace_back(signed_vote(content));
  if (random_.chance(300'000)) out.emplace_back(std::move(vote));
}

Status LyingReplica::garbage_status(const Status& honest) {
  Status status = honest;
  const auto far = [this](Seq near) {
    switch (random_.below(4)) {
      case 0: return near + random_.below(100);
      case 1: return Seq{0};
      case 2: return std::numeric_limits<Seq>::max() - random_.below(3) - 100;
      default: return near;
    }
  };
  status.doubts = !honest.doubts;
  status.executed = far(honest.executed);
  status.certificate = far(honest.certificate);
  status.slots.clear();
  auto seq = status.executed;
  for (auto left = random_.below(5); left > 0; --left) {
    seq += 1 + random_.below(3);
    status.slots.push_back({seq, random_.chance(500'000), random_.next(), random_.next()});
  }
  return status;
}

std::vector<Message> LyingReplica::bend_for_client(const Message& message) {
  std::vector<Message> out;
  const auto* replies = std::get_if<Replies>(&message);
  if (replies == nullptr || !lies(wrong_replies)) {
    out.push_back(message);
    return out;
  }
  coverage_.count("liar: wrong reply");
  auto lie = *replies;
  lie.view += random_.below(100);
  // All liars tell the same story, which is the worst that f of them can do.
  for (auto& entry : lie.entries) entry.result = encode_reply({ReplyStatus::ok, "lie " + std::to_string(entry.number)});
  out.emplace_back(std::move(lie));
  return out;
}

ViewChange LyingReplica::signed_view_change(ViewChangeStatement content) {
  ViewChange message;
  message.content = std::move(content);
  message.body = wire::encode_view_change_body(message.content);
  message.signature = authenticator_.sign(wire::view_change_statement(message.body));
  return message;
}

NewView LyingReplica::signed_new_view(NewViewStatement content) {
  NewView message;
  message.content = std::move(content);
  message.body = wire::encode_new_view_body(message.content);
  message.signature = authenticator_.sign(wire::new_view_statement(message.body));
  return message;
}

void LyingReplica::falsify(std::vector<SlotClaim>& claims, const ViewChangeStatement& content, Seq start) {
  switch (lie_in_claims_ < lies_in_claims ? lie_in_claims_ : view_random_.below(lies_in_claims)) {
    case 0: claims.clear(); break;
    case 1:
      if (!claims.empty())
        claims.erase(claims.begin() + static_cast<std::ptrdiff_t>(view_random_.below(claims.size())));
      break;
    case 2:
      if (!claims.empty()) {
        auto& claim = claims[view_random_.below(claims.size())];
        claim.digest = flipped(claim.digest, static_cast<std::uint8_t>(view_random_.below(3)));
      }
      break;
    case 3:
      if (!claims.empty()) claims[view_random_.below(claims.size())].view = content.view - 1;
      break;
    case 4:
      // What it was right to claim once, and has dropped since perhaps.
      if (!earlier_claims_.empty()) {
        const auto& claim = earlier_claims_[view_random_.below(earlier_claims_.size())];
        const auto same = [&claim](const SlotClaim& other) { return other.seq == claim.seq; };
        if (claim.seq > start && std::none_of(claims.begin(), claims.end(), same)) claims.push_back(claim);
        std::sort(claims.begin(), claims.end());
      }
      break;
    default: {
      // Behind the last one: a slot that nobody has proposed, or a batch that somebody else was shown.
      const Seq seq = (claims.empty() ? start : claims.back().seq) + 1;
      const auto* agreed = conspiracy_.digest_for(seq, static_cast<ReplicaId>(view_random_.below(membership_.n())));
      Digest digest;
      digest.bytes[5] = static_cast<std::uint8_t>(view_random_.below(4));
      claims.push_back({.seq = seq, .view = content.view - 1, .digest = agreed != nullptr ? *agreed : digest});
      break;
    }
  }
}

void LyingReplica::bend_view_change(ReplicaId to, const ViewChange& message, std::vector<Message>& out) {
  if (message.content.replica != id_) return out.emplace_back(message), void();  // passed on: another one's signature
  earlier_view_changes_.insert_or_assign(to, message);
  const auto& recorded = message.content.recorded;
  if (earlier_claims_.size() < 500) earlier_claims_.insert(earlier_claims_.end(), recorded.begin(), recorded.end());
  if (view_random_.chance(withheld_view_changes_ppm_)) return coverage_.count("liar: VIEW-CHANGE withheld");
  if (!view_random_.chance(wrong_claims_ppm_)) return out.emplace_back(message), void();
  auto content = message.content;
  const Seq start = content.certificate.votes.empty() ? 0 : content.certificate.votes.front().content.seq;
  coverage_.count("liar: VIEW-CHANGE with false claims");
  if (view_random_.chance(700'000)) falsify(content.prepared, content, start);
  if (view_random_.chance(700'000)) falsify(content.recorded, content, start);
  if (view_random_.chance(100'000)) {
    if (!content.certificate.votes.empty()) coverage_.count("liar: VIEW-CHANGE without its certificate");
    content.certificate.votes.clear();
  }
  content.issue += view_random_.below(3);
  const auto by_place = [](const SlotClaim& left, const SlotClaim& right) {
    return std::pair(left.seq, left.digest) < std::pair(right.seq, right.digest);
  };
  std::sort(content.recorded.begin(), content.recorded.end(), by_place);
  out.emplace_back(signed_view_change(std::move(content)));
}

void LyingReplica::bend_new_view(ReplicaId /*to*/, const NewView& message, std::vector<Message>& out) {
  if (view_random_.chance(withheld_new_views_ppm_)) return coverage_.count("liar: NEW-VIEW withheld");
  if (!view_random_.chance(wrong_new_views_ppm_)) return out.emplace_back(message), void();
  auto content = message.content;
  auto& view_changes = content.view_changes;
  const auto at = view_changes.begin() + static_cast<std::ptrdiff_t>(view_random_.below(view_changes.size()));
  switch (view_random_.below(6)) {
    case 0:
      coverage_.count("liar: NEW-VIEW without one of its VIEW-CHANGEs");
      if (view_changes.size() > 1) view_changes.erase(at);
      break;
    case 1:
      coverage_.count("liar: NEW-VIEW with a forged VIEW-CHANGE");
      falsify(at->content.prepared, at->content, 0);
      std::sort(at->content.prepared.begin(), at->content.prepared.end());
      at->body = wire::encode_view_change_body(at->content);
      break;
    case 2:
      coverage_.count("liar: NEW-VIEW with one VIEW-CHANGE in another's place");
      at->signature = view_changes.front().signature;
      break;
    case 3:
      coverage_.count("liar: NEW-VIEW with VIEW-CHANGEs that know nothing");
      for (auto& view_change : view_changes) {
        view_change.content.prepared.clear();
        view_change.body = wire::encode_view_change_body(view_change.content);
      }
      break;
    case 4: {
      coverage_.count("liar: NEW-VIEW with another VIEW-CHANGE of its own");
      for (auto& view_change : view_changes) {
        if (view_change.content.replica != id_) continue;
        auto own = view_change.content;
        own.prepared.clear();
        view_change = signed_view_change(std::move(own));
      }
      break;
    }
    default:
      coverage_.count("liar: NEW-VIEW for a view of another primary");
      content.view += 1;
      for (auto& view_change : view_changes) view_change.content.view += 1;
      break;
  }
  out.emplace_back(signed_new_view(std::move(content)));
}

Message LyingReplica::forged_request() {
  Bundle content;
  content.cluster = membership_.cluster;
  content.epoch = membership_.epoch;
  content.client = static_cast<ClientId>(random_.below(membership_.clients.size() + 1));
  content.session = 1 + random_.below(3);
  content.first = 1 + random_.below(40);
  content.operations.emplace_back("forged");
  SignedBundle bundle;
  bundle.body = wire::encode_bundle_body(content);
  bundle.content = std::move(content);
  bundle.signature = authenticator_.sign(wire::bundle_statement(bundle.body));  // with the wrong key
  return Submit{std::make_shared<const SignedBundle>(std::move(bundle))};
}

Message LyingReplica::stray_message(Seq executed) {
  Digest digest;
  digest.bytes[3] = static_cast<std::uint8_t>(random_.below(256));
  const Seq seqs[] = {executed + 1, executed + 2 + random_.below(8), 1, executed + 1'000,
                      std::numeric_limits<Seq>::max()};
  const auto seq = seqs[random_.below(5)];
  const View view = random_.chance(700'000) ? 0 : random_.next();
  switch (random_.below(10)) {
    case 0: return Prepare{view, seq, digest};
    case 1: return Commit{view, seq, digest};
    case 2: return PrePrepare{view, seq, std::make_shared<const Batch>()};
    case 3: return Decided{seq, digest};
    case 4: return FetchBatch{seq, digest};
    case 5: return BatchBody{seq, std::make_shared<const Batch>()};
    case 6: {
      // In another replica's name, or for a slot where no checkpoint is.
      const auto whose = static_cast<ReplicaId>(random_.below(membership_.n()));
      return signed_vote({membership_.cluster, membership_.epoch, whose, 0, seq, digest});
    }
    case 7: {
      CheckpointCertificate certificate;
      const auto votes = membership_.quorum() - (random_.chance(500'000) ? 1 : 0);
      for (ReplicaId id = 0; id < votes; ++id) {
        certificate.votes.push_back(signed_vote({membership_.cluster, membership_.epoch, id, 0, seq, digest}));
      }
      return certificate;
    }
    case 8: return Refusal{1, 1, RefusalReason::busy};
    default: return forged_request();
  }
}

/// What nobody needs of the state, asked by one that wants to cost the others something, or told to one that asks.
Message LyingReplica::stray_of_transfer(Seq executed) {
  auto& random = source_random_;
  const Seq seq = executed - random.below(std::min<Seq>(executed, 30) + 1) + 1;
  switch (random.below(4)) {
    case 0: return StateLeaseQuery{random.below(5), random.chance(500'000) ? 0 : seq};
    case 1: return StateParts{random.below(50), seq, {}, {}};
    case 2: {
      Digest root;
      root.bytes[1] = static_cast<std::uint8_t>(random.below(256));
      StateLease lease{random.below(5), random.next(), {}};
      for (ReplicaId id = 0; id < membership_.quorum(); ++id) {
        lease.votes.votes.push_back(signed_vote({membership_.cluster, membership_.epoch, id, 0, seq, root}));
      }
      return lease;
    }
    default: {
      StatePartsQuery query{random.next(), seq, {{"", random.chance(500'000)}}};
      for (char nibble = 0; nibble < 16; ++nibble) query.places.push_back({NibblePrefix(1, nibble), false});
      return query;
    }
  }
}

/// As many as it can sign, of checkpoints that are not there yet, each of another slot.
void LyingReplica::far_checkpoints(Seq executed, Outgoing& out) {
  coverage_.count("liar: CHECKPOINTs of far slots");
  constexpr Seq checkpoints = 12;
  Digest digest;
  digest.bytes[6] = 1;
  Seq seq = executed - executed % checkpoint_interval_ + checkpoint_interval_ * (1 + checkpoint_random_.below(1'000));
  for (Seq left = checkpoints; left > 0; --left, seq += checkpoint_interval_) {
    const auto vote = signed_vote({membership_.cluster, membership_.epoch, id_, 0, seq, digest});
    for (ReplicaId to = 0; to < membership_.n(); ++to) {
      if (to != id_) out.emplace_back(to, vote);
    }
  }
}

LyingReplica::Outgoing LyingReplica::mischief(Seq executed) {
  Outgoing out;
  if (source_random_.chance(stray_transfer_ppm_)) {
    coverage_.count("liar: stray question or answer about the state");
    const auto message = stray_of_transfer(executed);
    for (ReplicaId to = 0; to < membership_.n(); ++to) {
      if (to != id_) out.emplace_back(to, message);
    }
  }
  if (rejoin_random_.chance(stray_rejoin_ppm_)) {
    coverage_.count("liar: REJOIN without a loss");
    const auto whose =
        rejoin_random_.chance(700'000) ? id_ : static_cast<ReplicaId>(rejoin_random_.below(membership_.n()));
    const auto message = signed_rejoin(whose, rejoin_random_.below(3));
    for (ReplicaId to = 0; to < membership_.n(); ++to) {
      if (to != id_) out.emplace_back(to, message);
    }
  }
  if (view_random_.chance(stray_view_changes_ppm_)) {
    coverage_.count("liar: VIEW-CHANGE without a reason");
    for (auto& [to, message] : earlier_view_changes_) {
      auto content = message.content;
      content.view += 1 + view_random_.below(view_random_.chance(800'000) ? 3 : 1'000'000);
      message = signed_view_change(std::move(content));
      out.emplace_back(to, message);
    }
  }
  if (checkpoint_random_.chance(far_checkpoints_ppm_)) far_checkpoints(executed, out);
  if (!lies(stray)) return out;
  coverage_.count("liar: stray message");
  const auto message = stray_message(executed);
  const bool to_all = random_.chance(500'000);
  const auto one = static_cast<ReplicaId>(random_.below(membership_.n()));
  for (ReplicaId to = 0; to < membership_.n(); ++to) {
    if (to != id_ && (to_all || to == one)) out.emplace_back(to, message);
  }
  return out;
}

}  // namespace tagma::sim
