#include "client_lib/cli/replica_command.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <optional>

#include "client_lib/cli/cluster_folder.h"
#include "client_lib/cli/description.h"
#include "replica/runtime/replica_process.h"

namespace tagma::cli {
namespace {

struct ReplicaCommandOptions {
  std::string directory;
  ReplicaOptions replica;
};

void describe_arguments(CLI::App& app, ReplicaCommandOptions& options) {
  app.name("tagma replica");
  app.description("Runs one replica in the foreground; SIGTERM or Ctrl-C stops it.");
  add_directory_option(app, options.directory);
  auto& replica = options.replica;
  app.add_option("--id", replica.id, "Which replica of the cluster this is, from 0")->required()->type_name("N");
  app.add_option("--cluster", replica.cluster_file, "The cluster.toml (default: of DIR)")->type_name("FILE");
  app.add_option("--data", replica.data_directory, "Its data (default: DIR/replica-N/data)")->type_name("PATH");
  app.add_option("--identity", replica.identity_file, "Its secret key (default: beside FILE)")->type_name("KEY");
  app.add_flag("--keep-divergence", replica.keeps_divergence, "Do not repair a state that differs");
  add_log_level_option(app, replica.log_level);
  app.footer(
      "Examples:\n"
      "  tagma replica --id 0\n"
      "  tagma replica --cluster tagma-cluster/cluster.toml --id 0 --data /srv/r0\n"
      "  tagma replica --cluster c.toml --id 2 --data d2 --identity r2.key\n\n"
      "With --cluster and without --dir there must be a --data. Log lines go to\n"
      "standard error; the line with the word \"ready\" says that it serves. Exit\n"
      "status: 0 clean stop, 1 failure while running, 2 bad input. A replica whose\n"
      "data is lost or damaged takes the state from the others, who take it back. What\n"
      "it says of a disk that is full, damaged or gone is told by disks.md, in docs/\n"
      "of the source, or installed in share/doc/tagma.");
}

/// What was not given lies in the cluster folder. A cluster.toml that was given need not lie in one.
std::optional<std::string> complete_options(const CLI::App& app, ReplicaCommandOptions& options,
                                            const ProgramName& program) {
  auto& replica = options.replica;
  const bool named = app.count("--dir") > 0 || std::getenv("TAGMA_DIR") != nullptr;
  if (!replica.cluster_file.empty() && replica.data_directory.empty() && !named) {
    return "--data is missing: the folder where this replica keeps its data; with --dir it is DIR/replica-N/data";
  }
  if (replica.cluster_file.empty()) {
    const auto file = open_cluster(options.directory, program);
    if (!file) return file.reason();
    replica.cluster_file = cluster_file_path(options.directory);
  }
  if (replica.data_directory.empty()) replica.data_directory = data_path(options.directory, replica.id);
  return std::nullopt;
}

}  // namespace

std::shared_ptr<CLI::App> describe_replica() { return described<ReplicaCommandOptions>(describe_arguments); }

int run_replica_command(const Arguments& arguments, const Streams& streams, const Program& program) {
  CLI::App app;
  ReplicaCommandOptions options;
  describe_arguments(app, options);
  if (const auto status = parse_arguments(app, arguments, streams)) return *status;
  if (const auto reason = complete_options(app, options, streams.program)) return fail(streams, "replica", *reason);
  return run_replica(options.replica, program.services);
}

}  // namespace tagma::cli
