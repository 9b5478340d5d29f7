// What an administrator may ask about this replica's state and recent past. Answers come from the newest checkpoint, so
// that they can be held against its root; they change nothing and promise nothing. Each does bounded work, and together
// they are as fast as the administrator's budget allows: they are read in the clients' share of a turn.
#include <utility>

#include "messages/assert.h"
#include "replica/core/core_implementation.h"

namespace tagma {
namespace {

/// What an item of an answer takes on the wire beside its bytes; generous.
constexpr std::size_t item_bytes = 48;

}  // namespace

/// Whether this sender may be answered now.
bool ReplicaCore::Implementation::may_inspect(const Sender& from) {
  if (from.principal.kind != PrincipalKind::admin || config_.membership.find_admin(from.principal.id) == nullptr) {
    count("state asked for by no administrator");
    return false;
  }
  if (!may_send_more(inspection_budgets_[from.principal.id], config_.inspection_bytes_per_second)) {
    count("state asked for faster than allowed");
    return false;
  }
  return true;
}

void ReplicaCore::Implementation::answer(const Sender& to, Message message, std::size_t bytes) {
  inspection_budgets_[to.principal.id].owed_bytes += bytes + item_bytes;
  effects_.emplace_back(Answer{.admin = to.principal.id, .message = std::move(message)});
}

void ReplicaCore::Implementation::receive(const Sender& from, HistoryQuery& message) {
  if (!may_inspect(from)) return;
  History history = history_.tell(message.first, message.count);
  history.nonce = message.nonce;
  history.checkpoint_interval = config_.checkpoint_interval;
  const std::size_t bytes = history.slots.size() * sizeof(SlotHistory) + history.roots.size() * sizeof(CheckpointRoot);
  answer(from, std::move(history), bytes);
}

void ReplicaCore::Implementation::receive(const Sender& from, StateNodesQuery& message) {
  if (!may_inspect(from)) return;
  StateNodes nodes{.nonce = message.nonce, .seq = store_.seq(), .nodes = {}};
  std::size_t bytes = 0;
  if (message.seq == nodes.seq) {
    for (const auto& prefix : message.prefixes) {
      nodes.nodes.push_back(store_.node(prefix));
      bytes += item_bytes + prefix.size() + nodes.nodes.back().children.size() * sizeof(StateNode::Child);
    }
  }
  answer(from, std::move(nodes), bytes);
}

void ReplicaCore::Implementation::receive(const Sender& from, StateKeysQuery& message) {
  if (!may_inspect(from)) return;
  StateKeys keys{.nonce = message.nonce, .seq = store_.seq(), .keys = {}, .more = false};
  std::size_t bytes = 0;
  if (message.seq == keys.seq) {
    // One key more than is told, to know whether there are more; the last one may go beyond the bytes asked for.
    constexpr std::size_t bytes_max = limits::state_keys_bytes_max - limits::state_key_bytes_max;
    keys.keys = store_.keys(message.from, limits::state_keys_max + 1, bytes_max);
    for (const auto& key : keys.keys) bytes += item_bytes + key.size();
    keys.more = keys.keys.size() > limits::state_keys_max || bytes - keys.keys.size() * item_bytes >= bytes_max;
    if (keys.keys.size() > limits::state_keys_max) keys.keys.pop_back();
  }
  answer(from, std::move(keys), bytes);
}

void ReplicaCore::Implementation::receive(const Sender& from, StateValuesQuery& message) {
  if (!may_inspect(from)) return;
  StateValues values{.nonce = message.nonce, .seq = store_.seq(), .values = {}};
  std::size_t bytes = 0;
  if (message.seq == values.seq) {
    for (const auto& key : message.keys) {
      auto stored = store_.get(key);
      StateValue value;
      if (stored) {
        value.present = true;
        value.size_bytes = stored->size();
        if (stored->size() > limits::state_value_bytes_max) stored->resize(limits::state_value_bytes_max);
        value.value = *std::move(stored);
      }
      if (bytes + value.value.size() > limits::state_values_bytes_max) break;  // the rest is to be asked for again
      bytes += value.value.size();
      values.values.push_back(std::move(value));
    }
  }
  answer(from, std::move(values), bytes + message.keys.size() * item_bytes);
}

void ReplicaCore::Implementation::receive(const Sender& /*from*/, History& /*message*/) {
  count("message not meant for a replica");
}
void ReplicaCore::Implementation::receive(const Sender& /*from*/, StateNodes& /*message*/) {
  count("message not meant for a replica");
}
void ReplicaCore::Implementation::receive(const Sender& /*from*/, StateKeys& /*message*/) {
  count("message not meant for a replica");
}
void ReplicaCore::Implementation::receive(const Sender& /*from*/, StateValues& /*message*/) {
  count("message not meant for a replica");
}

}  // namespace tagma
