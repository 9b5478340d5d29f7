/**
 * @file
 * @brief The state machine interface: what a user writes to replicate a service of their own.
 *
 * Schneider 1990, section 1: a state machine is a set of state variables and of deterministic commands on them, and its
 * output is determined by the sequence of requests that it processes alone. Section 3: replicas of it that start alike
 * and execute the same requests in the same order do and say the same. Hence the one duty of a Service:
 *
 * **The same state and the same operation give the same reply and the same new state, on every replica.** It therefore
 * reads nothing but the payload and the Context: no clock (Context::agreed_time_us() is there), no random device, no
 * file, no thread, no unordered iteration, no state in its own members, no floating point that depends on the machine.
 * A replica whose service answers otherwise than the others' counts as one of the f faulty ones.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tagma/api.h"
#include "tagma/identifiers.h"
#include "tagma/operation.h"

namespace tagma {

/**
 * What the members of a group have voted on, for the operation that it became (Schneider 1990, section 5.1; the grades
 * and what they promise are tagma/voting.h's).
 */
struct VotedInput {
  std::string group;                  ///< the group's name
  std::uint64_t round = 0;            ///< from 1; each round of a group becomes one operation at most
  Bytes value;                        ///< what was decided, as text
  bool unconditional = false;         ///< or it holds if correct members kept the deadline
  std::vector<ClientId> present;      ///< members whose votes were counted
  std::vector<ClientId> disagreeing;  ///< of those: who cannot have told the truth if the value is right
};

/**
 * Everything that an operation may see and change. Made by the replica and valid during one Service::execute() only, on
 * that thread; keep no reference to it.
 *
 * Keys are the service's own: another service of the same cluster has another key space. A key has 1 to 440 bytes, a
 * value 0 to limits::operation_bytes_max. The state is ordered by keys as unsigned bytes. It is what is checkpointed,
 * compared between replicas and handed to a replica that fell behind (Castro and Liskov 2002, checkpoints).
 *
 * What is thrown here passes through execute() and refuses the operation (see there).
 */
class TAGMA_API Context {
 public:
  /// No client has this number: operations of groups are asked by none.
  static constexpr ClientId voted_client = 0xffffffff;

  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  virtual ~Context() = default;

  /**
   * The value of a key, as this operation has left it so far.
   *
   * @param key  1 to 440 bytes; another size throws std::length_error
   * @return a copy of the value; none where the key is not there
   */
  [[nodiscard]] virtual std::optional<Bytes> get(ByteView key) const = 0;

  /**
   * Sets a key. Copies both. It counts once execute() returns a reply, and is durable as the cluster's durability says,
   * no later than the reply can be accepted by a client.
   *
   * @param key    1 to 440 bytes; another size throws std::length_error
   * @param value  0 to limits::operation_bytes_max bytes; more throws std::length_error
   */
  virtual void put(ByteView key, ByteView value) = 0;

  /**
   * Removes a key.
   *
   * @param key  1 to 440 bytes; another size throws std::length_error
   * @return whether it was there
   */
  virtual bool erase(ByteView key) = 0;

  /**
   * Visits the keys in [from, to), rising, until `visit` returns false.
   *
   * @param from   the first key that is wanted; empty: from the start
   * @param to     the first that is not; empty: to the end of this service's keys
   * @param visit  is lent key and value for the call; must not change the state (that throws std::logic_error). May
   *               throw. Bound how much it visits: all other operations wait
   */
  virtual void scan(ByteView from, ByteView to,
                    const std::function<bool(ByteView key, ByteView value)>& visit) const = 0;

  /**
   * The agreed time of the batch, in microseconds: the only time that a service may see (Schneider 1990, section 6).
   * Never decreases from slot to slot; the same for all operations of a batch. At most 5 s ahead of the fastest correct
   * replica's clock; may lag behind all of them. 0 before the first batch.
   */
  [[nodiscard]] virtual TimeUs agreed_time_us() const = 0;

  /// Who asked: the client whose signature the request carries; voted_client where a group did.
  [[nodiscard]] virtual ClientId client() const = 0;

  /// What the group that asked has voted; null where a client asked for itself. Lent for the call.
  [[nodiscard]] virtual const VotedInput* voted() const = 0;

  /// The slot that is being executed, from 1. Several operations may share one.
  [[nodiscard]] virtual Seq seq() const = 0;
};

/**
 * A deterministic state machine. One object serves one replica and lives as long as it; all calls come from one thread.
 */
class TAGMA_API Service {
 public:
  Service() = default;
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  virtual ~Service() = default;

  /// The name by which operations address it: 1 to 64 bytes of [a-z0-9_-], the same as long as the object lives.
  [[nodiscard]] virtual ByteView name() const = 0;

  /**
   * Executes one operation. Operations come in the order of their slots, each once, the same on every replica
   * (Schneider 1990, section 3: Agreement and Order); those of one client's session in the order in which it submitted
   * them (section 1, O1).
   *
   * An exception, or a reply that is too long, undoes what the operation changed and becomes a refusal whose text is
   * the exception's what(), cut to 512 bytes: the same on every replica as long as it comes from payload and state
   * alone. `std::bad_alloc` is the exception to this: it stops the replica, since it depends on the machine. So
   * **bound every size before memory is asked for it**: a service that asks for as much as a payload says lets one
   * client stop all replicas with one operation, for all of them execute it. Throw std::length_error, or refuse, above
   * a bound of your own; nothing that fits into a reply needs more than limits::reply_bytes_max.
   *
   * @param payload  what the client sent behind the service's name: any bytes at all, so judge them (Schneider 1990,
   *                 section 5.2, defensive programming). Borrowed for the call
   * @param context  the state, and what may be known about the request. Borrowed for the call
   * @return the answer; its text has at most limits::reply_bytes_max - 1 bytes
   */
  [[nodiscard]] virtual ServiceReply execute(ByteView payload, Context& context) = 0;
};

/// A service that a program can host: run_program() takes a list of them.
struct ServiceEntry {
  std::string name;  ///< what Service::name() says

  /// Makes a new object, for one replica. Called when the program starts, to check the name, and for the replica.
  std::function<std::unique_ptr<Service>()> make;
  std::string usage;  ///< for help and completion: one operation per line, such as "counter add NUMBER\ncounter read"
};

}  // namespace tagma
