// Performs what the core wants done, in the order that EffectSequencer allows.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "checkpoint/state_store.h"
#include "replica/core/effect_sequencer.h"
#include "replica/core/effects.h"
#include "replica/runtime/counters.h"

namespace tagma::runtime {

/// Where messages go. Nothing blocks; what cannot leave is dropped, for the protocol retransmits.
class Outgoing {
 public:
  Outgoing() = default;
  Outgoing(const Outgoing&) = delete;
  Outgoing& operator=(const Outgoing&) = delete;
  virtual ~Outgoing() = default;

  virtual void send(ReplicaId to, const Message& message) = 0;
  virtual void broadcast(const Message& message) = 0;
  /// Session 0: to the connection of this client that asked last.
  virtual void reply(ClientId client, SessionId session, Message message) = 0;
  /// To the connection of this administrator that asked last.
  virtual void answer(AdminId admin, const Message& message) = 0;
};

/// Durability "memory": a persist is durable as soon as the turn commits, the state store lives in memory.
///
/// The caller's turn: push() the effects of each step; then, until there is no event left, commit() and feed
/// next_event() back into the core. Single-threaded.
class EffectPerformer {
 public:
  /// The overlay to write for a checkpoint (ReplicaCore::state().frozen(seq)); not null for a seq that was asked for.
  using FrozenOverlay = std::function<std::shared_ptr<const Overlay>(Seq)>;

  /// All references outlive this object.
  EffectPerformer(Outgoing& outgoing, StateStore& store, FrozenOverlay frozen, Counters& counters)
      : outgoing_(outgoing), store_(store), frozen_(std::move(frozen)), counters_(counters) {}

  /// Performs what may be performed now; the rest waits for commit().
  void push(Effects effects);

  /// Makes every persist that was pushed durable and performs what that releases.
  void commit();

  /// The next thing to tell the core: Persisted after a commit, CheckpointWritten after a checkpoint, which is written
  /// inside of this call. Nothing if there is none.
  [[nodiscard]] std::optional<Event> next_event();

  /// Whether commit() or next_event() has something to do.
  [[nodiscard]] bool unfinished() const {
    return pushed_ > committed_ || committed_ > reported_ || !checkpoints_.empty();
  }

  /// When the core wants to be woken.
  [[nodiscard]] std::optional<MonotonicUs> wake_at_us() const { return wake_at_us_; }
  void woken() { wake_at_us_.reset(); }

  /// The reason of the first alarm, if there was one.
  [[nodiscard]] const std::optional<std::string>& alarm() const { return alarm_; }

 private:
  void perform(Effects effects);
  void perform(const Persist& effect);
  void perform(const Send& effect);
  void perform(Reply& effect);
  void perform(const Answer& effect);
  void perform(const WriteCheckpoint& effect);
  void perform(const WakeAt& effect);
  void perform(const CollectLog& effect);
  void perform(const Alarm& effect);
  void perform(const Counted& effect);

  Outgoing& outgoing_;
  StateStore& store_;
  FrozenOverlay frozen_;
  Counters& counters_;

  EffectSequencer sequencer_;
  PersistNumber pushed_ = 0;     ///< highest persist that came
  PersistNumber committed_ = 0;  ///< highest durable one; <= pushed_
  PersistNumber reported_ = 0;   ///< highest one told to the core; <= committed_
  std::deque<Seq> checkpoints_;  ///< asked for and not written, in order
  std::optional<MonotonicUs> wake_at_us_;
  std::optional<std::string> alarm_;
};

}  // namespace tagma::runtime
