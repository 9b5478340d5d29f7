// Every validator towards every value that our own code could be given, and the promise of messages/README.md: a valid
// message can always be encoded, and decodes to itself. What is refused here is refused by the codec as well.
//
// The input's choices build one message (or one membership), see message_maker.h.
#include "messages/assert.h"
#include "messages/validate.h"
#include "messages/wire/codec.h"
#include "tagma/limits.h"
#include "test/fuzz/message_maker.h"
#include "test/fuzz/target.h"
#include "test/unit/messages/samples.h"

namespace tagma::fuzz {
namespace {

/// More than the encoding has, for messages that break rules: the encoder asserts that a message keeps to its limit.
std::size_t generous_size(const Message& message) {
  std::size_t size = 1024;
  if (const auto* submit = std::get_if<Submit>(&message)) {
    size += submit->bundle->body.size() + submit->bundle->signature.size();
  } else if (const auto* proposal = std::get_if<PrePrepare>(&message)) {
    size += proposal->batch->bytes.size();
  } else if (const auto* body = std::get_if<BatchBody>(&message)) {
    size += body->batch->bytes.size();
  } else if (const auto* replies = std::get_if<Replies>(&message)) {
    for (const auto& entry : replies->entries) size += entry.result.size() + 128;
  } else if (const auto* report = std::get_if<Report>(&message)) {
    for (const auto& [name, value] : report->counters) size += name.size() + 64;
  } else if (const auto* certificate = std::get_if<CheckpointCertificate>(&message)) {
    for (const auto& vote : certificate->votes) size += vote.body.size() + vote.signature.size() + 64;
  } else if (const auto* view_change = std::get_if<ViewChange>(&message)) {
    size += view_change->body.size() + view_change->signature.size();
  } else if (const auto* new_view = std::get_if<NewView>(&message)) {
    size += new_view->body.size() + new_view->signature.size();
  } else if (const auto* keys = std::get_if<StateKeys>(&message)) {
    for (const auto& key : keys->keys) size += key.size() + 64;
  } else if (const auto* values = std::get_if<StateValues>(&message)) {
    for (const auto& value : values->values) size += value.value.size() + 64;
  } else if (const auto* lease = std::get_if<StateLease>(&message)) {
    for (const auto& vote : lease->votes.votes) size += vote.body.size() + vote.signature.size() + 64;
  } else if (const auto* parts = std::get_if<StateParts>(&message)) {
    for (const auto& node : parts->nodes) size += node.children.size() * sizeof(StateNode::Child) + 256;
    for (const auto& piece : parts->pieces) size += size_of(piece) + piece.entries.size() * 32 + 256;
  }
  return size;
}

void judge_message(Input& input) {
  MessageMaker maker(input);
  const auto message = maker.message();
  TAGMA_ASSERT(!name_of(message).empty(), "every message has a name");
  for (std::uint8_t kind = 0; kind < 5; ++kind) static_cast<void>(may_send(static_cast<PrincipalKind>(kind), message));
  const auto refused = validate(message);
  TAGMA_ASSERT(!refused || !refused->reason.empty(), "a refusal has a reason");
  if (!maker.whole()) return;
  if (refused && generous_size(message) > limits::message_bytes_max) return;
  const auto bytes = wire::encode(message);
  const auto decoded = wire::decode(bytes);
  if (refused) {
    TAGMA_ASSERT(!decoded.ok(), "the codec refuses what the validator refuses");
    return;
  }
  TAGMA_ASSERT(decoded.ok(), "a valid message can be encoded and decoded");
  TAGMA_ASSERT(samples::same(message, *decoded), "a valid message decodes to itself");
}

/// Ids in order or nearly, f of any size: the rules of who can be a cluster.
Membership made_membership(Input& input) {
  Membership membership;
  membership.faults = static_cast<std::uint32_t>(input.flag() ? input.number() : input.byte() % 24U);
  const auto n = input.size_around(replicas_max);
  for (std::size_t at = 0; at < n; ++at) {
    auto& replica = membership.replicas.emplace_back();
    replica.id = static_cast<ReplicaId>(at);
    replica.key.bytes = Bytes(33, static_cast<char>(at));
  }
  if (input.byte() % 8 == 7 && n > 0) membership.replicas[input.below(n)].id = static_cast<ReplicaId>(input.number());
  for (auto count = input.byte() % 4U; count > 0; --count) {
    membership.clients.push_back({static_cast<ClientId>(input.number()), {}});
    membership.admins.push_back({static_cast<AdminId>(input.number()), {}});
  }
  return membership;
}

void judge_membership(Input& input) {
  const auto membership = made_membership(input);
  const auto refused = validate(membership);
  TAGMA_ASSERT(!refused || !refused->reason.empty(), "a refusal has a reason");
  for (std::uint8_t kind = 0; kind < 5; ++kind) {
    const Principal principal{static_cast<PrincipalKind>(kind), static_cast<std::uint32_t>(input.number())};
    TAGMA_ASSERT(!to_string(principal).empty(), "every principal has a name");
    static_cast<void>(membership.find_key(principal));
  }
  if (refused) return;
  const std::uint64_t n = membership.n();
  const std::uint64_t f = membership.faults;
  TAGMA_ASSERT(n >= 3 * f + 1, "n is at least 3f+1");
  TAGMA_ASSERT(n <= replicas_max, "replicas fit into a mask");
  TAGMA_ASSERT(membership.quorum() <= n - f, "the correct replicas alone make a quorum");
  TAGMA_ASSERT(2 * std::uint64_t{membership.quorum()} >= n + f + 1, "two quorums share a correct replica");
  TAGMA_ASSERT(membership.primary(input.number()) < n, "a primary is a replica");
  for (const auto& replica : membership.replicas) {
    TAGMA_ASSERT(membership.find_replica(replica.id) == &replica, "every replica is found");
  }
  for (const auto& client : membership.clients) {
    TAGMA_ASSERT(membership.find_client(client.id) == &client, "every client is found");
  }
  for (const auto& admin : membership.admins) {
    TAGMA_ASSERT(membership.find_admin(admin.id) == &admin, "every administrator is found");
  }
}

}  // namespace

void judge(ByteView bytes) {
  Input input(bytes);
  if (input.byte() % 8 == 7) {
    judge_membership(input);
  } else {
    judge_message(input);
  }
}

}  // namespace tagma::fuzz
