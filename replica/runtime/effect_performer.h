// Performs what the core wants done, in the order that EffectSequencer allows.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "replica/core/effect_sequencer.h"
#include "replica/core/effects.h"
#include "replica/runtime/counters.h"
#include "replica/runtime/storage.h"

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
  /// What this replica sends is served when nobody else's waits, or like everybody's again.
  virtual void distrust(ReplicaId replica, bool distrusted) = 0;
  /// This client may connect under this key; without a key it may not any more.
  virtual void set_client(ClientId client, const std::optional<PublicKey>& key) = 0;
};

/// The caller's turn: push() the effects of each step; commit() at its end; feed next_event() back into the core until
/// there is none. Single-threaded.
class EffectPerformer {
 public:
  /// The overlay to write for a checkpoint (ReplicaCore::state().frozen(seq)); not null for a seq that was asked for.
  using FrozenOverlay = std::function<std::shared_ptr<const Overlay>(Seq)>;

  /// All references outlive this object.
  EffectPerformer(Outgoing& outgoing, Storage& storage, FrozenOverlay frozen, Counters& counters)
      : outgoing_(outgoing), storage_(storage), frozen_(std::move(frozen)), counters_(counters) {}

  /// Performs what may be performed now; the rest waits until its persists are durable.
  void push(Effects effects);

  /// Lets the storage make durable what was pushed.
  void commit(MonotonicUs now_us);

  /// The next thing to tell the core: Persisted, after what that releases has been performed, or what ends a job of
  /// the state store. Nothing if there is none.
  [[nodiscard]] std::optional<Event> next_event();

  /// Whether commit() or next_event() has something to do.
  [[nodiscard]] bool unfinished() const { return storage_.ready(); }

  /// When the core wants to be woken.
  [[nodiscard]] std::optional<MonotonicUs> wake_at_us() const { return wake_at_us_; }
  void woken() { wake_at_us_.reset(); }

  /// The lines for the log since the last call.
  [[nodiscard]] std::vector<std::string> take_notices() { return std::exchange(notices_, {}); }

  /// The reason of the first alarm, if there was one.
  [[nodiscard]] const std::optional<std::string>& alarm() const { return alarm_; }

 private:
  void perform(Effects effects);
  void perform(Persist& effect);
  void perform(Remember& effect);
  void perform(const Send& effect);
  void perform(Reply& effect);
  void perform(const Answer& effect);
  void perform(const WriteCheckpoint& effect);
  void perform(const ReadStaged& effect);
  void perform(StagePieces& effect);
  void perform(InstallState& effect);
  void perform(const WakeAt& effect);
  void perform(const CollectLog& effect);
  void perform(const Alarm& effect);
  void perform(const Distrust& effect);
  void perform(const SetClient& effect);
  void perform(Notice& effect);
  void perform(const Counted& effect);

  Outgoing& outgoing_;
  Storage& storage_;
  FrozenOverlay frozen_;
  Counters& counters_;

  EffectSequencer sequencer_;
  std::optional<MonotonicUs> wake_at_us_;
  std::optional<std::string> alarm_;
  std::vector<std::string> notices_;
};

}  // namespace tagma::runtime
