#include "client_lib/cli/recover_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <ostream>

#include "client_lib/cli/cluster_folder.h"
#include "client_lib/cli/description.h"
#include "client_lib/cli/progress_line.h"
#include "client_lib/cli/text_format.h"
#include "replica/runtime/recovery.h"

namespace tagma::cli {
namespace {

struct RecoverOptions {
  std::string directory;
  bool yes = false;
};

void describe_arguments(CLI::App& app, RecoverOptions& options) {
  app.name("tagma recover");
  app.description("Begins a new cluster with what the replicas of a lost one together know.");
  add_directory_option(app, options.directory);
  app.add_flag("--yes", options.yes, "Do it; otherwise it is only told");
  app.footer(
      "Examples:\n"
      "  tagma recover\n"
      "  tagma recover --yes\n\n"
      "For the case in which fewer than a quorum remember, so that nobody can take the\n"
      "others back; while a quorum does, it refuses. All replicas must be stopped. Of\n"
      "replicas on other hosts bring the folder replica-N with its data here first, as\n"
      "far as there is any; afterwards take the new cluster.toml and replica-N back to\n"
      "each host.\n\n"
      "Taken are the highest state that a quorum certified or f+1 replicas share, and\n"
      "the slots behind it that any log knows. What no log knows is lost, and sessions\n"
      "of clients go on. The old data stays, as replica-N/data.of-ID. Exit status:\n"
      "0 done or told, 1 it failed on the way (it may be run again), 2 usage, a\n"
      "replica runs, a quorum remembers, or there is nothing to begin with. More on\n"
      "disks: disks.md, in docs/ of the source, or installed in share/doc/tagma.");
}

void print_found(const RecoveryPlan& plan, std::ostream& out) {
  for (const auto& found : plan.replicas) {
    out << "  replica " << left_aligned(std::to_string(found.id), 3);
    out << (found.state ? " state after slot " + with_commas(*found.state) : std::string(" no state"));
    if (found.log) out << ", log up to slot " << with_commas(found.last);
    if (!found.remark.empty()) out << "; " << found.remark;
    out << "\n";
  }
}

struct Remembering {
  std::uint32_t certainly = 0;     ///< replicas that remember all that they promised
  std::vector<ReplicaId> perhaps;  ///< that began another life: they do if the others had taken them back
};

/// Where a recovery was interrupted nobody remembers: it has moved their data.
Remembering who_remembers(const RecoveryPlan& plan, const std::string& directory, const ClusterId& cluster) {
  Remembering remember;
  for (const auto& found : plan.replicas) {
    std::error_code error;
    if (std::filesystem::exists(data_set_aside(directory, found.id, cluster), error)) return {};
    if (!found.log || !found.state || !found.remark.empty()) continue;
    if (is_in_first_life(directory, found.id, cluster)) ++remember.certainly;
    if (is_in_later_life(directory, found.id, cluster)) remember.perhaps.push_back(found.id);
  }
  return remember;
}

/// Why no new cluster is needed; nothing where it may be. In doubt it may be.
std::optional<std::string> why_not_needed(std::uint32_t remember, const std::string& directory,
                                          const Membership& membership, const ProgramName& program) {
  if (remember < membership.quorum()) return std::nullopt;
  const std::string who = remember == membership.n()
                              ? "all " + counted(remember, "replica") + " remember"
                              : std::to_string(remember) + " of " + counted(membership.n(), "replica") + " remember";
  return who + " what they promised: " + program.word + " up" + directory_argument(directory) + " starts this cluster" +
         (remember == membership.n() ? "" : ", which takes back those that do not") + ", and recover is not needed";
}

/// What to try before a new cluster, where it may well be that none is needed.
void print_doubt(const Remembering& remember, const std::string& directory, const Membership& membership,
                 const Streams& streams) {
  if (remember.certainly + remember.perhaps.size() < membership.quorum()) return;
  std::vector<std::string> ids;
  for (const ReplicaId id : remember.perhaps) ids.push_back(std::to_string(id));
  const bool one = ids.size() == 1;
  streams.out << "\n"
              << (one ? "Replica " : "Replicas ") << listed(ids)
              << " began another life after a loss of memory. If the "
              << "others had taken " << (one ? "it" : "them") << " back, a\nquorum remembers and no new cluster is "
              << "needed. Try this first, which finds out:\n  " << streams.program.word << " up"
              << directory_argument(directory) << "\n";
}

void print_plan(const RecoveryPlan& plan, const Membership& membership, std::ostream& out) {
  out << "\nBegins with the state after slot " << with_commas(plan.base) << " of replica " << plan.base_of
      << ", which ";
  if (plan.certified) {
    out << "a quorum certified";
  } else if (plan.vouchers >= membership.weak_quorum()) {
    out << counted(plan.vouchers, "replica") << " have";
  } else {
    out << "NOTHING PROVES: only " << counted(plan.vouchers, "replica") << " has it, and one may lie";
  }
  out << ".\n";
  if (plan.last > plan.base) {
    out << "On it the slots up to " << with_commas(plan.last) << " are executed: " << with_commas(plan.decided)
        << " known to be decided, " << with_commas(plan.prepared) << " prepared, " << with_commas(plan.recorded)
        << " only proposed (what they hold was perhaps not acknowledged).\n";
  }
  if (plan.conflict) {
    out << "At slot " << with_commas(*plan.conflict)
        << " the logs know different batches: somebody lied. The best known one is taken.\n";
  }
  if (plan.seen > plan.last) {
    out << "LOST: the slots from " << with_commas(plan.last + 1) << " to " << with_commas(plan.seen)
        << ", of which some log speaks, without what lies between.\n";
  }
  const bool all = std::all_of(plan.replicas.begin(), plan.replicas.end(), [](const auto& found) { return found.log; });
  if (!all) out << "What only the logs that cannot be read knew is lost, and cannot be told.\n";
}

}  // namespace

std::shared_ptr<CLI::App> describe_recover() { return described<RecoverOptions>(describe_arguments); }

int run_recover(const Arguments& arguments, const Streams& streams, const Program& program) {
  CLI::App app;
  RecoverOptions options;
  describe_arguments(app, options);
  if (const auto status = parse_arguments(app, arguments, streams)) return *status;
  const auto file = open_cluster(options.directory, streams.program);
  if (!file) return fail(streams, "recover", file.reason());
  const auto lock = FolderLock::acquire(options.directory);
  if (!lock) return fail(streams, "recover", lock.reason());
  for (const auto& replica : file->membership.replicas) {
    if (!replica_runs(options.directory, replica.id)) continue;
    return fail(streams, "recover", "replica " + std::to_string(replica.id) + " is running; stop all replicas first");
  }
  ProgressLine progress(streams, std::chrono::seconds(1));
  const RecoveryOptions recovery{options.directory, [&progress](const std::string& what) { progress.update(what); },
                                 [&](const std::string& what) {
                                   progress.clear();
                                   static_cast<void>(fail(streams, "recover", what));
                                 }};
  const auto plan = plan_recovery(recovery, program.services);
  progress.clear();
  if (!plan) return fail(streams, "recover", plan.reason());
  print_found(*plan, streams.out);
  const auto remember = who_remembers(*plan, options.directory, file->membership.cluster);
  if (const auto reason = why_not_needed(remember.certainly, options.directory, file->membership, streams.program)) {
    if (options.yes) return fail(streams, "recover", "nothing was changed: " + *reason);
    streams.out << "\nNothing was changed: " << *reason << "." << std::endl;
    return exit_ok;
  }
  print_plan(*plan, file->membership, streams.out);
  if (!options.yes) {
    print_doubt(remember, options.directory, file->membership, streams);
    streams.out << "\nNothing was changed. To begin a new cluster with it: " << streams.program.word << " recover"
                << directory_argument(options.directory) << " --yes" << std::endl;
    return exit_ok;
  }
  const auto recovered = recover(recovery, program.services);
  progress.clear();
  if (!recovered) return fail(streams, "recover", recovered.reason(), exit_failed);
  streams.out << "\nA new cluster, " << to_hex(recovered->membership.cluster.view()).substr(0, 12)
              << ", with the same keys and addresses. Clients need its cluster.toml. Next:\n  " << streams.program.word
              << " up" << directory_argument(options.directory) << std::endl;
  return exit_ok;
}

}  // namespace tagma::cli
