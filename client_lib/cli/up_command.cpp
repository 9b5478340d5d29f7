#include "client_lib/cli/up_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <ostream>
#include <thread>

#include "client_lib/cli/addresses.h"
#include "client_lib/cli/cluster_folder.h"
#include "client_lib/cli/description.h"
#include "client_lib/cli/local_cluster.h"
#include "client_lib/cli/open_client.h"
#include "client_lib/cli/status_summary.h"
#include "client_lib/cli/text_format.h"

namespace tagma::cli {
namespace {

constexpr std::chrono::milliseconds answer_timeout(2'000);

struct UpOptions {
  std::string directory;
  bool fresh = false;
  std::string log_level = "info";
  InitOptions init;
};

/// Found before the folder is made: with the keys there, the same command would then keep those ports for good.
std::optional<Refused> ports_taken(const ClusterPlan& plan) {
  if (!plan.base_port || !plan.hosts.empty()) return std::nullopt;
  for (std::uint32_t port = *plan.base_port; port < *plan.base_port + 2 * plan.replicas; ++port) {
    if (!port_in_use({std::string(local_host), static_cast<std::uint16_t>(port)})) continue;
    return Refused{"--base-port " + std::to_string(*plan.base_port) + ": port " + std::to_string(port) +
                   " is in use by another process; choose another, or leave the option out"};
  }
  return std::nullopt;
}

struct PreparedCluster {
  ClusterFile file;
  bool is_new = false;
  std::optional<PortClaim> ports;  ///< of a new cluster, until its replicas have bound them
};

/// The cluster of the folder, made if there is none, with a genesis that no replica has started in.
Result<PreparedCluster> prepare_cluster(const UpOptions& options, const ClusterPlan& plan, const Streams& streams) {
  const std::string& directory = options.directory;
  if (options.fresh) {
    if (auto refused = empty_cluster_folder(directory)) return *refused;
  }
  if (folder_state(directory) == FolderState::cluster) {
    auto file = open_cluster(directory, streams.program);
    if (!file) return Refused{file.reason()};
    if (auto refused = contradiction(options.init, *file)) return *refused;
    for (const auto& replica : file->membership.replicas) {
      if (!replica_runs(directory, replica.id)) continue;
      return Refused{directory + ": replica " + std::to_string(replica.id) + " is running; stop it first"};
    }
    const auto renewed = renew_genesis_if_started(directory, *file);
    if (!renewed) return Refused{renewed.reason()};
    if (auto refused = too_few_remember(directory, *file, streams.program)) return *refused;
    streams.out << "The cluster in " << directory << ", " << counted(file->membership.n(), "replica") << ".\n";
    if (*renewed) streams.out << "Durability is memory: the cluster starts empty.\n";
    return PreparedCluster{std::move(*file), *renewed, std::nullopt};
  }
  if (auto refused = ports_taken(plan)) return *refused;
  auto created = create_cluster(directory, plan, streams.program);
  if (!created) return Refused{created.reason()};
  streams.out << "A new cluster in " << directory << ": " << counted(plan.replicas, "replica") << ", "
              << counted(plan.clients, "client") << ", " << counted(plan.admins, "administrator") << ".\n";
  if (!created->note.empty()) streams.out << "Note: " << created->note << ".\n";
  return PreparedCluster{std::move(created->file), true, std::move(created->ports)};
}

/// Who has lost its memory: a replica finds out as it starts that its log is damaged. So many that nobody could take
/// them back are asked again for a while, since one that was taken back before may learn of it only from the others.
std::vector<ReplicaId> find_forgetful(const LocalCluster& cluster, StopSignals& stop, const std::string& directory,
                                      const ProgramName& program) {
  constexpr std::chrono::milliseconds patience(3'000);
  constexpr std::chrono::milliseconds pause(300);
  const auto& membership = cluster.file().membership;
  const auto client = open_client(directory, 0, answer_timeout, 1, program);
  if (!client) return {};  // its key may be elsewhere; the replicas' logs say it too
  for (const auto end = std::chrono::steady_clock::now() + patience;;) {
    auto forgetful = summarise(membership, (*client)->reports(answer_timeout)).forgetful;
    const bool enough = membership.n() - forgetful.size() >= membership.quorum();
    if (enough || stop.requested() || std::chrono::steady_clock::now() >= end) return forgetful;
    std::this_thread::sleep_for(pause);  // ends of replicas are for attend_until_stopped() to tell
  }
}

void print_serving(const std::string& directory, const LocalCluster& cluster, const std::vector<ReplicaId>& forgetful,
                   const ProgramName& program, std::ostream& out) {
  const auto& file = cluster.file();
  const auto pids = cluster.pids();
  for (const auto& replica : file.membership.replicas) {
    out << "  replica " << left_aligned(std::to_string(replica.id), 3) << " pid "
        << left_aligned(std::to_string(pids[replica.id]), 8) << " replicas "
        << left_aligned(short_address(replica.replica_address), 16) << " clients "
        << short_address(replica.client_address) << "\n";
  }
  const std::string& name = program.word;
  const std::string argument = directory_argument(directory);
  out << "ready: serves " << listed(file.services) << "; " << faults_text(file.membership, forgetful) << "\n\n"
      << "Try in another terminal:\n";
  const auto& services = file.services;
  if (std::find(services.begin(), services.end(), "kv") != services.end()) {
    out << "  " << name << " call" << argument << " kv put city Nicaea\n"
        << "  " << name << " call" << argument << " kv get city\n";
  }
  out << "  " << name << " status" << argument << "\n"
      << "Ctrl-C stops all replicas." << std::endl;
}

/// Until a signal comes or no replica is left.
int attend_until_stopped(LocalCluster& cluster, StopSignals& stop, const std::string& directory,
                         const Streams& streams) {
  while (!stop.requested()) {
    for (const auto& end : cluster.attend(stop, std::chrono::milliseconds(1'000))) {
      streams.out << "replica " << end.id << " (pid " << end.pid << ") " << describe_end(end.wait_status)
                  << " (log: " << log_path(directory, end.id) << ")\n";
      if (!end.last_line.empty()) streams.out << "  its last line: " << end.last_line << "\n";
      const std::string argument = directory_argument(directory);
      streams.out << "  " << streams.program.word << " replica" << argument << " --id " << end.id
                  << " starts it again\n";
      const std::uint32_t quorum = cluster.file().membership.quorum();
      if (cluster.running() + 1 == quorum) {
        streams.out << "fewer than " << quorum
                    << " of the replicas that were started here are left: without others that "
                    << "were brought back\n  by hand no operation can end; " << streams.program.word << " status"
                    << argument << " shows who votes\n";
      }
      streams.out << std::flush;
    }
    if (cluster.running() == 0 && !stop.requested()) {
      return fail(streams, "up", "no replica that was started here is left", exit_failed);
    }
  }
  streams.out << "stopping " << counted(cluster.running(), "replica") << std::endl;
  cluster.stop();
  streams.out << "stopped" << std::endl;
  return exit_ok;
}

void describe_arguments(CLI::App& app, UpOptions& options) {
  app.name("tagma up");
  app.description("Runs a whole cluster on this machine until Ctrl-C.");
  add_directory_option(app, options.directory);
  app.add_flag("--fresh", options.fresh, "Remove this folder's old cluster first");
  add_log_level_option(app, options.log_level);
  add_init_options(app, options.init);
  app.footer(
      "Examples:\n"
      "  tagma up\n"
      "  tagma up --dir /tmp/c7 --replicas 7\n"
      "  tagma up --fresh --base-port 7000\n\n"
      "The folder is made if it is not there. Every replica's log is in its folder,\n"
      "DIR/replica-N/replica.log.\n\n" +
      std::string(durability_help));
}

}  // namespace

std::shared_ptr<CLI::App> describe_up() { return described<UpOptions>(describe_arguments); }

int run_up(const Arguments& arguments, const Streams& streams, const Program& program) {
  CLI::App app;
  UpOptions options;
  describe_arguments(app, options);
  if (const auto status = parse_arguments(app, arguments, streams)) return *status;
  const auto plan = plan_cluster(options.init, program.services);
  if (!plan) return fail(streams, "up", plan.reason());
  if (options.fresh && folder_state(options.directory) == FolderState::foreign) {
    return fail(streams, "up", empty_cluster_folder(options.directory)->reason);
  }
  if (options.fresh || folder_state(options.directory) == FolderState::absent) {
    if (const auto refused = groups_refusal(*plan)) return fail(streams, "up", refused->reason);
  }

  StopSignals stop;
  const auto lock = FolderLock::acquire(options.directory);
  if (!lock) return fail(streams, "up", lock.reason());
  auto prepared = prepare_cluster(options, *plan, streams);
  if (!prepared) return fail(streams, "up", prepared.reason());
  streams.out << std::flush;

  LocalCluster cluster(options.directory, std::move(prepared->file));
  if (const auto failure = cluster.start(stop, options.log_level)) {
    if (failure->stop_requested) return exit_ok;
    return fail(streams, "up", failure->reason, failure->bad_input ? exit_usage : exit_failed);
  }
  prepared->ports.reset();
  std::vector<ReplicaId> forgetful;
  if (!prepared->is_new) forgetful = find_forgetful(cluster, stop, options.directory, streams.program);
  const auto& membership = cluster.file().membership;
  const auto remember = membership.n() - static_cast<std::uint32_t>(forgetful.size());
  if (const auto lost = too_few_remember(options.directory, membership, remember, streams.program)) {
    cluster.stop();  // recover needs the folders for itself
    return stop.requested() ? exit_ok : fail(streams, "up", lost->reason);
  }
  print_serving(options.directory, cluster, forgetful, streams.program, streams.out);
  return attend_until_stopped(cluster, stop, options.directory, streams);
}

}  // namespace tagma::cli
