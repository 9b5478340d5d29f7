#include "client_lib/cli/command_line.h"

#include <array>
#include <exception>
#include <sstream>

#include "client_lib/cli/admin/admin_command.h"
#include "client_lib/cli/bench_command.h"
#include "client_lib/cli/call_command.h"
#include "client_lib/cli/completion/complete_command.h"
#include "client_lib/cli/diff_command.h"
#include "client_lib/cli/group/group_command.h"
#include "client_lib/cli/group/sense_command.h"
#include "client_lib/cli/init_command.h"
#include "client_lib/cli/inspect_command.h"
#include "client_lib/cli/load_command.h"
#include "client_lib/cli/recover_command.h"
#include "client_lib/cli/replica_command.h"
#include "client_lib/cli/shell/shell_command.h"
#include "client_lib/cli/status_command.h"
#include "client_lib/cli/up_command.h"

namespace tagma::cli {
namespace {

constexpr std::array<Command, 14> command_table{{
    {"up", "start a whole cluster here; Ctrl-C stops it", run_up, describe_up},
    {"call", "run one operation:  tagma call kv put city Nicaea", run_call, describe_call},
    {"shell", "a prompt on one session, with history and completion", run_shell, describe_shell},
    {"load", "write every line of a file as a key, then read all back", run_load, describe_load},
    {"status", "what each replica says about itself", run_status, describe_status},
    {"diff", "which keys differ between replicas, and since which slot", run_diff, describe_diff},
    {"group", "what groups of voting clients have decided", run_group, describe_group},
    {"sense", "vote in a group with the readings of a program or a file", run_sense, describe_sense},
    {"admin", "change groups, clients, permissions, if enough want it", run_admin, describe_admin},
    {"bench", "measure throughput and latency", run_bench, describe_bench},
    {"init", "write a cluster folder (addresses, keys), start nothing", run_init, describe_init},
    {"replica", "run one replica of a cluster folder in the foreground", run_replica_command, describe_replica},
    {"inspect", "read and verify what a stopped replica has on its disk", run_inspect, describe_inspect},
    {"recover", "begin a new cluster with what the replicas of a lost one know", run_recover, describe_recover},
}};

void print_help(const ProgramName& program, std::ostream& stream) {
  std::ostringstream out;
  out << "tagma " << TAGMA_VERSION << ": a service on 3f+1 hosts that answers correctly while f of them lie\n\n"
      << "usage: tagma COMMAND [OPTIONS]      (tagma COMMAND --help has examples)\n\n";
  for (const auto& command : command_table) {
    out << "  " << command.name << std::string(10 - command.name.size(), ' ') << command.summary << "\n";
  }
  out << "\nThe cluster folder is --dir DIR, or $TAGMA_DIR, or " << default_directory << ".\n"
      << "Exit status: 0 ok, 1 refused or failed, 2 usage, 3 no quorum in time.";
  stream << as_called(program, out.str()) << std::endl;
}

/// The command that the first argument names; where there is none, the exit status of the end.
struct Chosen {
  const Command* command = nullptr;
  int status = exit_usage;
};

Chosen choose(const Arguments& arguments, const Streams& streams) {
  if (arguments.empty()) {
    print_help(streams.program, streams.err);
    return {};
  }
  const std::string& name = arguments.front();
  if (name == "--help" || name == "-h" || name == "help") {
    print_help(streams.program, streams.out);
    return {nullptr, exit_ok};
  }
  if (name == "--version") {
    streams.out << "tagma " << TAGMA_VERSION << std::endl;
    return {nullptr, exit_ok};
  }
  for (const auto& command : command_table) {
    if (command.name == name) return {&command, exit_ok};
  }
  streams.err << streams.program.label << ": there is no command '" << for_error(streams, name) << "' ("
              << streams.program.word << " --help lists them)" << std::endl;
  return {};
}

Arguments behind_first(const Arguments& arguments) { return {arguments.begin() + 1, arguments.end()}; }

}  // namespace

std::span<const Command> commands() { return command_table; }

int run_command_line(const Arguments& arguments, const Streams& streams, const Program& program) {
  if (!arguments.empty() && arguments.front() == "complete") {
    return run_complete(behind_first(arguments), streams, program);
  }
  const auto [command, status] = choose(arguments, streams);
  if (command == nullptr) return status;
  try {
    return command->run(behind_first(arguments), streams, program);
  } catch (const std::exception& error) {
    // The system failed us (no memory, a full disk); what users can get wrong is refused in words before.
    return fail(streams, command->name, error.what(), exit_failed);
  }
}

std::optional<int> check_command_line(const Arguments& arguments, const Streams& streams) {
  const auto [command, status] = choose(arguments, streams);
  if (command == nullptr) return status;
  const auto app = command->describe();
  return parse_arguments(*app, behind_first(arguments), streams);
}

}  // namespace tagma::cli
