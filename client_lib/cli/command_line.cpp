#include "client_lib/cli/command_line.h"

#include <array>
#include <exception>
#include <ostream>

#include "client_lib/cli/bench_command.h"
#include "client_lib/cli/call_command.h"
#include "client_lib/cli/diff_command.h"
#include "client_lib/cli/init_command.h"
#include "client_lib/cli/load_command.h"
#include "client_lib/cli/replica_command.h"
#include "client_lib/cli/status_command.h"
#include "client_lib/cli/up_command.h"

namespace tagma::cli {
namespace {

struct Command {
  std::string_view name;
  std::string_view summary;
  int (*run)(const Arguments& arguments, const Streams& streams);
};

constexpr std::array<Command, 8> commands{{
    {"up", "start a whole cluster here; Ctrl-C stops it", run_up},
    {"call", "run one operation:  tagma call kv put city Nicaea", run_call},
    {"load", "write every line of a file as a key, then read all back", run_load},
    {"status", "what each replica says about itself", run_status},
    {"diff", "which keys differ between replicas, and since which slot", run_diff},
    {"bench", "measure throughput and latency", run_bench},
    {"init", "write a cluster folder (addresses, keys), start nothing", run_init},
    {"replica", "run one replica of a cluster folder in the foreground", run_replica_command},
}};

void print_help(std::ostream& out) {
  out << "tagma " << TAGMA_VERSION << ": a service on 3f+1 hosts that answers correctly while f of them lie\n\n"
      << "usage: tagma COMMAND [OPTIONS]      (tagma COMMAND --help has examples)\n\n";
  for (const auto& command : commands) {
    out << "  " << command.name << std::string(10 - command.name.size(), ' ') << command.summary << "\n";
  }
  out << "\nThe cluster folder is --dir DIR, or $TAGMA_DIR, or " << default_directory << ".\n"
      << "Exit status: 0 ok, 1 refused or failed, 2 usage, 3 no quorum in time." << std::endl;
}

}  // namespace

int run_command_line(const Arguments& arguments, const Streams& streams) {
  if (arguments.empty()) {
    print_help(streams.err);
    return exit_usage;
  }
  const std::string& name = arguments.front();
  if (name == "--help" || name == "-h" || name == "help") {
    print_help(streams.out);
    return exit_ok;
  }
  if (name == "--version") {
    streams.out << "tagma " << TAGMA_VERSION << std::endl;
    return exit_ok;
  }
  for (const auto& command : commands) {
    if (command.name != name) continue;
    try {
      return command.run(Arguments(arguments.begin() + 1, arguments.end()), streams);
    } catch (const std::exception& error) {
      // The system failed us (no memory, a full disk); what users can get wrong is refused in words before.
      return fail(streams, name, error.what(), exit_failed);
    }
  }
  streams.err << "tagma: there is no command '" << name << "' (tagma --help lists them)" << std::endl;
  return exit_usage;
}

}  // namespace tagma::cli
