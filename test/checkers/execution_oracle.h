// Oracles 1, 3 and 4 over what the services of correct replicas were really asked to execute.
//
// The simulator puts an observer in front of every service. It sees each execution with the tag that the client's
// workload wrote into the operation, so nothing here trusts the core's own account of what it did.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "messages/messages.h"
#include "test/checkers/violation.h"

namespace tagma::checkers {

/// Which request an operation belongs to, as its tag says.
struct RequestKey {
  ClientId client = 0;
  SessionId session = 0;
  RequestNumber number = 0;
  auto operator<=>(const RequestKey&) const = default;
};

/// One call of a service at one replica.
struct Executed {
  Seq seq = 0;
  RequestKey request;
  TimeUs agreed_time_us = 0;
  std::uint64_t operation_hash = 0;
  std::uint64_t reply_hash = 0;  ///< of the encoded service reply; 0: the service threw, the core made the reply
  auto operator<=>(const Executed&) const = default;
};

/// Compares the execution logs of correct replicas with one another and with what clients accepted.
class ExecutionOracle {
 public:
  explicit ExecutionOracle(Verdict& verdict) : verdict_(verdict) {}

  /// This request's operation never reaches a service (it names none): numbers may skip it.
  void expect_unseen(const RequestKey& request) { unseen_.insert(request); }

  /// A correct replica's clock has come so far that it may vote for this time, and no later one. Times that lie
  /// above all of these are nobody's.
  void may_agree_on(TimeUs latest_us) { latest_us_ = std::max(latest_us_, latest_us); }

  /// A service of `replica` executed something. Calls come in the replica's own order.
  void executed(ReplicaId replica, const Executed& what);

  /// `replica` lost what it had in memory and begins again behind `base`: it executes what follows a second time.
  void returned(ReplicaId replica, Seq base);

  /// `replica` says that it has executed everything up to `seq`, and what it executed at each new slot.
  void advanced(ReplicaId replica, Seq seq);
  void executed_digest(ReplicaId replica, Seq seq, const Digest& digest);

  /// A correct client accepted `reply_hash` for a request that a service executes.
  void accepted(const RequestKey& request, std::uint64_t reply_hash);

  [[nodiscard]] bool was_executed(const RequestKey& request) const { return by_request_.contains(request); }
  /// Where in the longest log the request stands; nothing if no correct replica executed it.
  [[nodiscard]] std::optional<std::uint64_t> position(const RequestKey& request) const;
  /// Calls of services at the replica that is furthest ahead.
  [[nodiscard]] std::size_t length() const { return log_.size(); }
  /// The longest log of all, in order.
  [[nodiscard]] const std::vector<Executed>& log() const { return log_; }

 private:
  struct Progress {
    std::size_t position = 0;  ///< entries of log_ that this replica has executed too
    Seq advanced = 0;
    std::map<std::pair<ClientId, SessionId>, RequestNumber> last_number;
  };

  void check_number(ReplicaId replica, const Executed& what);
  void check_prefix(ReplicaId replica, const Executed& what);

  void check_time(ReplicaId replica, const Executed& what);

  Verdict& verdict_;
  TimeUs latest_us_ = std::numeric_limits<TimeUs>::min();
  std::vector<Executed> log_;  ///< by the replica that was first at each position
  std::map<ReplicaId, Progress> progress_;
  std::map<Seq, Digest> digests_;
  std::map<RequestKey, std::size_t> by_request_;  ///< position of its first execution in log_
  std::set<RequestKey> unseen_;
};

[[nodiscard]] std::string to_string(const RequestKey& request);

}  // namespace tagma::checkers
