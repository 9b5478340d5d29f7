#include "test/sim/replica_node.h"

#include <algorithm>
#include <utility>

#include "messages/assert.h"
#include "replica/service/kv.h"
#include "test/checkers/state_oracle.h"
#include "test/sim/observer_service.h"

namespace tagma::sim {
namespace {

CoreConfig config_of(const SimOptions& options, ReplicaId id, const Membership& membership) {
  auto config = options.core;
  config.id = id;
  config.membership = membership;
  return config;
}

}  // namespace

ReplicaNode::ReplicaNode(const SimOptions& options, ReplicaId id, const Membership& membership,
                         Authenticator& authenticator, Scheduler& scheduler, ReplicaHost& host)
    : config_(config_of(options, id, membership)),
      disk_(options.disk),
      clock_(options.clocks[id]),
      start_us_(options.starts_us[id]),
      id_(id),
      scheduler_(scheduler),
      host_(host),
      random_(options.seed + id, "machine"),
      store_([&authenticator](ByteView bytes) { return authenticator.digest(bytes); }) {
  auto observed = std::make_unique<ObserverService>(
      std::make_unique<KvService>(), [this](const checkers::Executed& what) { host_.executed(id_, what); });
  const auto refused = services_.add(std::move(observed));
  TAGMA_ASSERT(!refused, "the service is well-formed");
  core_ = std::make_unique<ReplicaCore>(config_, authenticator, services_, store_);
}

void ReplicaNode::boot() {
  scheduler_.at(start_us_, [this] {
    if (crashed_) return;
    started_ = true;
    step(Started{});
  });
}

void ReplicaNode::crash() {
  crashed_ = true;
  unsynced_.clear();
}

void ReplicaNode::receive(const Sender& from, const Message& message) {
  if (running()) step(Received{from, message});
}

void ReplicaNode::step(Event event) {
  const bool draining = std::holds_alternative<InputDrained>(event);
  const auto now_us = scheduler_.now_us();
  auto effects =
      core_->step({.monotonic_us = clock_.monotonic_us(now_us), .wall_us = clock_.wall_us(now_us)}, std::move(event));
  const auto count = effects.size();
  perform(sequencer_.push(std::move(effects)));
  host_.stepped(id_, count);
  if (!draining) drain_soon();
}

void ReplicaNode::perform(Effects effects) {
  for (auto& effect : effects) {
    std::visit([this](auto&& content) { perform(std::forward<decltype(content)>(content)); }, std::move(effect));
  }
}

/// The runtime's loop reports that no input waits; here it does so a little later, after what comes in meanwhile.
void ReplicaNode::drain_soon() {
  if (drain_scheduled_) return;
  drain_scheduled_ = true;
  scheduler_.after(random_.between(0, 30), [this] {
    drain_scheduled_ = false;
    if (!crashed_) step(InputDrained{});
  });
}

void ReplicaNode::perform(Persist&& effect) {
  host_.recording(id_, effect.record);
  unsynced_.push_back(std::move(effect));
  sync();
}

/// Group commit: what gathers during one sync is made durable by the next one.
void ReplicaNode::sync() {
  if (syncing_ || unsynced_.empty()) return;
  syncing_ = true;
  const auto gathered = unsynced_.size();
  scheduler_.after(random_.between(disk_.sync_min_us, disk_.sync_min_us + disk_.sync_spread_us), [this, gathered] {
    if (crashed_) return;
    syncing_ = false;
    const std::vector<Persist> durable(
        std::make_move_iterator(unsynced_.begin()),
        std::make_move_iterator(unsynced_.begin() + static_cast<std::ptrdiff_t>(gathered)));
    unsynced_.erase(unsynced_.begin(), unsynced_.begin() + static_cast<std::ptrdiff_t>(gathered));
    for (const auto& persist : durable) host_.durable(id_, persist.record);
    const auto number = durable.back().number;
    perform(sequencer_.durable(number));
    step(Persisted{number});
    sync();
  });
}

void ReplicaNode::perform(WriteCheckpoint&& effect) {
  const auto delay_us = random_.between(disk_.checkpoint_min_us, disk_.checkpoint_min_us + disk_.checkpoint_spread_us);
  checkpoint_free_us_ = std::max(checkpoint_free_us_, scheduler_.now_us()) + delay_us;
  scheduler_.at(checkpoint_free_us_, [this, seq = effect.seq] {
    if (!crashed_) write_checkpoint(seq);
  });
}

void ReplicaNode::write_checkpoint(Seq seq) {
  const auto overlay = core_->state().frozen(seq);
  if (overlay == nullptr) return host_.alarm(id_, "the overlay of a checkpoint is gone");
  const auto root = store_.apply(seq, *overlay);
  checkers::ContentHash hash;
  for (auto entry = store_.seek(""); entry; entry = store_.seek(entry->first + '\0')) {
    hash.add(entry->first, entry->second);
  }
  host_.checkpoint(id_, seq, root, hash.value());
  step(CheckpointWritten{seq, root});
}

void ReplicaNode::perform(WakeAt&& effect) {
  const auto generation = ++wake_generation_;
  scheduler_.at(clock_.when(effect.at_us), [this, generation] {
    if (!crashed_ && generation == wake_generation_) step(Woken{});
  });
}

std::uint64_t ReplicaNode::content_hash() const {
  checkers::ContentHash hash;
  core_->state().scan("", "", [&hash](ByteView key, ByteView value) {
    hash.add(key, value);
    return true;
  });
  return hash.value();
}

}  // namespace tagma::sim
