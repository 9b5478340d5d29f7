// The state machine interface: what a user writes to replicate a service of their own (Schneider 1990, section 2).
//
// A service is deterministic: the same state and the same operation give the same reply and the same new state on every
// replica. It therefore reads nothing but the operation and the Context: no clock, no random device, no file, no
// thread, no unordered iteration, no state in its own members.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>

#include "tagma/identifiers.h"
#include "tagma/operation.h"

namespace tagma {

/// Everything that an operation may see and change. Valid during one execute() only. Keys are the service's own:
/// another service of the same cluster has a different key space. Keys have 1..1024 bytes, values up to
/// limits::operation_bytes_max; more throws std::length_error, which becomes a deterministic refusal.
class Context {
 public:
  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  virtual ~Context() = default;

  [[nodiscard]] virtual std::optional<Bytes> get(ByteView key) const = 0;
  virtual void put(ByteView key, ByteView value) = 0;
  /// Returns whether the key was there.
  virtual bool erase(ByteView key) = 0;
  /// Calls `visit` for the keys in [from, to) in rising order until it returns false; an empty `to` means no end.
  /// `visit` must not change the state.
  virtual void scan(ByteView from, ByteView to,
                    const std::function<bool(ByteView key, ByteView value)>& visit) const = 0;

  /// The agreed time of the batch: the only time that a service sees. Never decreases.
  [[nodiscard]] virtual TimeUs agreed_time_us() const = 0;
  /// Who asked.
  [[nodiscard]] virtual ClientId client() const = 0;
  /// The slot that is being executed.
  [[nodiscard]] virtual Seq seq() const = 0;
};

/// A deterministic state machine. One object serves one replica; calls come from one thread.
class Service {
 public:
  Service() = default;
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  virtual ~Service() = default;

  /// The name by which operations address it: 1..64 bytes of [a-z0-9_-].
  [[nodiscard]] virtual ByteView name() const = 0;

  /// Executes one operation. `payload` is whatever the client sent behind the service's name: anything at all, judge
  /// it. The reply's text may have up to limits::reply_bytes_max - 1 bytes. An exception (or too long a reply) undoes
  /// the operation's changes and becomes a deterministic refusal with the exception's text, the same on every replica.
  [[nodiscard]] virtual ServiceReply execute(ByteView payload, Context& context) = 0;
};

}  // namespace tagma
