// The client library's public face: tagma::Client.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "tagma/identifiers.h"
#include "tagma/operation.h"
#include "tagma/report.h"
#include "tagma/result.h"

namespace tagma {

/// How a call ended.
enum class CallStatus : std::uint8_t {
  ok = 0,       ///< f+1 distinct replicas gave this same authenticated reply
  unknown = 1,  ///< no such agreement in time: the operation may or may not have been, or yet be, executed
  evicted = 2,  ///< the session was evicted (too many of this client's); whether it was executed is unknown
  invalid = 3,  ///< not executed: refused here before it was sent (too large, client closed), or by f+1 replicas alike
};

struct CallResult {
  CallStatus status = CallStatus::unknown;
  ServiceReply reply;  ///< where status is ok
  std::string error;   ///< one line for a person where status is not ok
  Seq seq = 0;         ///< slot in the total order
  View view = 0;
  std::uint32_t matching = 0;  ///< replicas that agreed
  std::int64_t latency_us = 0;
};

struct ClientOptions {
  std::string cluster_file;   ///< path of cluster.toml
  std::string identity_file;  ///< path of this client's secret key
  ClientId id = 0;
  std::chrono::milliseconds timeout{10'000};  ///< of one call
  std::uint32_t window = 256;                 ///< operations outstanding; submit() waits inside the library beyond it
  std::size_t queued_max = 65'536;            ///< beyond it, submit() blocks the caller
  std::chrono::milliseconds first_retransmission{150};
};

/// What one replica said about itself; `answered` false where it did not in time.
struct ReplicaReport {
  ReplicaId id = 0;
  bool answered = false;
  Report report;
  std::int64_t round_trip_us = 0;
};

/// A session with the cluster. All members are safe from many threads. Requests are bundled by themselves.
///
/// Order and causality (Schneider's O1, O2): operations of one Client execute in the order in which they were
/// submitted. Across clients, cause comes before effect for whoever waits for a reply before telling others.
class Client {
 public:
  using Callback = std::function<void(const CallResult&)>;

  /// Opens a session; connects in the background. Refuses a bad file, key or option in one line.
  [[nodiscard]] static Result<std::unique_ptr<Client>> open(const ClientOptions& options);
  /// Fails what is outstanding as unknown and joins the library's thread. Not from a callback.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Executes one operation (tagma/operation.h) and waits for its voted reply.
  [[nodiscard]] CallResult call(ByteView operation);
  /// The same as a future. Never throws from get().
  [[nodiscard]] std::future<CallResult> submit(ByteView operation);
  /// The same with a callback, which runs on the library's thread: it may submit more, it must not block.
  void submit(ByteView operation, Callback callback);

  /// Asks every replica for its report and waits at most `timeout`. One entry per replica, by id.
  [[nodiscard]] std::vector<ReplicaReport> reports(std::chrono::milliseconds timeout);

 private:
  class Implementation;
  explicit Client(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace tagma
