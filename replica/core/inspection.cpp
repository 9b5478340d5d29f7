// What an administrator may ask about this replica's state and recent past. Answers come from the newest checkpoint, so
// that they can be held against its root; they change nothing and promise nothing. Each does bounded work, and together
// they are as fast as the administrator's budget allows: they are read in the clients' share of a turn.
#include <utility>

#include "messages/assert.h"
#include "replica/core/core_implementation.h"

namespace tagma {
namespace {

// What a question costs this replica, counted in bytes of the administrator's budget: what it asks with, what is looked
// up for it, what it is answered with. A byte stands for about 0.01 us, so that an administrator who asks as fast as it
// may takes a tenth of one core, whatever its questions are.

/// What an item of a question or an answer takes on the wire beside its bytes; generous.
constexpr std::size_t item_bytes = 48;
/// Any question, however small: to be woken, to check and decode it, to encode, authenticate and send an answer.
/// Measured: 110 us on both threads of an idle replica.
constexpr std::size_t question_bytes = 16'384;
/// One search in the state or its tree.
constexpr std::size_t lookup_bytes = 256;
/// A value is copied as a whole before it is cut; so many of its bytes cost as much as one that is sent.
constexpr std::size_t copied_bytes = 16;

std::size_t size_of(const std::vector<Bytes>& items) {
  std::size_t bytes = items.size() * item_bytes;
  for (const auto& item : items) bytes += item.size();
  return bytes;
}

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

/// `cost_bytes` is that of question and answer, but for what every question costs.
void ReplicaCore::Implementation::answer(const Sender& to, Message message, std::size_t cost_bytes) {
  inspection_budgets_[to.principal.id].owed_bytes += question_bytes + cost_bytes;
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
  std::size_t cost_bytes = size_of(message.prefixes);
  if (message.seq == nodes.seq) {
    for (const auto& prefix : message.prefixes) {
      nodes.nodes.push_back(store_.node(prefix));
      const std::size_t children_bytes = nodes.nodes.back().children.size() * sizeof(StateNode::Child);
      cost_bytes += lookup_bytes + item_bytes + prefix.size() + children_bytes;
    }
  }
  answer(from, std::move(nodes), cost_bytes);
}

void ReplicaCore::Implementation::receive(const Sender& from, StateKeysQuery& message) {
  if (!may_inspect(from)) return;
  StateKeys keys{.nonce = message.nonce, .seq = store_.seq(), .keys = {}, .more = false};
  std::size_t cost_bytes = message.from.size();
  if (message.seq == keys.seq) {
    // One key more than is told, to know whether there are more; the last one may go beyond the bytes asked for.
    constexpr std::size_t bytes_max = limits::state_keys_bytes_max - limits::state_key_bytes_max;
    keys.keys = store_.keys(message.from, limits::state_keys_max + 1, bytes_max);
    const std::size_t told_bytes = size_of(keys.keys);
    cost_bytes += lookup_bytes + told_bytes;
    keys.more = keys.keys.size() > limits::state_keys_max || told_bytes - keys.keys.size() * item_bytes >= bytes_max;
    if (keys.keys.size() > limits::state_keys_max) keys.keys.pop_back();
  }
  answer(from, std::move(keys), cost_bytes);
}

void ReplicaCore::Implementation::receive(const Sender& from, StateValuesQuery& message) {
  if (!may_inspect(from)) return;
  StateValues values{.nonce = message.nonce, .seq = store_.seq(), .values = {}};
  std::size_t bytes = 0;
  std::size_t cost_bytes = size_of(message.keys);
  if (message.seq == values.seq) {
    for (const auto& key : message.keys) {
      auto stored = store_.get(key);
      cost_bytes += lookup_bytes + item_bytes + (stored ? stored->size() / copied_bytes : 0);
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
  answer(from, std::move(values), cost_bytes + bytes);
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
