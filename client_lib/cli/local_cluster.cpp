#include "client_lib/cli/local_cluster.h"

#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "client_lib/cli/addresses.h"
#include "client_lib/cli/cluster_folder.h"
#include "client_lib/cli/command.h"
#include "client_lib/cli/text_format.h"

namespace tagma::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// An end shows as a closed pipe at once, unless a grandchild holds the pipe open: hence a look now and then as well.
constexpr milliseconds look_interval{200};

milliseconds time_left(Clock::time_point deadline) {
  return std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(deadline - Clock::now()));
}

}  // namespace

LocalCluster::LocalCluster(std::string directory, ClusterFile file, std::string executable)
    : directory_(std::move(directory)), file_(std::move(file)), executable_(std::move(executable)) {}

LocalCluster::~LocalCluster() { stop(); }

std::optional<StartFailure> LocalCluster::start_children(const std::string& log_level) {
  const auto in_use = addresses_in_use(file_);
  if (!in_use.empty()) {
    const std::string others = in_use.size() > 1 ? " and " + std::to_string(in_use.size() - 1) + " more" : "";
    return StartFailure{in_use.front() + others +
                            ": in use by another process; stop that one, or start a cluster on other ports with " +
                            "--base-port in a new folder",
                        true, false};
  }
  for (ReplicaId id = 0; id < file_.membership.n(); ++id) {
    const std::vector<std::string> arguments = {
        "tagma",       "replica",          "--cluster", cluster_file_path(directory_),
        "--id",        std::to_string(id), "--data",    data_path(directory_, id),
        "--log-level", log_level};
    auto child = ChildProcess::start(executable_, arguments, log_path(directory_, id));
    if (!child) return StartFailure{"replica " + std::to_string(id) + ": " + child.reason(), false, false};
    children_.push_back(std::move(*child));
    end_told_.push_back(false);
  }
  return std::nullopt;
}

StartFailure LocalCluster::failure_of(const ChildProcess& child, ReplicaId id) const {
  const int status = child.wait_status().value_or(0);
  const bool bad_input = WIFEXITED(status) && WEXITSTATUS(status) == exit_usage;
  constexpr std::string_view name = "tagma replica: ";  // of the command that the child is; ours stands there already
  std::string line = child.last_line().empty() ? "it wrote nothing" : child.last_line();
  if (line.starts_with(name)) line.erase(0, name.size());
  return {"replica " + std::to_string(id) + " " + describe_end(status) + " before it served: " + line +
              "\n(its log: " + log_path(directory_, id) + ")",
          bad_input, false};
}

std::optional<StartFailure> LocalCluster::start(StopSignals& stop_signals, const std::string& log_level) {
  auto failure = start_children(log_level);
  const auto deadline = Clock::now() + ready_timeout;
  while (!failure) {
    wait_for_output(stop_signals.descriptor(), std::min(look_interval, time_left(deadline)));
    if (stop_signals.requested()) {
      failure = StartFailure{"", false, true};
      break;
    }
    bool all_ready = true;
    for (ReplicaId id = 0; id < children_.size() && !failure; ++id) {
      children_[id].pump();
      if (children_[id].has_ended()) failure = failure_of(children_[id], id);
      all_ready = all_ready && children_[id].is_ready();
    }
    if (failure || all_ready) break;
    if (Clock::now() < deadline) continue;
    const auto late = std::find_if(children_.begin(), children_.end(), [](const auto& c) { return !c.is_ready(); });
    const auto id = static_cast<ReplicaId>(late - children_.begin());
    failure = StartFailure{"replica " + std::to_string(id) + " does not serve after " +
                               duration_text(ready_timeout / std::chrono::microseconds(1)) +
                               "; its log: " + log_path(directory_, id),
                           false, false};
  }
  if (failure) stop();
  return failure;
}

void LocalCluster::wait_for_output(int stop_descriptor, milliseconds duration) const {
  std::vector<pollfd> waited;
  if (stop_descriptor >= 0) waited.push_back({stop_descriptor, POLLIN, 0});
  for (const auto& child : children_) {
    if (child.output() >= 0) waited.push_back({child.output(), POLLIN, 0});
  }
  poll(waited.data(), waited.size(), static_cast<int>(duration.count()));
}

std::vector<ReplicaEnd> LocalCluster::attend(StopSignals& stop_signals, milliseconds duration) {
  std::vector<ReplicaEnd> ends;
  const auto deadline = Clock::now() + duration;
  while (true) {
    wait_for_output(stop_signals.descriptor(), std::min(look_interval, time_left(deadline)));
    for (ReplicaId id = 0; id < children_.size(); ++id) {
      auto& child = children_[id];
      child.pump();
      if (!child.has_ended() || end_told_[id]) continue;
      end_told_[id] = true;
      ends.push_back({id, child.pid(), child.wait_status().value_or(0), child.last_line()});
    }
    if (!ends.empty() || stop_signals.requested() || Clock::now() >= deadline) return ends;
  }
}

void LocalCluster::stop() {
  for (auto& child : children_) child.signal(SIGTERM);
  const auto deadline = Clock::now() + stop_timeout;
  bool killed = false;
  while (running() > 0) {
    wait_for_output(-1, std::min(milliseconds(20), look_interval));
    for (auto& child : children_) child.pump();
    if (killed || Clock::now() < deadline) continue;
    killed = true;
    for (auto& child : children_) child.signal(SIGKILL);
  }
  children_.clear();
  end_told_.clear();
}

std::size_t LocalCluster::running() const {
  return static_cast<std::size_t>(
      std::count_if(children_.begin(), children_.end(), [](const auto& child) { return !child.has_ended(); }));
}

std::vector<pid_t> LocalCluster::pids() const {
  std::vector<pid_t> pids;
  for (const auto& child : children_) pids.push_back(child.pid());
  return pids;
}

}  // namespace tagma::cli
