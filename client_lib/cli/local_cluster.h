// All replicas of a cluster folder as children of this process: what `up` and `bench --local` run.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "client_lib/cli/child_process.h"
#include "client_lib/cli/stop_signals.h"
#include "messages/cluster_file/cluster_file.h"

namespace tagma::cli {

/// Why a cluster did not start.
struct StartFailure {
  std::string reason;           ///< one line, or a few joined by line ends
  bool bad_input = false;       ///< a replica refused its input, or a port is in use
  bool stop_requested = false;  ///< a signal came first; `reason` is empty
};

/// A child that ended by itself.
struct ReplicaEnd {
  ReplicaId id = 0;
  pid_t pid = 0;
  int wait_status = 0;
  std::string last_line;
};

/// Not thread-safe; use it from the thread that made it, which must outlive it (see ChildProcess).
class LocalCluster {
 public:
  static constexpr std::chrono::milliseconds stop_timeout{5'000};
  static constexpr std::chrono::milliseconds ready_timeout{30'000};

  /// `executable` is started as "tagma replica ...".
  LocalCluster(std::string directory, ClusterFile file, std::string executable = "/proc/self/exe");
  /// Stops what runs.
  ~LocalCluster();
  LocalCluster(const LocalCluster&) = delete;
  LocalCluster& operator=(const LocalCluster&) = delete;

  /// Starts all replicas and waits until each is ready. Nothing runs any more if it fails.
  [[nodiscard]] std::optional<StartFailure> start(StopSignals& stop, const std::string& log_level);

  /// Passes on what the replicas write, for `duration` or until a signal or the end of a replica. Returns the replicas
  /// that ended since the last call. Call it often: a replica whose pipe is full waits.
  std::vector<ReplicaEnd> attend(StopSignals& stop, std::chrono::milliseconds duration);

  /// SIGTERM to all, SIGKILL to those that are left after stop_timeout.
  void stop();

  [[nodiscard]] const ClusterFile& file() const { return file_; }
  [[nodiscard]] std::size_t running() const;
  /// By replica id.
  [[nodiscard]] std::vector<pid_t> pids() const;

 private:
  [[nodiscard]] std::optional<StartFailure> start_children(const std::string& log_level);
  [[nodiscard]] StartFailure failure_of(const ChildProcess& child, ReplicaId id) const;
  void wait_for_output(int stop_descriptor, std::chrono::milliseconds duration) const;

  std::string directory_;
  ClusterFile file_;
  std::string executable_;
  std::vector<ChildProcess> children_;  ///< by replica id
  std::vector<bool> end_told_;          ///< by replica id: attend() has returned its end
};

}  // namespace tagma::cli
