#include "client_lib/cli/replica_command.h"

#include <CLI/CLI.hpp>

#include "replica/runtime/replica_process.h"

namespace tagma::cli {
namespace {

std::optional<int> read_arguments(const Arguments& arguments, const Streams& streams, ReplicaOptions& options) {
  CLI::App app("Runs one replica in the foreground; SIGTERM or Ctrl-C stops it.", "tagma replica");
  app.add_option("--cluster", options.cluster_file, "The cluster's cluster.toml")->required()->type_name("FILE");
  app.add_option("--id", options.id, "Which replica of it this is, from 0")->required()->type_name("N");
  app.add_option("--data", options.data_directory, "Its data folder; made if absent")->required()->type_name("PATH");
  app.add_option("--identity", options.identity_file, "Its secret key (default: beside FILE)")->type_name("KEY");
  app.add_option("--log-level", options.log_level, "debug, info (default), warn or error")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}).description(""))
      ->type_name("LEVEL");
  app.footer(
      "Examples:\n"
      "  tagma replica --cluster tagma-cluster/cluster.toml --id 0 --data /srv/r0\n"
      "  tagma replica --cluster c.toml --id 2 --data d2 --identity r2.key\n\n"
      "Log lines go to standard error; the line with the word \"ready\" says that it\n"
      "serves. Exit status: 0 clean stop, 1 failure while running, 2 bad input.");
  return parse_arguments(app, arguments, streams);
}

}  // namespace

std::optional<int> check_replica(const Arguments& arguments, const Streams& streams) {
  ReplicaOptions options;
  return read_arguments(arguments, streams, options);
}

int run_replica_command(const Arguments& arguments, const Streams& streams) {
  ReplicaOptions options;
  if (const auto status = read_arguments(arguments, streams, options)) return *status;
  return run_replica(options);
}

}  // namespace tagma::cli
