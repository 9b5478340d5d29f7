#include "client_lib/cli/replica_command.h"

#include <CLI/CLI.hpp>

#include "client_lib/cli/description.h"
#include "replica/runtime/replica_process.h"

namespace tagma::cli {
namespace {

void describe_arguments(CLI::App& app, ReplicaOptions& options) {
  app.name("tagma replica");
  app.description("Runs one replica in the foreground; SIGTERM or Ctrl-C stops it.");
  app.add_option("--cluster", options.cluster_file, "The cluster's cluster.toml")->required()->type_name("FILE");
  app.add_option("--id", options.id, "Which replica of it this is, from 0")->required()->type_name("N");
  app.add_option("--data", options.data_directory, "Its data folder; made if absent")->required()->type_name("PATH");
  app.add_option("--identity", options.identity_file, "Its secret key (default: beside FILE)")->type_name("KEY");
  add_log_level_option(app, options.log_level);
  app.footer(
      "Examples:\n"
      "  tagma replica --cluster tagma-cluster/cluster.toml --id 0 --data /srv/r0\n"
      "  tagma replica --cluster c.toml --id 2 --data d2 --identity r2.key\n\n"
      "Log lines go to standard error; the line with the word \"ready\" says that it\n"
      "serves. Exit status: 0 clean stop, 1 failure while running, 2 bad input.");
}

}  // namespace

std::shared_ptr<CLI::App> describe_replica() { return described<ReplicaOptions>(describe_arguments); }

int run_replica_command(const Arguments& arguments, const Streams& streams, const Program& program) {
  CLI::App app;
  ReplicaOptions options;
  describe_arguments(app, options);
  if (const auto status = parse_arguments(app, arguments, streams)) return *status;
  return run_replica(options, program.services);
}

}  // namespace tagma::cli
