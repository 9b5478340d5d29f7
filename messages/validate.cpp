// The reasons are fixed texts: they are counted by reason, so their number must stay finite whatever a peer sends.
#include "messages/validate.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <set>

#include "tagma/limits.h"

namespace tagma {
namespace {

using Verdict = std::optional<Refused>;

Verdict refuse(std::string_view reason) { return Refused{std::string(reason)}; }

/// Bytes that an operation or another byte string takes up on the wire: a pointer, and the content in words of eight.
std::size_t wire_bytes(const Bytes& content) { return 8 + (content.size() + 7) / 8 * 8; }

/// The encoded size of a bundle's body, as messages/wire lays it out: framing, root pointer, struct, cluster id, list.
std::size_t body_bytes(const Bundle& bundle) {
  std::size_t size = 8 + 8 + 5 * 8 + 2 * 8 + Digest::size_bytes;
  for (const auto& operation : bundle.operations) size += wire_bytes(operation);
  return size;
}

Verdict check_signature(const Bytes& signature) {
  if (signature.empty()) return refuse("the signature is missing");
  if (signature.size() > limits::signature_bytes_max) return refuse("the signature has more than 72 bytes");
  return std::nullopt;
}

Verdict check_slot_batch(Seq seq, const SharedBatch& batch) {
  if (seq == 0) return refuse("slot 0 does not exist; slots start at 1");
  if (!batch) return refuse("the batch is missing");
  return validate(*batch);
}

Verdict check_slot(Seq seq) {
  if (seq == 0) return refuse("slot 0 does not exist; slots start at 1");
  return std::nullopt;
}

/// Reports are shown on terminals, so their names must not carry control characters.
bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char letter) { return letter >= ' ' && letter <= '~'; });
}

bool known(Outcome outcome) {
  switch (outcome) {
    case Outcome::executed:
    case Outcome::session_evicted:
    case Outcome::outside_window: return true;
  }
  return false;
}

bool known(RefusalReason reason) {
  switch (reason) {
    case RefusalReason::busy:
    case RefusalReason::unknown_client:
    case RefusalReason::bad_signature:
    case RefusalReason::wrong_epoch:
    case RefusalReason::outside_window:
    case RefusalReason::too_many_sessions:
    case RefusalReason::not_serving: return true;
  }
  return false;
}

Verdict check_checkpoint(Seq seq) {
  if (seq == 0) return refuse("there is no checkpoint of slot 0");
  return std::nullopt;
}

Verdict check_prefix(const NibblePrefix& prefix) {
  if (prefix.size() >= path_nibbles) return refuse("a place in the state tree has more than 63 nibbles");
  const auto is_nibble = [](char byte) { return static_cast<unsigned char>(byte) < 16; };
  if (!std::all_of(prefix.begin(), prefix.end(), is_nibble)) return refuse("a place in the state tree has no nibbles");
  return std::nullopt;
}

Verdict check_node(const StateNode& node) {
  if (auto refused = check_prefix(node.prefix)) return refused;
  const bool inner = node.kind == NodeKind::inner;
  if (!inner && (node.occupied != 0 || node.leaves != 0)) return refuse("a node without children names some");
  switch (node.kind) {
    case NodeKind::absent:
      if (!node.children.empty()) return refuse("an absent node has content");
      return std::nullopt;
    case NodeKind::leaf:
      if (node.children.size() != 1) return refuse("a leaf is not one leaf");
      return std::nullopt;
    case NodeKind::inner: break;
    default: return refuse("a node's kind is unknown");
  }
  if (node.occupied == 0 || node.children.size() != static_cast<std::size_t>(std::popcount(node.occupied))) {
    return refuse("an inner node's children are not those that it names");
  }
  if ((node.leaves & ~node.occupied) != 0) return refuse("an inner node names a leaf that it has not");
  if (node.children.size() == 1 && node.leaves != 0) return refuse("an inner node has one leaf and nothing else");
  return std::nullopt;
}

Verdict check_state_key(ByteView key) {
  if (key.size() > limits::state_key_bytes_max) return refuse("a key of the state has more than 511 bytes");
  return std::nullopt;
}

Verdict check_entry(const ReplyEntry& entry) {
  if (entry.number == 0) return refuse("a reply's number is 0; numbers start at 1");
  if (!known(entry.outcome)) return refuse("a reply's outcome is unknown");
  if (entry.seq == 0 && entry.outcome != Outcome::session_evicted) return refuse("an ordered reply names no slot");
  if (entry.result.size() > limits::reply_bytes_max) return refuse("a result has more than 128 KiB");
  return std::nullopt;
}

}  // namespace

Verdict validate(const Bundle& bundle) {
  if (bundle.session == 0) return refuse("the session is 0; sessions start at 1");
  if (bundle.first == 0) return refuse("the first number is 0; numbers start at 1");
  if (bundle.acknowledged >= bundle.first) return refuse("the bundle acknowledges its own numbers");
  if (bundle.operations.empty()) return refuse("the bundle has no operation");
  if (bundle.operations.size() > limits::bundle_operations_max)
    return refuse("the bundle has more than 256 operations");
  // end() is one past the last number and must exist too.
  if (bundle.first > std::numeric_limits<RequestNumber>::max() - bundle.operations.size()) {
    return refuse("the bundle's numbers overflow");
  }
  for (const auto& operation : bundle.operations) {
    if (operation.size() > limits::operation_bytes_max) return refuse("an operation has more than 128 KiB");
  }
  if (body_bytes(bundle) > limits::bundle_bytes_max) return refuse("the bundle's body has more than 256 KiB");
  return std::nullopt;
}

Verdict validate(const SignedBundle& bundle) {
  if (bundle.body.empty()) return refuse("the bundle's body is missing");
  if (bundle.body.size() > limits::bundle_bytes_max) return refuse("the bundle's body has more than 256 KiB");
  if (auto refused = check_signature(bundle.signature)) return refused;
  return validate(bundle.content);
}

Verdict validate(const Batch& batch) {
  if (batch.is_null()) {
    if (!batch.bundles.empty() || !batch.rejoins.empty()) return refuse("the null batch orders something");
    if (batch.proposed_time_us != 0) return refuse("the null batch proposes a time");
    return std::nullopt;
  }
  if (batch.bytes.size() > limits::batch_bytes_max) return refuse("the batch has more than 1 MiB");
  if (batch.proposed_time_us < 0) return refuse("the batch proposes a time before the epoch");
  if (batch.bundles.size() > limits::batch_bundles_max) return refuse("the batch has more than 1024 bundles");
  if (batch.operation_count() > limits::batch_operations_max) return refuse("the batch has more than 8192 operations");
  for (const auto& bundle : batch.bundles) {
    if (auto refused = validate(bundle)) return refused;
  }
  if (batch.rejoins.size() > replicas_max) return refuse("the batch has more than 64 REJOINs");
  std::set<ReplicaId> rejoining;
  for (const auto& rejoin : batch.rejoins) {
    if (auto refused = validate(rejoin)) return refused;
    if (!rejoining.insert(rejoin.content.replica).second) return refuse("a replica stands twice among the REJOINs");
  }
  return std::nullopt;
}

Verdict validate(const Submit& message) {
  if (!message.bundle) return refuse("the bundle is missing");
  return validate(*message.bundle);
}

Verdict validate(const PrePrepare& message) { return check_slot_batch(message.seq, message.batch); }
Verdict validate(const Prepare& message) { return check_slot(message.seq); }
Verdict validate(const Commit& message) { return check_slot(message.seq); }

Verdict validate(const CheckpointVote& message) {
  if (message.body.empty()) return refuse("the checkpoint vote's body is missing");
  if (message.body.size() > limits::statement_bytes_max) {
    return refuse("the checkpoint vote's body has more than 256 bytes");
  }
  if (auto refused = check_signature(message.signature)) return refused;
  if (message.content.replica >= replicas_max) return refuse("the checkpoint vote's replica id is above 63");
  return check_slot(message.content.seq);
}

Verdict validate(const CheckpointCertificate& message) {
  if (message.votes.empty()) return refuse("the certificate has no vote");
  if (message.votes.size() > replicas_max) return refuse("the certificate has more than 64 votes");
  const auto& first = message.votes.front().content;
  std::set<ReplicaId> signers;
  for (const auto& vote : message.votes) {
    if (auto refused = validate(vote)) return refused;
    const auto& content = vote.content;
    if (content.cluster != first.cluster) return refuse("the certificate mixes clusters");
    if (content.epoch != first.epoch) return refuse("the certificate mixes epochs");
    if (content.seq != first.seq) return refuse("the certificate mixes slots");
    if (content.root != first.root) return refuse("the certificate mixes state roots");
    if (!signers.insert(content.replica).second) return refuse("a replica stands twice in the certificate");
  }
  return std::nullopt;
}

Verdict validate(const Status& message) {
  if (message.slots.size() > limits::status_slots_max) return refuse("the status speaks of more than 64 slots");
  Seq last = message.certificate;
  for (const auto& slot : message.slots) {
    if (slot.seq <= message.certificate) return refuse("the status lists a slot below its sender's stable checkpoint");
    if (slot.seq <= last) return refuse("the status lists its slots out of order");
    last = slot.seq;
  }
  return std::nullopt;
}

Verdict validate(const Decided& message) { return check_slot(message.seq); }
Verdict validate(const FetchBatch& message) { return check_slot(message.seq); }
Verdict validate(const BatchBody& message) { return check_slot_batch(message.seq, message.batch); }

Verdict validate(const Replies& message) {
  if (message.session == 0) return refuse("the session is 0; sessions start at 1");
  if (message.entries.empty()) return refuse("there is no reply in the message");
  if (message.entries.size() > limits::replies_max) return refuse("there are more than 512 replies in one message");
  std::size_t result_bytes = 0;
  for (const auto& entry : message.entries) {
    if (auto refused = check_entry(entry)) return refused;
    result_bytes += entry.result.size();
  }
  if (result_bytes > limits::replies_bytes_max) return refuse("the results together have more than 1 MiB");
  return std::nullopt;
}

Verdict validate(const Refusal& message) {
  if (message.session == 0) return refuse("the session is 0; sessions start at 1");
  if (message.first == 0) return refuse("the first number is 0; numbers start at 1");
  if (!known(message.reason)) return refuse("the refusal's reason is unknown");
  return std::nullopt;
}

Verdict validate(const ReportQuery&) { return std::nullopt; }

Verdict validate(const Report& message) {
  if (message.counters.size() > limits::report_counters_max) return refuse("the report has more than 256 counters");
  for (const auto& [name, value] : message.counters) {
    if (name.empty()) return refuse("a counter has no name");
    if (name.size() > limits::text_bytes_max) return refuse("a counter's name has more than 512 bytes");
    if (!printable(name)) return refuse("a counter's name has a character that is not printable ASCII");
  }
  return std::nullopt;
}

Verdict validate(const HistoryQuery& message) {
  if (message.count > limits::history_slots_max) return refuse("the history asked for has more than 1024 slots");
  return check_slot(message.first);
}

Verdict validate(const History& message) {
  if (message.slots.size() > limits::history_slots_max) return refuse("the history has more than 1024 slots");
  if (message.roots.size() > limits::history_roots_max) return refuse("the history has more than 64 roots");
  if (message.checkpoint_interval == 0) return refuse("the history's checkpoint interval is 0");
  if (message.oldest == 0 || message.first == 0) return refuse("slot 0 does not exist; slots start at 1");
  if (!message.slots.empty() && (message.first > message.executed || message.first < message.oldest ||
                                 message.slots.size() > message.executed - message.first + 1)) {
    return refuse("the history tells of slots that it does not cover");
  }
  Seq last = 0;
  for (const auto& root : message.roots) {
    if (root.seq <= last) return refuse("the history's roots are out of order");
    last = root.seq;
  }
  if (last > message.executed) return refuse("the history has a root of a slot that was not executed");
  return std::nullopt;
}

Verdict validate(const StateNodesQuery& message) {
  if (message.prefixes.empty()) return refuse("no node is asked for");
  if (message.prefixes.size() > limits::state_nodes_max) return refuse("more than 128 nodes are asked for");
  for (const auto& prefix : message.prefixes) {
    if (auto refused = check_prefix(prefix)) return refused;
  }
  return check_checkpoint(message.seq);
}

Verdict validate(const StateNodes& message) {
  if (message.nodes.size() > limits::state_nodes_max) return refuse("there are more than 128 nodes");
  for (const auto& node : message.nodes) {
    if (auto refused = check_node(node)) return refused;
  }
  return std::nullopt;
}

Verdict validate(const StateKeysQuery& message) {
  if (auto refused = check_state_key(message.from)) return refused;
  return check_checkpoint(message.seq);
}

Verdict validate(const StateKeys& message) {
  if (message.keys.size() > limits::state_keys_max) return refuse("there are more than 1024 keys");
  std::size_t bytes = 0;
  for (std::size_t at = 0; at < message.keys.size(); ++at) {
    if (auto refused = check_state_key(message.keys[at])) return refused;
    if (at > 0 && message.keys[at] <= message.keys[at - 1]) return refuse("the keys are out of order");
    bytes += message.keys[at].size();
  }
  if (bytes > limits::state_keys_bytes_max) return refuse("the keys together have more than 128 KiB");
  if (message.keys.empty() && message.more) return refuse("there are more keys than none");
  return std::nullopt;
}

Verdict validate(const StateValuesQuery& message) {
  if (message.keys.empty()) return refuse("no value is asked for");
  if (message.keys.size() > limits::state_values_max) return refuse("more than 64 values are asked for");
  for (const auto& key : message.keys) {
    if (auto refused = check_state_key(key)) return refused;
  }
  return check_checkpoint(message.seq);
}

Verdict validate(const StateValues& message) {
  if (message.values.size() > limits::state_values_max) return refuse("there are more than 64 values");
  std::size_t bytes = 0;
  for (const auto& value : message.values) {
    if (!value.present && (value.size_bytes != 0 || !value.value.empty())) return refuse("an absent value has content");
    if (value.value.size() > value.size_bytes) return refuse("a value is longer than it says");
    if (value.value.size() > limits::state_value_bytes_max) return refuse("a value has more than 256 KiB");
    bytes += value.value.size();
  }
  if (bytes > limits::state_values_bytes_max) return refuse("the values together have more than 512 KiB");
  return std::nullopt;
}

Verdict validate(const StateLeaseQuery&) { return std::nullopt; }

Verdict validate(const StateLease& message) { return validate(message.votes); }

Verdict validate(const StatePartsQuery& message) {
  if (message.places.empty()) return refuse("no place is asked about");
  if (message.places.size() > limits::state_places_max) return refuse("more than 64 places are asked about");
  for (std::size_t at = 0; at < message.places.size(); ++at) {
    if (auto refused = check_prefix(message.places[at].prefix)) return refused;
    if (at > 0 && message.places[at].prefix <= message.places[at - 1].prefix) {
      return refuse("the places asked about are out of order");
    }
  }
  return check_checkpoint(message.seq);
}

Verdict validate(const StateParts& message) {
  if (message.nodes.size() > limits::state_places_max) return refuse("there are more than 64 nodes");
  if (message.pieces.size() > limits::state_places_max) return refuse("there are more than 64 pieces");
  for (const auto& node : message.nodes) {
    if (auto refused = check_node(node)) return refused;
  }
  std::size_t entries = 0;
  std::size_t bytes = 0;
  for (const auto& piece : message.pieces) {
    if (auto refused = check_prefix(piece.prefix)) return refused;
    entries += piece.entries.size();
    for (const auto& [key, value] : piece.entries) {
      if (key.empty()) return refuse("a key of the state is empty");
      if (auto refused = check_state_key(key)) return refused;
      if (value.size() > limits::state_entry_value_bytes_max) return refuse("a value has more than 512 KiB");
      bytes += key.size() + value.size();
    }
  }
  if (entries > limits::state_entries_max) return refuse("the pieces together have more than 16384 entries");
  if (bytes > limits::state_parts_bytes_max) return refuse("the pieces together have more than 768 KiB");
  return std::nullopt;
}

Verdict validate(const Rejoin& message) {
  if (message.body.empty()) return refuse("the REJOIN's body is missing");
  if (message.body.size() > limits::statement_bytes_max) return refuse("the REJOIN's body has more than 256 bytes");
  if (auto refused = check_signature(message.signature)) return refused;
  if (message.content.replica >= replicas_max) return refuse("the REJOIN's replica id is above 63");
  if (message.content.nonce == LifeNonce{}) return refuse("the REJOIN's nonce is zero");
  if (message.content.incarnation == std::numeric_limits<Incarnation>::max()) {
    return refuse("the REJOIN's incarnation has no next one");
  }
  return std::nullopt;
}

namespace {

/// What claims of P and of Q have in common: at most `same_slot_max` for one slot, none for a slot that the certificate
/// covers, and only of views before the one that is to begin.
Verdict check_claims(const std::vector<SlotClaim>& claims, std::size_t same_slot_max, Seq certificate, View view) {
  std::size_t same_slot = 0;
  const SlotClaim* last = nullptr;
  for (const auto& claim : claims) {
    if (claim.seq == 0) return refuse("slot 0 does not exist; slots start at 1");
    if (claim.seq <= certificate) return refuse("the VIEW-CHANGE claims a slot that its certificate covers");
    if (claim.view >= view) return refuse("the VIEW-CHANGE claims something of its own or a later view");
    same_slot = last != nullptr && claim.seq == last->seq ? same_slot + 1 : 1;
    if (last != nullptr && (claim.seq < last->seq || (claim.seq == last->seq && claim.digest <= last->digest))) {
      return refuse("the VIEW-CHANGE's claims are out of order");
    }
    if (same_slot > same_slot_max) return refuse("the VIEW-CHANGE claims too much of one slot");
    last = &claim;
  }
  return std::nullopt;
}

Verdict check_statement(const ViewChangeStatement& statement) {
  if (statement.replica >= replicas_max) return refuse("the VIEW-CHANGE's replica id is above 63");
  if (statement.view == 0) return refuse("the VIEW-CHANGE is for view 0, which needs none");
  if (statement.dropped_by.size() > limits::view_change_named_max) {
    return refuse("the VIEW-CHANGE names more than 128 NEW-VIEWs");
  }
  const NewViewName* last = nullptr;
  for (const auto& name : statement.dropped_by) {
    if (name.view == 0) return refuse("the VIEW-CHANGE names a NEW-VIEW of view 0, which has none");
    if (name.view >= statement.view) return refuse("the VIEW-CHANGE names a NEW-VIEW of its own or a later view");
    if (last != nullptr && name <= *last) return refuse("the VIEW-CHANGE's names of NEW-VIEWs are out of order");
    last = &name;
  }
  Seq certificate = 0;
  if (!statement.certificate.votes.empty()) {
    if (auto refused = validate(statement.certificate)) return refused;
    certificate = statement.certificate.votes.front().content.seq;
  }
  if (statement.prepared.size() > limits::view_change_slots_max) {
    return refuse("the VIEW-CHANGE claims more than 512 prepared slots");
  }
  if (statement.recorded.size() > 2 * limits::view_change_slots_max) {
    return refuse("the VIEW-CHANGE claims more than 1024 recorded proposals");
  }
  if (auto refused = check_claims(statement.prepared, 1, certificate, statement.view)) return refused;
  return check_claims(statement.recorded, 2, certificate, statement.view);
}

}  // namespace

Verdict validate(const ViewChange& message) {
  if (message.body.empty()) return refuse("the VIEW-CHANGE's body is missing");
  if (message.body.size() > limits::view_change_bytes_max) {
    return refuse("the VIEW-CHANGE's body has more than 96 KiB");
  }
  if (auto refused = check_signature(message.signature)) return refused;
  return check_statement(message.content);
}

Verdict validate(const NewView& message) {
  if (message.body.empty()) return refuse("the NEW-VIEW's body is missing");
  if (message.body.size() > limits::new_view_bytes_max) return refuse("the NEW-VIEW's body has more than 6140 KiB");
  if (auto refused = check_signature(message.signature)) return refused;
  const auto& content = message.content;
  if (content.view == 0) return refuse("the NEW-VIEW is for view 0, which needs none");
  if (content.view_changes.empty()) return refuse("the NEW-VIEW has no VIEW-CHANGE");
  if (content.view_changes.size() > replicas_max) return refuse("the NEW-VIEW has more than 64 VIEW-CHANGEs");
  const ViewChange* last = nullptr;
  for (const auto& view_change : content.view_changes) {
    if (auto refused = validate(view_change)) return refused;
    if (view_change.content.view != content.view) return refuse("the NEW-VIEW has a VIEW-CHANGE for another view");
    if (last != nullptr && view_change.content.replica <= last->content.replica) {
      return refuse("the NEW-VIEW's VIEW-CHANGEs are out of order");
    }
    last = &view_change;
  }
  return std::nullopt;
}

Verdict validate(const FetchNewView& message) {
  if (message.view == 0) return refuse("a NEW-VIEW for view 0 is asked for, which needs none");
  return std::nullopt;
}

Verdict validate(const Message& message) {
  return std::visit([](const auto& content) { return validate(content); }, message);
}

namespace {

/// Only administrators ask about the state: it holds every client's data.
bool asks_about_state(const Message& message) {
  return std::holds_alternative<HistoryQuery>(message) || std::holds_alternative<StateNodesQuery>(message) ||
         std::holds_alternative<StateKeysQuery>(message) || std::holds_alternative<StateValuesQuery>(message);
}

}  // namespace

bool may_send(PrincipalKind sender, const Message& message) {
  switch (sender) {
    // Replicas speak to replicas, clients and administrators; they relay SUBMITs and never ask for reports.
    case PrincipalKind::replica: return !std::holds_alternative<ReportQuery>(message) && !asks_about_state(message);
    case PrincipalKind::client:
      return std::holds_alternative<Submit>(message) || std::holds_alternative<ReportQuery>(message);
    case PrincipalKind::admin:
      return std::holds_alternative<Submit>(message) || std::holds_alternative<ReportQuery>(message) ||
             asks_about_state(message);
  }
  return false;
}

}  // namespace tagma
