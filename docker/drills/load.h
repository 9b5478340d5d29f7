// Clients that ask without end and write down what they saw, so that it can be judged afterwards.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "docker/drills/scenario.h"
#include "tagma/client.h"
#include "test/checkers/linearizability.h"

namespace tagma::drills {

using Clock = std::chrono::steady_clock;

/// What is asked of a service that is not the bundled key-value store.
struct OwnOperations {
  std::string service;
  Words operation;  ///< asked again and again; each one that is acknowledged must count in `total`
  Words total;      ///< answers a number: how many of them were executed
};

/// One operation as its client saw it.
struct Call {
  checkers::KvOperation operation;  ///< its times are those of the drill; `hint` is the slot
  CallStatus status = CallStatus::unknown;
  bool in_order = true;  ///< false: the answer was none that this operation can have
};

/// What a client of the load needs to open.
struct ClientPlace {
  ClientId id = 0;
  std::string cluster_file;
  std::string identity_file;
};

/// All clients of a drill. Started once, stopped once.
class Load {
 public:
  /// Throws std::runtime_error where a client cannot be opened.
  Load(const LoadShape& shape, const std::vector<ClientPlace>& places, std::uint64_t seed,
       std::optional<OwnOperations> own);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  /// `zero` is the moment from which the times of calls count.
  void start(Clock::time_point zero);
  /// Submits nothing more, and waits so long for what is outstanding; what ends later, or never, is unknown.
  /// `meanwhile` is called again and again.
  void stop(std::chrono::milliseconds patience, const std::function<void()>& meanwhile = {});

  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }
  /// Everything that was asked, by client and in its order; after stop().
  [[nodiscard]] std::vector<Call> history() const;

 private:
  struct Asking;  ///< one client, what it has asked and what it draws

  void pace();
  void ask(Asking& asking);
  [[nodiscard]] Bytes draw(Asking& asking, Call& call);
  void note(Asking& asking, std::size_t at, const CallResult& result);
  [[nodiscard]] std::int64_t now_us() const;

  LoadShape shape_;
  std::optional<OwnOperations> own_;
  Clock::time_point zero_;
  std::vector<std::unique_ptr<Asking>> clients_;
  std::atomic<std::uint64_t> acknowledged_{0};
  std::atomic<bool> stopping_{false};
  std::thread pacer_;
};

/// A value as it was before it was filled up.
[[nodiscard]] Bytes without_filling(const Bytes& value);

/// Asks one client for all of these operations and waits; in their order.
[[nodiscard]] std::vector<CallResult> ask_all(Client& client, const std::vector<Bytes>& operations);

}  // namespace tagma::drills
