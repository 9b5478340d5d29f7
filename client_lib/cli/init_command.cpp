#include "client_lib/cli/init_command.h"

#include <CLI/CLI.hpp>
#include <ostream>

#include "client_lib/cli/addresses.h"
#include "client_lib/cli/cluster_folder.h"
#include "client_lib/cli/description.h"
#include "client_lib/cli/text_format.h"

namespace tagma::cli {
namespace {

struct InitCommandOptions {
  std::string directory;
  InitOptions init;
};

void print_created(const std::string& directory, const CreatedCluster& created, std::ostream& out) {
  const auto& file = created.file;
  const auto& membership = file.membership;
  const auto line = [&](const std::string& path, const std::string& what) {
    out << "  " << left_aligned(path, 26) << " " << what << "\n";
  };
  out << "A new cluster in " << directory << ": " << counted(membership.n(), "replica") << ", tolerates "
      << counted(membership.faults, "fault") << ", quorum " << membership.quorum() << "\n";
  line("cluster.toml", "public: addresses, keys, limits; give it to everybody");
  for (const auto& replica : membership.replicas) {
    line("replica-" + std::to_string(replica.id) + "/identity.key",
         "secret; " + short_address(replica.replica_address) + ", clients " + short_address(replica.client_address));
  }
  const auto range = [](const std::string& name, std::size_t count) {
    return name + "-" + (count == 1 ? "0" : "{0.." + std::to_string(count - 1) + "}") + "/identity.key";
  };
  line("replica-N/genesis", "lets replica N begin, once; without it an empty disk is a lost one");
  line(range("client", membership.clients.size()), counted(membership.clients.size(), "secret"));
  if (!membership.admins.empty()) {
    line(range("admin", membership.admins.size()), counted(membership.admins.size(), "secret"));
  }
  out << "Services: " << listed(file.services) << ". Durability: " << tagma::to_string(file.durability) << ".\n";
  if (!file.groups.empty()) {
    std::vector<std::string> names;
    for (const auto& group : file.groups) names.push_back(group.name);
    out << "Groups: " << listed(names) << ".\n";
  }
  if (!created.note.empty()) out << "Note: " << created.note << ".\n";
}

void print_next(const std::string& directory, bool on_hosts, const ProgramName& program, std::ostream& out) {
  out << "\nNext:\n";
  if (on_hosts) {
    out << "  copy cluster.toml and move the whole folder replica-N to host N (a copy that stays\n"
        << "  behind, with its file genesis, could let the replica begin twice), and there run\n"
        << "  " << program.word << " replica --cluster " << shell_word(cluster_file_path(directory))
        << " --id N --data PATH\n";
  } else {
    out << "  " << program.word << " up" << directory_argument(directory) << "\n";
  }
  out << std::flush;
}

void describe_arguments(CLI::App& app, InitCommandOptions& options) {
  app.name("tagma init");
  app.description("Writes a cluster folder: cluster.toml (public) and a secret key per member.");
  add_directory_option(app, options.directory);
  add_init_options(app, options.init);
  app.footer(
      "Examples:\n"
      "  tagma init\n"
      "  tagma init --dir /srv/c7 --replicas 7 --clients 100 --base-port 7000\n"
      "  tagma init --hosts 10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4 --service kv\n"
      "  tagma init --groups groups.toml --clock-window-ms 250      (docs/groups.md)\n\n" +
      std::string(durability_help));
}

}  // namespace

std::shared_ptr<CLI::App> describe_init() { return described<InitCommandOptions>(describe_arguments); }

int run_init(const Arguments& arguments, const Streams& streams, const Program& program) {
  CLI::App app;
  InitCommandOptions options;
  describe_arguments(app, options);
  if (const auto status = parse_arguments(app, arguments, streams)) return *status;
  const auto plan = plan_cluster(options.init, program.services);
  if (!plan) return fail(streams, "init", plan.reason());
  if (const auto refused = groups_refusal(*plan)) return fail(streams, "init", refused->reason);
  const auto created = create_cluster(options.directory, *plan, streams.program);
  if (!created) return fail(streams, "init", created.reason());
  print_created(options.directory, *created, streams.out);
  print_next(options.directory, !plan->hosts.empty(), streams.program, streams.out);
  return exit_ok;
}

}  // namespace tagma::cli
