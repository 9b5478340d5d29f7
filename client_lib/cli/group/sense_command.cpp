#include "client_lib/cli/group/sense_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>

#include "client_lib/cli/cluster_folder.h"
#include "client_lib/cli/description.h"
#include "client_lib/cli/group/sense_session.h"
#include "client_lib/cli/group/sense_text.h"
#include "client_lib/cli/open_client.h"
#include "client_lib/cli/text_format.h"

namespace tagma::cli {
namespace {

struct SenseOptions {
  std::string directory;
  std::string group;
  std::uint32_t member = 0;
  std::optional<ClientId> client;
  std::string command;
  std::string file;
  std::string every = "500ms";
  std::uint64_t rounds = 0;
  std::string record;
  bool json = false;
};

void describe_arguments(CLI::App& app, SenseOptions& options) {
  app.name("tagma sense");
  app.description("Votes as a member of a group with the readings of a program or a file.");
  add_directory_option(app, options.directory);
  app.add_option("group", options.group, "The group's name")->required()->type_name("GROUP");
  app.add_option("--member", options.member, "Which of its members, from 0 on")->required()->type_name("K");
  app.add_option("--client", options.client, "Who that is, if cluster.toml does not say")->type_name("N");
  auto* const command =
      app.add_option("--command", options.command, "Prints readings, a line each")->type_name("PROGRAM");
  app.add_option("--file", options.file, "Its first line is the reading")->type_name("FILE")->excludes(command);
  app.add_option("--every", options.every, "A round per period (500ms)")->type_name("PERIOD");
  app.add_option("--rounds", options.rounds, "End after so many own votes")
      ->check(CLI::PositiveNumber.description(""))
      ->type_name("N");
  app.add_option("--record", options.record, "Append each counted vote")->type_name("FILE");
  app.add_flag("--json", options.json, "A JSON object per decided round");
  app.footer(
      "Examples:\n"
      "  tagma sense load --member 0 --file /proc/loadavg\n"
      "  tagma sense load --member 1 --command ./read-sensor --every 2s\n"
      "  tagma sense load --member 2 --command 'tail -n0 -F /var/log/sensor'\n\n"
      "The first word of a line is the vote: a number, lo..hi, or what the group votes\n"
      "on. PROGRAM is run by /bin/sh. One that prints a line and ends is run once per\n"
      "round; one that goes on printing is left to it, and its newest line is used. One\n"
      "that prints nothing in a period has no vote in this round. Periods begin at\n"
      "multiples of the machine's clock, so that all members are in the same round.\n"
      "A line per decided round goes to standard output. The record has round, value\n"
      "and Unix time in ms, with tabs between. Ctrl-C ends it with status 0.");
}

/// The task that the options and the cluster's file give, or what is wrong with them.
Result<SenseTask> task_of(const SenseOptions& options, const ClusterFile& file) {
  const std::string path = cluster_file_path(options.directory);
  const auto found = std::find_if(file.groups.begin(), file.groups.end(),
                                  [&](const auto& group) { return group.name == options.group; });
  if (found == file.groups.end() && !options.client) {
    std::vector<std::string> names;
    for (const auto& group : file.groups) names.push_back(group.name);
    return Refused{path + ": groups: there is none of the name " + options.group + "; there " +
                   (names.empty() ? "are none at all (tagma init --groups FILE lays them down)"
                                  : (names.size() == 1 ? "is " : "are ") + listed(names)) +
                   "; of one that administrators laid down later say whose member this is with --client N"};
  }
  const bool known = found != file.groups.end() && !options.client;
  if (known && options.member >= found->members.size()) {
    return Refused{"--member " + std::to_string(options.member) + ": the group " + options.group + " has " +
                   counted(found->members.size(), "member") + ", numbered from 0"};
  }
  if (options.command.empty() == options.file.empty()) {
    return Refused{"where do the readings come from? give --command PROGRAM or --file FILE"};
  }
  const auto period = read_period(options.every);
  if (!period) return Refused{period.reason()};
  SenseTask task;
  task.group.name = options.group;
  task.member = options.member;
  task.client = known ? found->members[options.member] : *options.client;
  task.period = *period;
  task.rounds = options.rounds;
  task.json = options.json;
  return task;
}

}  // namespace

std::shared_ptr<CLI::App> describe_sense() { return described<SenseOptions>(describe_arguments); }

int run_sense(const Arguments& arguments, const Streams& streams, const Program& /*program*/) {
  CLI::App app;
  SenseOptions options;
  describe_arguments(app, options);
  if (const auto status = parse_arguments(app, arguments, streams)) return *status;
  const auto file = open_cluster(options.directory, streams.program);
  if (!file) return fail(streams, "sense", file.reason());
  auto task = task_of(options, *file);
  if (!task) return fail(streams, "sense", task.reason());
  const ClientId id = task->client;
  std::ofstream record;
  if (!options.record.empty()) {
    record.open(options.record, std::ios::app);
    if (!record) {
      return fail(streams, "sense", options.record + ": cannot be written; choose another file with --record");
    }
    task->record = &record;
  }
  StopSignals stop;
  // A cluster that is away may come back: an operation is given up only when the program ends.
  constexpr std::chrono::hours timeout(24 * 365);
  task->open = [&] { return open_client(options.directory, id, timeout, 1, streams.program); };
  const auto source = options.command.empty() ? readings_of_file(options.file) : readings_of_program(options.command);
  return SenseSession(*std::move(task), *source, stop, streams).run();
}

}  // namespace tagma::cli
