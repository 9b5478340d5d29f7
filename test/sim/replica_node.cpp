#include "test/sim/replica_node.h"

#include <algorithm>
#include <utility>

#include "messages/assert.h"
#include "messages/mutant.h"
#include "replica/core/record_codec.h"
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

/// Small, so that the log is collected often.
constexpr std::uint64_t segment_bytes = 64UL * 1024;

}  // namespace

ReplicaNode::ReplicaNode(const SimOptions& options, ReplicaId id, const Membership& membership,
                         Authenticator& authenticator, Scheduler& scheduler, ReplicaHost& host)
    : config_(config_of(options, id, membership)),
      disk_(options.disk),
      clock_(options.clocks[id]),
      start_us_(options.starts_us[id]),
      id_(id),
      authenticator_(authenticator),
      scheduler_(scheduler),
      host_(host),
      random_(options.seed + id, "machine"),
      files_(std::in_place, options.seed * 64 + id),
      store_(std::in_place, [&authenticator](ByteView bytes) { return authenticator.digest(bytes); }) {
  auto observed = std::make_unique<ObserverService>(
      std::make_unique<KvService>(), [this](const checkers::Executed& what) { host_.executed(id_, what); });
  const auto refused = services_.add(std::move(observed));
  TAGMA_ASSERT(!refused, "the service is well-formed");
}

void ReplicaNode::boot() {
  scheduler_.at(start_us_, [this] {
    if (!crashed_) start();
  });
}

void ReplicaNode::start() {
  down_ = false;
  const auto records = open_log();
  core_ = std::make_unique<ReplicaCore>(config_, authenticator_, services_, *store_, records);
  step(Started{});
}

std::vector<Record> ReplicaNode::open_log() {
  auto open = [this] {
    return Log::open(*files_, {.segment_bytes = segment_bytes, .draw_tag = [this] { return random_.next(); }});
  };
  auto opened = open();
  if (std::holds_alternative<LogDamage>(opened) && damages_log_) {
    // As the runtime does: another life, with a log of its own.
    begin_life();
    host_.forgot(id_);
    opened = open();
  }
  damages_log_ = false;
  auto* log = std::get_if<Log::Opened>(&opened);
  if (log == nullptr) {
    const auto* damage = std::get_if<LogDamage>(&opened);
    host_.alarm(id_, damage != nullptr ? damage->reason : std::get<DiskFailure>(opened).reason);
  }
  TAGMA_ASSERT(log != nullptr, "what was synced can be read");
  std::vector<Record> records;
  for (const auto& entry : log->content.entries) {
    auto record = decode_record(entry);
    if (!record.ok()) {
      host_.alarm(id_, "what was written cannot be read: " + record.reason());
      continue;
    }
    // A group whose sync had not returned may be there all the same.
    host_.durable(id_, *record);
    records.push_back(*std::move(record));
  }
  log_.emplace(std::move(log->log));
  if (life_ > 0) {
    host_.read_back(id_, records, collected_);
    host_.returned(id_, life_, store_->seq(), log->content.torn_bytes);
  }
  return records;
}

/// Nothing that an earlier process promised is known to the next one.
void ReplicaNode::begin_life() {
  ++losses_;
  files_.emplace((config_.membership.n() * losses_ + id_) * 1'024 + 7);
  collected_ = 0;
  for (auto& byte : config_.life_nonce.bytes) byte = static_cast<std::uint8_t>(random_.below(256));
}

void ReplicaNode::damage_log() {
  for (const auto& name : files_->names()) {
    // Any byte; most of those that are used lie in front.
    const auto bytes = files_->bytes(name);
    files_->corrupt(name, random_.below(random_.chance(500'000) ? bytes : std::min<std::uint64_t>(bytes, 16'384)));
  }
}

void ReplicaNode::crash() {
  crashed_ = true;
  end_process();
}

void ReplicaNode::end_process() {
  ++life_;
  down_ = true;
  log_.reset();
  sequencer_ = {};
  unsynced_.clear();
  replies_behind_.clear();
  emitted_ = durable_ = 0;
  drain_scheduled_ = syncing_ = false;
  store_free_us_ = 0;
}

void ReplicaNode::stop(Stop how, VirtualUs down_us) {
  if (!running()) return;
  down_us_ = down_us;
  // In an idle moment the log says that everything is synced.
  if (damages_log_) static_cast<void>(log_->mark());
  if (how == Stop::sync_fails) return files_->fail_sync_after(0);
  // What was on its way to the disk: nothing of it arrived, or all, or, with the power, any part.
  if (how == Stop::power_lost) files_->lose_power_after(static_cast<std::uint64_t>(random_.below(4)));
  if (syncing_ && random_.chance(700'000)) static_cast<void>(commit(gathered_));
  if (how == Stop::power_lost) files_->lose_power();
  files_->restore_power();
  if (damages_log_) damage_log();
  end_process();
  scheduler_.after(down_us, [this] {
    if (!crashed_) start();
  });
}

void ReplicaNode::lose(Loss what) {
  TAGMA_ASSERT(!running(), "a running process has its disk");
  core_.reset();
  if (what != Loss::state) begin_life();
  if (what != Loss::log) {
    store_.emplace([this](ByteView bytes) { return authenticator_.digest(bytes); });
  }
}

void ReplicaNode::receive(const Sender& from, const Message& message) {
  if (running()) step(Received{from, message});
}

void ReplicaNode::later(VirtualUs delay_us, std::function<void()> action) {
  later_at(scheduler_.now_us() + delay_us, std::move(action));
}

void ReplicaNode::later_at(VirtualUs at_us, std::function<void()> action) {
  scheduler_.at(at_us, [this, life = life_, action = std::move(action)] {
    if (life == life_) action();
  });
}

void ReplicaNode::step(Event event) {
  const bool draining = std::holds_alternative<InputDrained>(event);
  const auto now_us = scheduler_.now_us();
  auto effects =
      core_->step({.monotonic_us = clock_.monotonic_us(now_us), .wall_us = clock_.wall_us(now_us)}, std::move(event));
  const auto count = effects.size();
  note_promises(effects);
  perform(sequencer_.push(std::move(effects)));
  host_.stepped(id_, count);
  if (!draining) drain_soon();
}

void ReplicaNode::note_promises(const Effects& effects) {
  for (const auto& effect : effects) {
    if (const auto* persist = std::get_if<Persist>(&effect)) emitted_ = persist->number;
    const auto* reply = std::get_if<Reply>(&effect);
    if (reply != nullptr && reply->after_persists) replies_behind_.push_back(emitted_);
  }
}

void ReplicaNode::perform(Reply&& effect) {
  if (effect.after_persists) {
    if (replies_behind_.front() > durable_) host_.replied_early(id_);
    replies_behind_.pop_front();
  }
  host_.reply(id_, effect.client, effect.session, effect.message);
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
  later(random_.between(0, 30), [this] {
    drain_scheduled_ = false;
    step(InputDrained{});
  });
}

void ReplicaNode::perform(Persist&& effect) {
  host_.recording(id_, effect.record);
  unsynced_.push_back({effect.number, std::move(effect.record)});
  sync();
}

/// Group commit: what gathers during one sync is made durable by the next one.
void ReplicaNode::sync() {
  const bool wanted =
      std::any_of(unsynced_.begin(), unsynced_.end(), [](const Unsynced& each) { return each.number > 0; });
  if (syncing_ || !wanted) return;
  syncing_ = true;
  gathered_ = unsynced_.size();
  later(random_.between(disk_.sync_min_us, disk_.sync_min_us + disk_.sync_spread_us), [this] { synced(gathered_); });
}

DiskOutcome ReplicaNode::commit(std::size_t gathered) {
  std::vector<LogEntry> entries;
  entries.reserve(gathered);
  for (std::size_t at = 0; at < gathered; ++at) entries.push_back(encode_record(unsynced_[at].record));
  return log_->commit(entries);
}

void ReplicaNode::synced(std::size_t gathered) {
  if (const auto failure = commit(gathered)) {
    // After a failed sync nobody knows what is on the disk (attack K4): the process stops, and says why.
    host_.disk_failed(id_, failure->reason);
    end_process();
    scheduler_.after(down_us_, [this] {
      if (!crashed_) start();
    });
    return;
  }
  syncing_ = false;
  PersistNumber number = 0;
  for (std::size_t at = 0; at < gathered; ++at) {
    host_.durable(id_, unsynced_[at].record);
    number = std::max(number, unsynced_[at].number);
  }
  unsynced_.erase(unsynced_.begin(), unsynced_.begin() + static_cast<std::ptrdiff_t>(gathered));
  durable_ = number;
  perform(sequencer_.durable(number));
  step(Persisted{number});
  sync();
}

void ReplicaNode::perform(CollectLog&& effect) {
  collected_ = std::max(collected_, effect.up_to);
  host_.collected(id_, effect.up_to, store_->seq());
  log_->collect(effect.up_to);
}

void ReplicaNode::perform(WriteCheckpoint&& effect) {
  if (mutant(Mutant::checkpoint_voted_early)) {
    MemoryStateStore unwritten([this](ByteView bytes) { return authenticator_.digest(bytes); });
    Overlay all;
    core_->state().scan("", "", [&all](ByteView key, ByteView value) {
      all.emplace(key, value);
      return true;
    });
    const auto root = unwritten.apply(effect.seq, all);
    later(0, [this, seq = effect.seq, root] { step(CheckpointWritten{seq, root}); });
    return later_in_store([this, seq = effect.seq, overlay = core_->state().frozen(effect.seq)] {
      tell_checkpoint(seq, store_->apply(seq, *overlay));
    });
  }
  later_in_store([this, seq = effect.seq] { write_checkpoint(seq); });
}

void ReplicaNode::later_in_store(std::function<void()> job) {
  auto delay_us = random_.between(disk_.checkpoint_min_us, disk_.checkpoint_min_us + disk_.checkpoint_spread_us);
  // No room: tried again until there is some.
  if (random_.chance(disk_.full_ppm)) {
    host_.counted(id_, "no room for the state at first");
    delay_us += random_.between(1'000, 100'000);
  }
  store_free_us_ = std::max(store_free_us_, scheduler_.now_us()) + delay_us;
  later_at(store_free_us_, std::move(job));
}

void ReplicaNode::perform(ReadStaged&& /*effect*/) {
  later_in_store([this] { step(StagedRead{.staged = store_->staged(), .damage = {}}); });
}

void ReplicaNode::perform(StagePieces&& effect) {
  later_in_store([this, pieces = std::move(effect.pieces)] {
    store_->stage(pieces);
    step(PiecesStaged{});
  });
}

void ReplicaNode::perform(InstallState&& effect) {
  later_in_store([this, effect = std::move(effect)] {
    const bool installed = store_->install(effect.seq, effect.root, effect.cover);
    if (installed) {
      tell_checkpoint(effect.seq, store_->root());
      host_.installed(id_, effect.seq);
    }
    step(StateInstalled{effect.seq, effect.root, installed});
  });
}

void ReplicaNode::write_checkpoint(Seq seq) {
  const auto overlay = core_->state().frozen(seq);
  if (overlay == nullptr) return host_.alarm(id_, "the overlay of a checkpoint is gone");
  const auto root = store_->apply(seq, *overlay);
  tell_checkpoint(seq, root);
  step(CheckpointWritten{seq, root});
}

void ReplicaNode::tell_checkpoint(Seq seq, const Digest& root) {
  checkers::ContentHash hash;
  for (auto entry = store_->seek(""); entry; entry = store_->seek(entry->first + '\0')) {
    hash.add(entry->first, entry->second);
  }
  host_.checkpoint(id_, seq, root, hash.value());
}

void ReplicaNode::perform(WakeAt&& effect) {
  const auto generation = ++wake_generation_;
  later_at(clock_.when(effect.at_us), [this, generation] {
    if (generation == wake_generation_) step(Woken{});
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
