/**
 * @file
 * @brief The client library's public face: tagma::Client.
 *
 * A client believes a result once f+1 distinct replicas have given it alike, because one of them is then correct
 * (Castro and Liskov 2002, the client; Schneider 1990, section 4.2: the client is the voter). What must be alike is the
 * epoch, the session and number, the digest of the operation, the slot, the outcome and the bytes of the reply.
 */
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "tagma/api.h"
#include "tagma/identifiers.h"
#include "tagma/operation.h"
#include "tagma/report.h"
#include "tagma/result.h"

namespace tagma {

/// How a call ended.
enum class CallStatus : std::uint8_t {
  ok = 0,       ///< f+1 distinct replicas gave this same authenticated reply: it is correct and final
  unknown = 1,  ///< no such agreement in time: the operation may or may not have been, or yet be, executed
  evicted = 2,  ///< the session was evicted (too many of this client's); whether it was executed is unknown
  invalid = 3,  ///< not executed: refused here before it was sent (too large, client closed), or by f+1 replicas alike
};

/// One call's end.
struct CallResult {
  CallStatus status = CallStatus::unknown;  ///< how it ended; nothing below holds a reply unless this is ok
  ServiceReply reply;                       ///< the service's answer where status is ok: it may itself be a refusal
  std::string error;                        ///< one line for a person where status is not ok, else empty
  Seq seq = 0;                              ///< slot in the total order where status is ok; several calls may share one
  View view = 0;                ///< a view that some correct replica has reached; for information where status is ok
  std::uint32_t matching = 0;   ///< replicas that had agreed when the call ended; f+1 or more where status is ok
  std::int64_t latency_us = 0;  ///< from submission to the end, in microseconds of the monotonic clock
};

/// How to open a Client. All of it is copied.
struct ClientOptions {
  std::string cluster_file;   ///< path of cluster.toml
  std::string identity_file;  ///< path of this client's secret key, such as cluster/client-0/identity.key
  /// Which client to be. The key must be that one's in the cluster file; of one that is not there, because
  /// administrators added it later, the replicas alone can tell.
  ClientId id = 0;
  std::chrono::milliseconds timeout{10'000};  ///< of one call, from its submission; at least 1 ms

  /// Operations in flight at most, 1 to limits::session_window. Further ones wait inside the library.
  std::uint32_t window = 256;
  /// Operations inside the library at most, at least 1 (and 64 MiB in all). Beyond it submitting blocks the caller.
  std::size_t queued_max = 65'536;
  /// How long the primary alone is asked; then all replicas, at waits that double up to 4 s. At least 1 ms.
  std::chrono::milliseconds first_retransmission{150};

  /// Be the administrator of this id, and not the client: for operations of the service "admin", which is all that
  /// administrators may call.
  bool administrator = false;
};

/// What one replica said about itself, as Client::reports() gives it: its own word, not voted.
struct ReplicaReport {
  ReplicaId id = 0;                ///< whose it is, by its authenticated channel
  bool answered = false;           ///< false where it did not in time; then all below is empty
  Report report;                   ///< what it said
  std::int64_t round_trip_us = 0;  ///< from the question sent last to the answer, in microseconds
};

/**
 * A session with the cluster. All members are safe from many threads but the destructor, which is for one, when no
 * other is inside. Requests are bundled under one signature by themselves.
 *
 * **Order and causality** (Schneider 1990, section 1, O1 and O2): operations of one Client execute in the order in
 * which they were submitted, each exactly once. Across clients, cause comes before effect for whoever waits for a reply
 * before telling others; two operations that are outstanding at the same time may execute in either order.
 *
 * **Durable on return**: a call that ended ok has been executed by f+1 replicas at least, of which one is correct, in a
 * slot that a quorum has committed; it stays executed while at most f replicas are faulty. Where the cluster's
 * durability is `memory`, stopping the whole cluster loses it all the same.
 *
 * **Unknown is not "no"**: after CallStatus::unknown the library goes on sending the operation (the same number, the
 * same bytes), since those behind it execute only after it; destroying the Client ends that. Submitting the operation
 * again is another operation. Give operations whose repetition harms an identifier of their own, or make them say what
 * they expect (`kv cas`).
 *
 * Each Client has a thread of its own, which takes no signals. Memory that runs out throws std::bad_alloc; nothing else
 * is thrown.
 */
class TAGMA_API Client {
 public:
  /// Is told how a call ended. See submit() for what it may do.
  using Callback = std::function<void(const CallResult&)>;

  /**
   * Opens a session. Connects in the background: it succeeds while replicas are down.
   *
   * Session identifiers are drawn from the machine's clock and rise; a process never uses one again. A clock that is
   * set back between two runs of one client can make the replicas refuse the new session: calls then end as evicted.
   *
   * @param options  copied; ranges are told there
   * @return the client, which is the caller's; or one line that names the file, key or option that is wrong
   */
  [[nodiscard]] static Result<std::unique_ptr<Client>> open(const ClientOptions& options);

  /**
   * Ends what is outstanding as CallStatus::unknown (callbacks run before it returns) and joins the library's thread.
   * Called from a callback it ends the process.
   */
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /**
   * Executes one operation and waits for its voted reply. Not from a callback: it would wait for its own thread.
   *
   * @param operation  encode_operation()'s, 1 to limits::operation_bytes_max bytes; another size ends as
   *                   CallStatus::invalid. Copied
   * @return how it ended, no later than about ClientOptions::timeout after it found room in the library, for which it
   *         waits at most as long
   */
  [[nodiscard]] CallResult call(ByteView operation);

  /**
   * The same without waiting for the reply.
   *
   * @param operation  as with call(). Where the library is full (ClientOptions::queued_max) it blocks, at most for one
   *                   timeout, and then ends as CallStatus::invalid
   * @return always gets a value, with the destructor at the latest; get() throws nothing
   */
  [[nodiscard]] std::future<CallResult> submit(ByteView operation);

  /**
   * The same with a callback.
   *
   * @param operation  as with the other submit()
   * @param callback   runs exactly once: on the library's thread, or before submit() returns for an operation that
   *                   cannot be sent. It may submit more, which never blocks there; it must not wait for a result, must
   *                   not destroy the Client, and should be short. What it throws is dropped
   */
  void submit(ByteView operation, Callback callback);

  /**
   * Asks every replica for its report. Not from a callback: that ends the process.
   *
   * @param timeout  how long to wait at most, at least 1 ms
   * @return one entry per replica, by id; each is one replica's word and nobody's vote
   */
  [[nodiscard]] std::vector<ReplicaReport> reports(std::chrono::milliseconds timeout);

  /**
   * Ends the session, as the destructor does, without waiting for it: what is outstanding ends as
   * CallStatus::unknown, and threads that are inside return soon, those in reports() with what has come so far, or with
   * nothing. Later operations end as CallStatus::invalid. From any thread, also from a callback; twice does nothing.
   */
  void stop();

 private:
  class Implementation;
  explicit Client(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace tagma
