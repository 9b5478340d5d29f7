#include "test/fuzz/message_maker.h"

#include <algorithm>
#include <bit>

#include "messages/validate.h"
#include "messages/wire/codec.h"
#include "tagma/limits.h"

namespace tagma::fuzz {
namespace {

// The encoder asserts that signed or hashed bytes keep to their limit; what may not is not given to it. Generous, so
// that the exact rule is the validator's.
constexpr std::size_t encoding_slack_bytes = 1024;
constexpr std::size_t part_slack_bytes = 40;

/// Bytes that no decoder takes for a framed message: the first four are not zero.
Bytes no_framing(std::size_t size) { return Bytes(size, 'x'); }

std::size_t generous_size(const Bundle& bundle) {
  std::size_t size = encoding_slack_bytes;
  for (const auto& operation : bundle.operations) size += operation.size() + 2 * sizeof(std::uint64_t);
  return size;
}

}  // namespace

Bytes MessageMaker::filled(std::size_t size) {
  size = std::min(size, bytes_left_);
  bytes_left_ -= size;
  return Bytes(size, static_cast<char>(size == 0 ? 0 : input_.byte()));
}

Bytes MessageMaker::signature() {
  const auto kind = input_.byte();
  if (kind % 4 != 0) return Bytes(64, static_cast<char>(kind));
  return filled(input_.size_around(limits::signature_bytes_max));
}

Bundle MessageMaker::bundle() {
  Bundle bundle;
  bundle.cluster = input_.digest();
  bundle.epoch = input_.number();
  bundle.client = static_cast<ClientId>(input_.number());
  bundle.session = input_.number();
  bundle.first = input_.number();
  bundle.acknowledged = input_.flag() ? input_.number() : bundle.first - 1;
  const auto shape = input_.byte();
  const auto count = shape % 4 == 0 ? input_.size_around(limits::bundle_operations_max) : std::size_t{shape} % 4;
  // The size of all of them, then one of another size, which finds the edge of the whole body's limit.
  const auto each = input_.flag() ? input_.size_around(limits::operation_bytes_max) : std::size_t{input_.byte()};
  for (std::size_t at = 0; at < count && bytes_left_ > 0; ++at) bundle.operations.push_back(filled(each));
  if (input_.flag() && !bundle.operations.empty()) {
    bundle.operations.back() = filled(input_.flag() ? input_.size_around(limits::operation_bytes_max)
                                                    : input_.below(limits::operation_bytes_max));
  }
  return bundle;
}

SignedBundle MessageMaker::signed_bundle() {
  SignedBundle made;
  made.content = bundle();
  made.signature = signature();
  const auto kind = input_.byte();
  if (kind % 16 == 15) {
    made.body = filled(input_.size_around(limits::bundle_bytes_max));
    whole_ = false;
  } else if (validate(made.content) && generous_size(made.content) > limits::bundle_bytes_max) {
    // A valid bundle is always encoded: that it fits is what the validator promises.
    made.body = no_framing(limits::bundle_bytes_max + 1);
  } else {
    made.body = wire::encode_bundle_body(made.content);
  }
  return made;
}

Batch MessageMaker::batch() {
  if (input_.byte() % 8 == 7) return {};
  std::vector<SignedBundle> bundles;
  const auto shape = input_.byte();
  const auto count = shape % 4 == 0 ? input_.size_around(limits::batch_bundles_max) : std::size_t{shape} % 4;
  std::size_t size = encoding_slack_bytes;
  // Few different ones, repeated: what is limited is how many there are.
  std::vector<SignedBundle> different;
  for (std::size_t at = 0; at <= shape / 4 % 3; ++at) different.push_back(signed_bundle());
  std::size_t held = 0;  // a body that was made up may be shorter than what it claims to hold
  for (std::size_t at = 0; at < count && size + held < 2 * limits::batch_bytes_max; ++at) {
    bundles.push_back(different[at % different.size()]);
    size += bundles.back().body.size() + bundles.back().signature.size() + part_slack_bytes;
    const auto body = bundles.back().body.size();
    held += std::max(generous_size(bundles.back().content), body) - body;
  }
  const auto time_us = static_cast<TimeUs>(input_.number());
  std::vector<Rejoin> rejoins;
  for (auto left = input_.byte() % 16U; left > 13; --left) rejoins.push_back(rejoin());
  for (const auto& each : rejoins) size += each.body.size() + each.signature.size() + part_slack_bytes;
  if (input_.byte() % 16 == 15 || (bundles.empty() && rejoins.empty())) {
    whole_ = false;
    return {filled(input_.size_around(limits::batch_bytes_max)), time_us, std::move(bundles), std::move(rejoins)};
  }
  if (size > limits::batch_bytes_max) {
    return {no_framing(limits::batch_bytes_max + 1), time_us, std::move(bundles), std::move(rejoins)};
  }
  return wire::encode_batch(time_us, std::move(bundles), std::move(rejoins));
}

SharedBatch MessageMaker::shared_batch() {
  if (input_.byte() % 16 == 15) {
    whole_ = false;
    return nullptr;
  }
  return std::make_shared<const Batch>(batch());
}

CheckpointVote MessageMaker::checkpoint_vote() {
  CheckpointVote vote;
  vote.content.cluster = input_.digest();
  vote.content.epoch = input_.number();
  vote.content.replica = static_cast<ReplicaId>(input_.flag() ? input_.number() : input_.byte() % 66U);
  vote.content.incarnation = input_.number();
  vote.content.seq = input_.number();
  vote.content.root = input_.digest();
  vote.signature = signature();
  if (input_.byte() % 16 == 15) {
    vote.body = filled(input_.size_around(limits::statement_bytes_max));
    whole_ = false;
  } else {
    vote.body = wire::encode_checkpoint_body(vote.content);
  }
  return vote;
}

Rejoin MessageMaker::rejoin() {
  Rejoin rejoin;
  rejoin.content.cluster = input_.digest();
  rejoin.content.epoch = input_.number();
  rejoin.content.replica = static_cast<ReplicaId>(input_.flag() ? input_.number() : input_.byte() % 66U);
  rejoin.content.incarnation = input_.number();
  rejoin.content.nonce = input_.digest();
  rejoin.signature = signature();
  if (input_.byte() % 16 == 15) {
    rejoin.body = filled(input_.size_around(limits::statement_bytes_max));
    whole_ = false;
  } else {
    rejoin.body = wire::encode_rejoin_body(rejoin.content);
  }
  return rejoin;
}

CheckpointCertificate MessageMaker::certificate() {
  CheckpointCertificate certificate;
  const auto shape = input_.byte();
  const auto count = shape % 4 == 0 ? input_.size_around(replicas_max) : std::size_t{shape} % 4;
  if (count == 0) return certificate;
  certificate.votes.push_back(checkpoint_vote());
  for (std::size_t at = 1; at < count; ++at) {
    auto vote = certificate.votes.front();
    vote.content.replica += static_cast<ReplicaId>(at);
    vote.body = wire::encode_checkpoint_body(vote.content);
    if (shape >= 128 && at + 1 == count) vote = checkpoint_vote();  // a stranger at the end
    certificate.votes.push_back(std::move(vote));
  }
  return certificate;
}

std::vector<SlotClaim> MessageMaker::claims(std::size_t count_max, Seq seq, View view) {
  std::vector<SlotClaim> claims;
  const auto shape = input_.byte();
  const auto count = shape % 8 == 0 ? input_.size_around(count_max) : std::size_t{shape} % 4;
  for (std::size_t at = 0; at < count; ++at) {
    const auto step = input_.byte();
    // The same slot again, any one, or a little further.
    if (step == 255) {
      seq = input_.number();
    } else if (step % 8 != 7 || claims.empty()) {
      seq += 1U + step % 4U;
    }
    claims.push_back({seq, step % 32 == 30 ? input_.number() : view - 1, input_.digest()});
  }
  return claims;
}

ViewChange MessageMaker::view_change() {
  ViewChange made;
  auto& content = made.content;
  content.cluster = input_.digest();
  content.epoch = input_.number();
  content.replica = static_cast<ReplicaId>(input_.flag() ? input_.number() : input_.byte() % 66U);
  content.incarnation = input_.number();
  content.view = input_.number();
  content.issue = input_.number();
  for (auto named = input_.byte() % 4U; named > 0; --named) {
    content.dropped_by.push_back({input_.flag() ? input_.number() : content.view - named, input_.digest()});
  }
  if (input_.flag()) content.certificate = certificate();
  const auto& votes = content.certificate.votes;
  const Seq seq = votes.empty() ? 0 : votes.front().content.seq;
  content.prepared = claims(limits::view_change_slots_max, seq, content.view);
  content.recorded = claims(2 * limits::view_change_slots_max, seq, content.view);
  made.signature = signature();
  if (input_.byte() % 16 == 15) {
    made.body = filled(input_.size_around(limits::view_change_bytes_max));
    whole_ = false;
  } else if (whole_) {
    // As many claims and votes as can be made here always fit, where the votes' bodies are what they say.
    made.body = wire::encode_view_change_body(content);
  }
  return made;
}

NewView MessageMaker::new_view() {
  // Many small ones or a few large ones: what is limited is how many there are, and no input may be slow.
  constexpr std::size_t bodies_bytes_max = 256UL * 1024;
  NewView made;
  auto& content = made.content;
  content.cluster = input_.digest();
  content.epoch = input_.number();
  const auto shape = input_.byte();
  auto count = shape % 8 == 0 ? input_.size_around(replicas_max) : std::size_t{shape} % 4;
  if (count > 0) {
    content.view_changes.push_back(view_change());
    count = std::min(count, 1 + bodies_bytes_max / (1 + content.view_changes.front().body.size()));
  }
  content.view = count > 0 && shape < 224 ? content.view_changes.front().content.view : input_.number();
  for (std::size_t at = 1; at < count; ++at) {
    auto next = content.view_changes.front();
    next.content.replica += static_cast<ReplicaId>(at);
    if (whole_) next.body = wire::encode_view_change_body(next.content);
    if (shape >= 128 && at + 1 == count) next = view_change();  // a stranger at the end
    content.view_changes.push_back(std::move(next));
  }
  made.signature = signature();
  if (input_.byte() % 16 == 15) {
    made.body = filled(input_.size_around(limits::new_view_bytes_max));
    whole_ = false;
  } else if (whole_) {
    made.body = wire::encode_new_view_body(content);
  }
  return made;
}

Status MessageMaker::status() {
  Status status{.view = input_.number(),
                .active = input_.flag(),
                .certificate = input_.number(),
                .executed = input_.number(),
                .slots = {}};
  const auto count = input_.size_around(limits::status_slots_max);
  Seq seq = status.certificate;
  for (std::size_t at = 0; at < count; ++at) {
    const auto step = input_.byte();
    seq = step == 255 ? input_.number() : seq + 1 + step % 4;
    status.slots.push_back({seq, (step & 4U) != 0, input_.number(), input_.number()});
  }
  return status;
}

Replies MessageMaker::replies() {
  Replies replies{.epoch = input_.number(),
                  .view = input_.number(),
                  .client = static_cast<ClientId>(input_.number()),
                  .session = input_.number(),
                  .entries = {}};
  const auto count = input_.size_around(limits::replies_max);
  const auto each = input_.flag() ? input_.size_around(limits::reply_bytes_max) : std::size_t{input_.byte()};
  for (std::size_t at = 0; at < count && bytes_left_ > 0; ++at) {
    ReplyEntry& entry = replies.entries.emplace_back();
    entry.number = input_.empty() ? 1 + at : input_.number();
    entry.request_digest = input_.digest();
    entry.seq = input_.empty() ? 1 : input_.number();
    entry.outcome = static_cast<Outcome>(input_.empty() ? 1U : input_.byte() % 5U);
    entry.result = filled(each);
  }
  return replies;
}

Report MessageMaker::report() {
  Report report;
  report.nonce = input_.number();
  report.epoch = input_.number();
  report.incarnation = input_.number();
  report.view = input_.number();
  report.last_executed = input_.number();
  report.stable_checkpoint = input_.number();
  report.state_digest_seq = input_.number();
  report.state_digest = input_.digest();
  report.voting = input_.flag();
  const auto count = input_.size_around(limits::report_counters_max);
  const auto each = input_.flag() ? input_.size_around(limits::text_bytes_max) : std::size_t{1};
  for (std::size_t at = 0; at < count; ++at) {
    auto name = input_.byte() % 16 == 15 ? input_.bytes(32) : Bytes(each, static_cast<char>(' ' + at % 95));
    report.counters.emplace_back(std::move(name), input_.number());
  }
  return report;
}

Message MessageMaker::message() {
  switch (input_.byte() % std::variant_size_v<Message>) {
    case 0:
      if (input_.byte() % 16 == 15) {
        whole_ = false;
        return Submit{nullptr};
      }
      return Submit{std::make_shared<const SignedBundle>(signed_bundle())};
    case 1: {
      const auto view = input_.number();
      const auto seq = input_.number();
      return PrePrepare{view, seq, shared_batch()};
    }
    case 2: {
      const auto view = input_.number();
      const auto seq = input_.number();
      return Prepare{view, seq, input_.digest()};
    }
    case 3: {
      const auto view = input_.number();
      const auto seq = input_.number();
      return Commit{view, seq, input_.digest()};
    }
    case 4: return checkpoint_vote();
    case 5: return certificate();
    case 6: return status();
    case 7: {
      const auto seq = input_.number();
      return Decided{seq, input_.digest()};
    }
    case 8: {
      const auto seq = input_.number();
      return FetchBatch{seq, input_.digest()};
    }
    case 9: {
      const auto seq = input_.number();
      return BatchBody{seq, shared_batch()};
    }
    case 10: return replies();
    case 11: {
      const auto session = input_.number();
      const auto first = input_.number();
      return Refusal{session, first, static_cast<RefusalReason>(input_.byte() % 10U)};
    }
    case 12: return ReportQuery{input_.number()};
    case 13: return report();
    case 14: return view_change();
    case 15: return new_view();
    case 16: {
      const auto view = input_.number();
      return FetchNewView{view, input_.digest()};
    }
    default: return inspection();
  }
}

NibblePrefix MessageMaker::prefix() {
  NibblePrefix prefix = input_.flag() ? NibblePrefix(input_.size_around(path_nibbles), '\x0f') : input_.bytes(8);
  return prefix;
}

StateNode MessageMaker::state_node() {
  StateNode node;
  node.prefix = prefix();
  node.kind = static_cast<NodeKind>(input_.byte() % 5U);
  const auto half = [this] { return static_cast<std::uint16_t>(input_.byte()); };
  node.occupied = static_cast<std::uint16_t>(half() | half() << 8U);
  node.leaves = static_cast<std::uint16_t>(input_.flag() ? node.occupied : half());
  // As many as it says, or not.
  const auto said = static_cast<std::size_t>(std::popcount(node.occupied));
  const auto count = input_.flag() ? said : input_.size_around(16);
  for (std::size_t at = 0; at < count; ++at) node.children.push_back({input_.digest(), input_.digest()});
  // Only leaves have a path.
  std::size_t child = 0;
  for (std::uint32_t nibble = 0; node.kind == NodeKind::inner && nibble < 16 && child < node.children.size();
       ++nibble) {
    if ((std::uint32_t{node.occupied} >> nibble & 1U) == 0) continue;
    if ((std::uint32_t{node.leaves} >> nibble & 1U) == 0) node.children[child].path = {};
    ++child;
  }
  // The encoder takes from kind and masks what the children are, so it is given nodes only in which they agree.
  if (validate(StateNodes{.nonce = 1, .seq = 1, .nodes = {node}})) whole_ = false;
  return node;
}

Message MessageMaker::inspection() {
  const auto kind = input_.byte();
  const auto nonce = input_.number();
  const auto seq = input_.number();
  const auto count_up_to = [this](std::size_t max) {
    const auto shape = input_.byte();
    return shape % 8 == 0 ? input_.size_around(max) : std::size_t{shape} % 8;
  };
  switch (kind % 13) {
    case 0: return HistoryQuery{nonce, seq, static_cast<std::uint32_t>(input_.number())};
    case 1: {
      History history{nonce, seq, input_.number(), input_.number(), input_.number(), {}, {}};
      for (auto left = count_up_to(limits::history_slots_max); left > 0; --left) {
        history.slots.push_back({input_.digest(), input_.digest()});
      }
      for (auto left = count_up_to(limits::history_roots_max); left > 0; --left) {
        history.roots.push_back({input_.number(), input_.digest()});
      }
      return history;
    }
    case 2: {
      StateNodesQuery query{nonce, seq, {}};
      for (auto left = count_up_to(limits::state_nodes_max); left > 0; --left) query.prefixes.push_back(prefix());
      return query;
    }
    case 3: {
      StateNodes nodes{nonce, seq, {}};
      for (auto left = count_up_to(limits::state_nodes_max); left > 0; --left) nodes.nodes.push_back(state_node());
      return nodes;
    }
    case 4: return StateKeysQuery{nonce, seq, filled(input_.size_around(limits::state_key_bytes_max))};
    case 5: {
      StateKeys keys{nonce, seq, {}, input_.flag()};
      for (auto left = count_up_to(limits::state_keys_max); left > 0 && bytes_left_ > 0; --left) {
        keys.keys.push_back(input_.flag() ? input_.bytes(4) : filled(input_.size_around(limits::state_key_bytes_max)));
      }
      return keys;
    }
    case 6: {
      StateValuesQuery query{nonce, seq, {}};
      for (auto left = count_up_to(limits::state_values_max); left > 0; --left) query.keys.push_back(input_.bytes(4));
      return query;
    }
    case 7: {
      StateValues values{nonce, seq, {}};
      for (auto left = count_up_to(limits::state_values_max); left > 0 && bytes_left_ > 0; --left) {
        const bool present = input_.flag();
        const auto size = input_.number();
        values.values.push_back({present, size, filled(input_.size_around(limits::state_value_bytes_max))});
      }
      return values;
    }
    case 8: return StateLeaseQuery{nonce, seq};
    case 9: return StateLease{nonce, seq, certificate()};
    case 12: return rejoin();
    case 10: {
      StatePartsQuery query{nonce, seq, {}};
      for (auto left = count_up_to(limits::state_places_max); left > 0; --left) {
        query.places.push_back({prefix(), input_.flag()});
      }
      const bool sorted = input_.byte() % 4 != 0;
      if (sorted) std::sort(query.places.begin(), query.places.end());
      return query;
    }
    default: return state_parts(nonce, seq);
  }
}

StateParts MessageMaker::state_parts(std::uint64_t nonce, Seq seq) {
  StateParts parts{nonce, seq, {}, {}};
  for (auto left = input_.byte() % 4; left > 0; --left) parts.nodes.push_back(state_node());
  const auto shape = input_.byte();
  const auto pieces = shape % 16 == 0 ? input_.size_around(limits::state_places_max) : std::size_t{shape} % 4;
  for (std::size_t at = 0; at < pieces && bytes_left_ > 0; ++at) {
    StatePiece piece{prefix(), {}};
    const auto count = input_.byte() % 32 == 0 ? input_.size_around(limits::state_entries_max) : input_.byte() % 4U;
    for (std::size_t entry = 0; entry < count && bytes_left_ > 0; ++entry) {
      // Mostly short ones: the limits on their number and their sum are far apart.
      const auto kind = input_.byte();
      const auto key = kind % 8 == 0 ? filled(input_.size_around(limits::state_key_bytes_max)) : filled(1 + kind % 4U);
      const auto value =
          kind % 16 == 1 ? filled(input_.size_around(limits::state_entry_value_bytes_max)) : filled(kind % 3U);
      piece.entries.append(key, value);
    }
    parts.pieces.push_back(std::move(piece));
  }
  return parts;
}

}  // namespace tagma::fuzz
