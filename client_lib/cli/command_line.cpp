#include "client_lib/cli/command_line.h"

#include <array>
#include <exception>
#include <ostream>

#include "client_lib/cli/bench_command.h"
#include "client_lib/cli/call_command.h"
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
  std::optional<int> (*check)(const Arguments& arguments, const Streams& streams);
};

constexpr std::array<Command, 7> commands{{
    {"up", "start a whole cluster here; Ctrl-C stops it", run_up, check_up},
    {"call", "run one operation:  tagma call kv put city Nicaea", run_call, check_call},
    {"load", "write every line of a file as a key, then read all back", run_load, check_load},
    {"status", "what each replica says about itself", run_status, check_status},
    {"bench", "measure throughput and latency", run_bench, check_bench},
    {"init", "write a cluster folder (addresses, keys), start nothing", run_init, check_init},
    {"replica", "run one replica of a cluster folder in the foreground", run_replica_command, check_replica},
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

/// The command that the first argument names; where there is none, the exit status of the end.
struct Chosen {
  const Command* command = nullptr;
  int status = exit_usage;
};

Chosen choose(const Arguments& arguments, const Streams& streams) {
  if (arguments.empty()) {
    print_help(streams.err);
    return {};
  }
  const std::string& name = arguments.front();
  if (name == "--help" || name == "-h" || name == "help") {
    print_help(streams.out);
    return {nullptr, exit_ok};
  }
  if (name == "--version") {
    streams.out << "tagma " << TAGMA_VERSION << std::endl;
    return {nullptr, exit_ok};
  }
  for (const auto& command : commands) {
    if (command.name == name) return {&command};
  }
  streams.err << "tagma: there is no command '" << name << "' (tagma --help lists them)" << std::endl;
  return {};
}

}  // namespace

int run_command_line(const Arguments& arguments, const Streams& streams) {
  const auto [command, status] = choose(arguments, streams);
  if (command == nullptr) return status;
  try {
    return command->run(Arguments(arguments.begin() + 1, arguments.end()), streams);
  } catch (const std::exception& error) {
    // The system failed us (no memory, a full disk); what users can get wrong is refused in words before.
    return fail(streams, command->name, error.what(), exit_failed);
  }
}

std::optional<int> check_command_line(const Arguments& arguments, const Streams& streams) {
  const auto [command, status] = choose(arguments, streams);
  if (command == nullptr) return status;
  return command->check(Arguments(arguments.begin() + 1, arguments.end()), streams);
}

}  // namespace tagma::cli
