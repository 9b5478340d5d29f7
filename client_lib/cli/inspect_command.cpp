#include "client_lib/cli/inspect_command.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <ostream>

#include "client_lib/cli/cluster_folder.h"
#include "client_lib/cli/description.h"
#include "client_lib/cli/progress_line.h"
#include "client_lib/cli/text_format.h"
#include "replica/runtime/data_inspection.h"

namespace tagma::cli {
namespace {

struct InspectOptions {
  std::string directory;
  bool json = false;
};

constexpr std::string_view mend =
    "start the replica: it sets what is damaged aside, fetches the state from the others, and where the log is damaged "
    "asks them to take it back; until it votes it is one of the f that may fail";

void describe_arguments(CLI::App& app, InspectOptions& options) {
  app.name("tagma inspect");
  app.description("Reads and verifies the log and the state of a stopped replica.");
  app.add_option("DIR", options.directory, "The replica's data folder")->required()->type_name("");
  app.add_flag("--json", options.json, "The same as JSON");
  app.footer(
      "Examples:\n"
      "  tagma inspect ./tagma-cluster/replica-2/data\n"
      "  tagma inspect /var/lib/tagma/replica-2 --json\n\n"
      "Nothing is changed. Exit status: 0 all is whole, 1 damage (the first that was\n"
      "found, and what to do), 2 no such folder, or its replica runs.");
}

std::string log_text(const LogInspection& log) {
  std::string text = counted(log.groups, "group") + ": ";
  if (log.last == 0) {
    text += "no records of slots";
  } else {
    text += "of slots " + with_commas(log.first) + " to " + with_commas(log.last) + ", " +
            with_commas(log.pre_prepared) + " recorded, " + with_commas(log.prepared) + " prepared, " +
            with_commas(log.decided) + " decided";
  }
  text += log.certificate == 0 ? "; no stable checkpoint" : "; stable checkpoint " + with_commas(log.certificate);
  if (log.torn_bytes > 0) {
    text += "; " + counted(log.torn_bytes, "byte") + " of a write that a crash cut short, which promised nothing";
  }
  return text;
}

std::string state_text(const StateInspection& state) {
  return "after slot " + with_commas(state.seq) + ": " + counted(state.keys, "key") + " in " +
         counted(state.file_bytes, "byte") + ", root " + to_hex(state.root.view());
}

void print_text(const InspectOptions& options, const DataInspection& found, std::ostream& out) {
  out << options.directory << ": of a replica of cluster " << to_hex(found.cluster.view()) << "\n";
  if (found.life != LifeNonce{}) {
    out << "  life   " << to_hex(found.life.view()).substr(0, 16) << ", begun after a loss of memory\n";
  }
  if (!found.on_disk) out << "  durability memory: nothing is kept but the mark that it has started\n";
  if (found.log) out << "  log    " << log_text(*found.log) << "\n";
  if (found.state) out << "  state  " << state_text(*found.state) << "\n";
  if (found.on_disk && !found.damage) out << "All of it is as it was written.\n";
  if (found.ahead_of_disk) {
    out << "But with durability async it may have promised more than was written when it was killed: it has lost its\n"
           "memory, and the next start begins another life.\n";
  }
  out << std::flush;
}

nlohmann::json to_json(const DataInspection& found) {
  nlohmann::json json = {{"cluster", to_hex(found.cluster.view())},
                         {"life", to_hex(found.life.view())},
                         {"ahead_of_disk", found.ahead_of_disk},
                         {"on_disk", found.on_disk},
                         {"log", nullptr},
                         {"state", nullptr},
                         {"damage", nullptr}};
  if (found.log) {
    json["log"] = {{"groups", found.log->groups},
                   {"torn_bytes", found.log->torn_bytes},
                   {"pre_prepared", found.log->pre_prepared},
                   {"prepared", found.log->prepared},
                   {"decided", found.log->decided},
                   {"first_slot", found.log->first},
                   {"last_slot", found.log->last},
                   {"stable_checkpoint", found.log->certificate}};
  }
  if (found.state) {
    json["state"] = {{"seq", found.state->seq},
                     {"root", to_hex(found.state->root.view())},
                     {"keys", found.state->keys},
                     {"file_bytes", found.state->file_bytes}};
  }
  if (found.damage) json["damage"] = *found.damage;
  return json;
}

}  // namespace

std::shared_ptr<CLI::App> describe_inspect() { return described<InspectOptions>(describe_arguments); }

int run_inspect(const Arguments& arguments, const Streams& streams, const Program& /*program*/) {
  CLI::App app;
  InspectOptions options;
  describe_arguments(app, options);
  if (const auto status = parse_arguments(app, arguments, streams)) return *status;
  // Asked before the folder is opened as a replica opens it: that would give a replica's advice.
  if (data_in_use(options.directory)) {
    return fail(
        streams, "inspect",
        options.directory + ": locked by another process; stop the replica that runs on it, and inspect it then");
  }
  ProgressLine progress(streams, std::chrono::seconds(2));
  const auto found = inspect_data(options.directory, [&progress](std::uint64_t done, std::uint64_t total) {
    progress.update("verified " + with_commas(done) + " of " + counted(total, "record"));
  });
  progress.clear();
  if (!found) return fail(streams, "inspect", found.reason());
  if (options.json) {
    streams.out << to_json(*found).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
  } else {
    print_text(options, *found, streams.out);
  }
  if (!found->damage) return exit_ok;
  return fail(streams, "inspect", *found->damage + "; " + std::string(mend), exit_failed);
}

}  // namespace tagma::cli
