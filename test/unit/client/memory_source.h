// A replica's state and past in the test's memory, honest until it is told to lie.
#pragma once

#include <openssl/sha.h>

#include <functional>
#include <map>
#include <string>

#include "checkpoint/memory_state_store.h"
#include "client_lib/state_source.h"
#include "replica/core/recent_history.h"
#include "tagma/limits.h"

namespace tagma::test {

inline Digest sha256(ByteView bytes) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.bytes.data());
  return digest;
}

using Model = std::map<Bytes, Bytes>;

class MemorySource final : public StateSource {
 public:
  explicit MemorySource(std::string name) : name_(std::move(name)) {}

  /// Executes a slot: this batch, these writes.
  void execute(const std::string& batch, const Overlay& writes) {
    Bytes written;
    for (const auto& [key, value] : writes) written += key + "=" + value.value_or("gone") + ";";
    past_.executed(++executed_, {sha256(batch), sha256(written)});
    for (const auto& [key, value] : writes) unwritten_[key] = value;
  }
  /// A checkpoint of all slots so far.
  void checkpoint() {
    const Digest root = store_.apply(executed_, unwritten_);
    unwritten_.clear();
    past_.checkpoint(executed_, root);
  }
  /// Changes the state as failing memory would.
  void spoil(const Bytes& key, const Bytes& value) { unwritten_[key] = value; }
  /// One slot with a checkpoint that makes the state this one.
  void fill(const Model& model) {
    execute("all", Overlay(model.begin(), model.end()));
    checkpoint();
  }
  [[nodiscard]] CheckpointRoot at() const { return {store_.seq(), store_.root()}; }

  [[nodiscard]] std::string name() const override { return name_; }
  [[nodiscard]] Result<History> history(Seq first, std::uint32_t count) override {
    if (silent) return Refused{name_ + " gave no answer"};
    History history = past_.tell(first, count);
    history.checkpoint_interval = 4;
    ++histories_asked;
    if (on_history) on_history(history);
    return history;
  }
  [[nodiscard]] Result<StateNodes> nodes(Seq seq, const std::vector<NibblePrefix>& prefixes) override {
    if (silent || silent_about_nodes) return Refused{name_ + " gave no answer"};
    if (on_asked) on_asked();
    StateNodes answer{0, store_.seq(), {}};
    if (seq == answer.seq) {
      for (const auto& prefix : prefixes) answer.nodes.push_back(store_.node(prefix));
    }
    nodes_asked += prefixes.size();
    if (on_nodes) on_nodes(answer);
    return answer;
  }
  [[nodiscard]] Result<StateKeys> keys(Seq seq, const Bytes& from) override {
    StateKeys answer{0, store_.seq(), {}, false};
    if (seq == answer.seq) {
      answer.keys = store_.keys(from, keys_per_answer + 1, 100'000);
      answer.more = answer.keys.size() > keys_per_answer;
      if (answer.more) answer.keys.pop_back();
    }
    keys_told += answer.keys.size();
    if (on_keys) on_keys(answer);
    return answer;
  }
  [[nodiscard]] Result<StateValues> values(Seq seq, const std::vector<Bytes>& keys) override {
    StateValues answer{0, store_.seq(), {}};
    for (const auto& key : keys) {
      if (seq != answer.seq || answer.values.size() == values_per_answer) break;
      auto& value = answer.values.emplace_back();
      const auto stored = store_.get(key);
      if (!stored) continue;
      value = {true, stored->size(), stored->substr(0, limits::state_value_bytes_max)};
    }
    if (on_values) on_values(answer);
    return answer;
  }

  bool silent = false;
  bool silent_about_nodes = false;
  std::size_t keys_per_answer = 7;
  std::size_t values_per_answer = 3;
  std::function<void()> on_asked;
  std::function<void(History&)> on_history;
  std::function<void(StateNodes&)> on_nodes;
  std::function<void(StateKeys&)> on_keys;
  std::function<void(StateValues&)> on_values;
  std::size_t nodes_asked = 0;
  std::size_t keys_told = 0;
  std::size_t histories_asked = 0;

 private:
  std::string name_;
  MemoryStateStore store_{sha256};
  RecentHistory past_{64, 16};
  Overlay unwritten_;
  Seq executed_ = 0;
};

}  // namespace tagma::test
