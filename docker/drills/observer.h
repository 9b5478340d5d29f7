// Looks at the replicas all the while, past the proxy: what they say of themselves and what their processes cost.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "docker/drills/drill_result.h"
#include "docker/drills/load.h"
#include "messages/membership.h"
#include "tagma/client.h"

namespace tagma::drills {

/// What the replicas said at one moment.
class Sight {
 public:
  Sight() = default;
  explicit Sight(std::vector<ReplicaReport> reports) : reports_(std::move(reports)) {}

  [[nodiscard]] const ReplicaReport* of(ReplicaId id) const;
  /// The view that most of those who vote are in; nothing if nobody does.
  [[nodiscard]] std::optional<View> view() const;
  /// Whether all of these vote, in one view, and are at most so many slots apart.
  [[nodiscard]] bool together(const std::vector<ReplicaId>& ids, Seq apart_max) const;
  /// Whether all of these have the same state at the same checkpoint, that is, at or above `from`.
  [[nodiscard]] bool same_state(const std::vector<ReplicaId>& ids, Seq from) const;
  /// One line: who is where.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<ReplicaReport> reports_;
};

class Observer {
 public:
  /// Throws std::runtime_error where the client cannot be opened.
  Observer(const ClientPlace& place, std::uint32_t replicas);
  ~Observer();
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  /// Takes a sample twice a second from now on; times count from `zero`.
  void start(Clock::time_point zero);
  void stop();
  /// Which process a replica is now; 0: none.
  void set_process(ReplicaId id, pid_t process) { processes_[id] = process; }

  /// Asks now.
  [[nodiscard]] Sight look();
  /// What was seen in the sample before; of use while look() would take long.
  [[nodiscard]] Sight last() const;
  /// After stop().
  [[nodiscard]] const std::vector<ReplicaSample>& samples() const { return samples_; }

 private:
  void run();
  void sample();

  std::unique_ptr<Client> client_;
  Clock::time_point zero_;
  std::vector<std::atomic<pid_t>> processes_;
  std::map<ReplicaId, std::pair<pid_t, std::int64_t>> cpu_before_us_;
  Clock::time_point before_;
  std::vector<ReplicaSample> samples_;
  mutable std::mutex mutex_;  ///< of last_
  Sight last_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace tagma::drills
