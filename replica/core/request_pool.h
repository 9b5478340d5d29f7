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
/// admitted (attacks C3: a filled quota must not look like censorship); every other one is within the limits.
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

  /// Bundles to order next, within the limits: each session in the order of its numbers, sessions in turn. They stay
  /// pending until executed() but are not handed out again.
  [[nodiscard]] std::vector<std::shared_ptr<const SignedBundle>> take(std::size_t operations_max,
                                                                      std::size_t bytes_max);
  [[nodiscard]] bool has_ready() const { return !ready_.empty(); }
  [[nodiscard]] std::size_t ready_operations() const { return ready_operations_; }
  /// When the longest waiting session became ready; only where has_ready().
  [[nodiscard]] MonotonicUs oldest_ready_us() const;

  /// All numbers of the session up to `last_executed` are executed (0: the session was refused): drops what they cover.
  void executed(ClientId client, SessionId session, RequestNumber last_executed, MonotonicUs now_us);

  /// The sessions that wait here.
  [[nodiscard]] std::vector<std::pair<ClientId, SessionId>> sessions() const;

  [[nodiscard]] std::size_t operations() const { return operations_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  using Key = std::pair<ClientId, SessionId>;
  struct Queue {
    std::map<RequestNumber, std::shared_ptr<const SignedBundle>> bundles;  ///< by first number
    RequestNumber next = 1;  ///< lowest number that has been neither executed nor handed out
    std::size_t operations = 0;
    bool opening = false;     ///< not open when its first bundle came
    std::uint32_t relay = 0;  ///< the way by which it came
    bool ready = false;       ///< stands in ready_
    MonotonicUs ready_since_us = 0;
    std::size_t ready_operations = 0;  ///< what it counts for in ready_operations_
  };

  /// The bundle that holds this number; null if it has not come.
  [[nodiscard]] static const std::shared_ptr<const SignedBundle>* bundle_with(const Queue& queue, RequestNumber number);
  void mark_ready(const Key& key, Queue& queue, MonotonicUs now_us);
  void drop(Queue& queue, std::map<RequestNumber, std::shared_ptr<const SignedBundle>>::iterator bundle);
  void drop_queue(std::map<Key, Queue>::iterator queue);
  [[nodiscard]] static std::size_t size_of(const SignedBundle& bundle) {
    return bundle.body.size() + bundle.signature.size();
  }

  const CoreConfig& config_;
  std::map<Key, Queue> queues_;
  std::deque<Key> ready_;  ///< sessions whose next number is here, longest waiting first
  std::map<ClientId, std::size_t> client_bytes_;
  std::map<std::pair<ClientId, std::uint32_t>, std::size_t> openings_;  ///< waiting openings by client and relay
  std::size_t ready_operations_ = 0;  ///< of the next bundles of the sessions in ready_
  std::size_t operations_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace tagma
