// Requests that wait to be ordered, per session, with room that nobody can take from another.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "messages/messages.h"
#include "replica/core/config.h"

namespace tagma {

/// What the pool must know of a session's executed state to judge a bundle.
struct SessionProgress {
  bool open = false;
  RequestNumber last_executed = 0;
};

/// Pending bundles of verified requests.
///
/// Invariants: a session's bundles are keyed by their first number, the first one that came for a number stays (the
/// order decides which payload wins, attacks C6); one bundle with a session's lowest unexecuted number is always
/// admitted (attacks C3: a filled quota must not look like censorship); every other one is within the limits. A session
/// whose next bundle is here keeps its place in the line until that bundle is handed out, executed or dropped.
class RequestPool {
 public:
  enum class Admission : std::uint8_t { admitted, known, busy, too_many_sessions };

  explicit RequestPool(const CoreConfig& config) : config_(config) {}

  /// Whether the bundle would find room; changes nothing, so that the signature is verified only for what has room.
  /// `relay` tells by which way it came: a replica's id, or n for the client itself.
  [[nodiscard]] Admission judge(const SignedBundle& bundle, const SessionProgress& progress, std::uint32_t relay) const;
  /// Adds a bundle that judge() admitted.
  void add(std::shared_ptr<const SignedBundle> bundle, const SessionProgress& progress, std::uint32_t relay,
           MonotonicUs now_us);
  /// The pending bundle with the same body and signature: it needs no second verification.
  [[nodiscard]] bool holds(const SignedBundle& bundle) const;

  /// Bundles to order next, within the limits: clients in turn, so that one with many sessions gets no more than the
  /// others; of a client its sessions in turn, each in the order of its numbers. They stay
  /// pending until executed() but are not handed out again.
  [[nodiscard]] std::vector<std::shared_ptr<const SignedBundle>> take(std::size_t operations_max,
                                                                      std::size_t bytes_max);
  [[nodiscard]] bool has_ready() const { return !turns_.empty(); }
  [[nodiscard]] std::size_t ready_operations() const { return ready_operations_; }
  /// When the session that is next became ready; only where has_ready().
  [[nodiscard]] MonotonicUs oldest_ready_us() const;

  /// All numbers of the session up to `last_executed` are executed (0: the session was refused): drops what they cover.
  /// A session whose next bundle stays the same keeps its place in the line.
  void executed(ClientId client, SessionId session, RequestNumber last_executed, MonotonicUs now_us);

  /// The lowest unexecuted request of a session, since it is here: what a primary owes.
  struct Waiting {
    ClientId client = 0;
    SessionId session = 0;
    RequestNumber number = 0;
    std::shared_ptr<const SignedBundle> bundle;
    MonotonicUs since_us = 0;
    MonotonicUs relayed_us = 0;          ///< when it was last sent to all others; 0: never
    std::size_t backlog_operations = 0;  ///< that waited here when it came, its own included
    std::size_t backlog_bytes = 0;
    std::size_t openings = 0;  ///< of sessions that the client wants to open, where it is one of them; else 0
  };
  /// One for each session, but of the sessions that a client wants to open the one that waits longest only: it could
  /// ask for any number of them.
  [[nodiscard]] std::vector<Waiting> waiting() const;
  void relayed(ClientId client, SessionId session, MonotonicUs now_us);

  /// Another view: what was handed out and is not executed will be handed out again.
  void hand_out_again(MonotonicUs now_us);
  /// The bundle stands in a batch that is being ordered: it is not handed out.
  void ordered(const Bundle& bundle, MonotonicUs now_us);

  /// The bundle stood in a batch that has been executed. If it was above a missing number it was not, and is handed out
  /// again once that number has come.
  void decided(const Bundle& bundle, MonotonicUs now_us);

  /// The sessions that wait here.
  [[nodiscard]] std::vector<std::pair<ClientId, SessionId>> sessions() const;

  [[nodiscard]] std::size_t operations() const { return operations_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  using Key = std::pair<ClientId, SessionId>;
  struct Queue {
    std::map<RequestNumber, std::shared_ptr<const SignedBundle>> bundles;  ///< by first number
    RequestNumber executed = 0;                                            ///< all numbers up to here
    RequestNumber next = 1;  ///< lowest number that has been neither executed nor handed out
    std::size_t operations = 0;
    bool opening = false;     ///< not open when its first bundle came
    std::uint32_t relay = 0;  ///< the way by which it came
    bool ready = false;       ///< stands in its client's ready_
    MonotonicUs ready_since_us = 0;
    std::size_t ready_operations = 0;  ///< what it counts for in ready_operations_
    MonotonicUs waiting_since_us = 0;  ///< since when its lowest unexecuted number is here; 0: it is not
    std::size_t waiting_backlog_operations = 0;
    std::size_t waiting_backlog_bytes = 0;
    MonotonicUs relayed_us = 0;
  };

  /// The bundle that holds this number; null if it has not come.
  [[nodiscard]] static const std::shared_ptr<const SignedBundle>* bundle_with(const Queue& queue, RequestNumber number);
  void mark_ready(const Key& key, Queue& queue, MonotonicUs now_us);
  void unmark_ready(const Key& key, Queue& queue);
  void take_from_ready(const Key& key, Queue& queue);
  void note_waiting(Queue& queue, MonotonicUs now_us) const;
  [[nodiscard]] std::size_t openings_of(ClientId client) const;
  void drop(Queue& queue, std::map<RequestNumber, std::shared_ptr<const SignedBundle>>::iterator bundle);
  void drop_queue(std::map<Key, Queue>::iterator queue);
  [[nodiscard]] static std::size_t size_of(const SignedBundle& bundle) {
    return bundle.body.size() + bundle.signature.size();
  }

  const CoreConfig& config_;
  std::map<Key, Queue> queues_;
  /// Sessions whose next number is here, by client, longest waiting first. No client's is empty.
  std::map<ClientId, std::deque<SessionId>> ready_;
  std::deque<ClientId> turns_;  ///< the clients in ready_, in the order of their turns
  std::map<ClientId, std::size_t> client_bytes_;
  std::map<std::pair<ClientId, std::uint32_t>, std::size_t> openings_;  ///< waiting openings by client and relay
  std::size_t ready_operations_ = 0;  ///< of the next bundles of the sessions in ready_
  std::size_t operations_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace tagma
