#include "client_lib/cli/status_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "client_lib/cli/answer_text.h"
#include "client_lib/cli/cluster_folder.h"
#include "client_lib/cli/description.h"
#include "client_lib/cli/open_client.h"
#include "client_lib/cli/status_summary.h"
#include "client_lib/cli/text_format.h"

namespace tagma::cli {
namespace {

struct StatusOptions {
  std::string directory;
  ClientId client = 0;
  std::int64_t timeout_ms = 2'000;
  bool counters = false;
  bool json = false;
};

std::string role_of(const Membership& membership, ReplicaId id, const Report& report) {
  return membership.primary(report.view) == id ? "primary" : "backup";
}

/// The primary of the (f+1)-th largest view that is reported: a correct replica is there or was.
ReplicaId expected_primary(const Membership& membership, const std::vector<ReplicaReport>& reports) {
  std::vector<View> views;
  for (const auto& replica : reports) {
    if (replica.answered) views.push_back(replica.report.view);
  }
  std::sort(views.rbegin(), views.rend());
  return membership.primary(views.size() > membership.faults ? views[membership.faults] : 0);
}

/// The primary where others answer and it does not: the next request will have to wait for another one.
std::optional<ReplicaId> silent_primary(const Membership& membership, const std::vector<ReplicaReport>& reports) {
  const ReplicaId primary = expected_primary(membership, reports);
  const bool silent = std::any_of(reports.begin(), reports.end(),
                                  [&](const auto& replica) { return replica.id == primary && !replica.answered; });
  return silent && any_answered(reports) ? std::optional(primary) : std::nullopt;
}

nlohmann::json replica_json(const Membership& membership, const ReplicaReport& replica) {
  const auto& report = replica.report;
  if (!replica.answered) {
    nlohmann::json json = {{"id", replica.id}, {"answered", false}};
    for (const char* name : {"role", "view", "last_executed", "stable_checkpoint", "state_digest", "state_digest_seq",
                             "epoch", "incarnation", "voting"}) {
      json[name] = nullptr;
    }
    return json;
  }
  nlohmann::json counters = nlohmann::json::object();
  for (const auto& [name, count] : report.counters) counters[name] = count;
  return {{"id", replica.id},
          {"answered", true},
          {"role", role_of(membership, replica.id, report)},
          {"view", report.view},
          {"last_executed", report.last_executed},
          {"stable_checkpoint", report.stable_checkpoint},
          {"state_digest", to_hex(report.state_digest.view())},
          {"state_digest_seq", report.state_digest_seq},
          {"epoch", report.epoch},
          {"incarnation", report.incarnation},
          {"voting", report.voting},
          {"round_trip_us", replica.round_trip_us},
          {"counters", std::move(counters)}};
}

nlohmann::json members_json(const std::vector<MemberReport>& members) {
  nlohmann::json json = nlohmann::json::array();
  for (const auto& member : members) {
    json.push_back({{"group", member.group},
                    {"member", member.member},
                    {"client", member.client},
                    {"votes", member.votes},
                    {"late", member.late},
                    {"disagreeing", member.disagreeing},
                    {"suspected", member.suspected}});
  }
  return json;
}

/// Of groups: who votes, and how well.
void print_members(const std::vector<MemberReport>& members, std::uint64_t others, const ProgramName& program,
                   std::ostream& out) {
  if (members.empty()) return;
  std::vector<std::vector<std::string>> rows{
      {"group", "member", "client", "votes", "late", "disagreeing", "suspected"}};
  for (const auto& member : members) {
    rows.push_back({member.group, std::to_string(member.member), std::to_string(member.client),
                    std::to_string(member.votes), std::to_string(member.late), std::to_string(member.disagreeing),
                    member.suspected ? "yes" : "no"});
  }
  out << "\n" << table_of(rows);
  if (others > 0) out << "and " << counted(others, "member") << " more; " << program.word << " group show NAME\n";
  out << std::flush;
}

void print_json(const ClusterFile& file, const std::vector<ReplicaReport>& reports, const StatusSummary& summary,
                std::ostream& out) {
  nlohmann::json replicas = nlohmann::json::array();
  for (const auto& replica : reports) replicas.push_back(replica_json(file.membership, replica));
  const nlohmann::json json = {{"cluster", to_hex(file.membership.cluster.view())},
                               {"n", file.membership.n()},
                               {"f", file.membership.faults},
                               {"quorum", file.membership.quorum()},
                               {"durability", tagma::to_string(file.durability)},
                               {"answered", summary.answered},
                               {"quorum_agrees", summary.quorum_agrees},
                               {"voting", summary.voting},
                               {"quorum_votes", summary.quorum_votes},
                               {"primary_answers", any_answered(reports) && !silent_primary(file.membership, reports)},
                               {"differing", summary.differing},
                               {"alarmed", summary.alarmed},
                               {"group_members", members_json(member_reports(file.membership, reports))},
                               {"replicas", std::move(replicas)}};
  out << json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
}

void print_table(const Membership& membership, const std::vector<ReplicaReport>& reports, std::int64_t timeout_ms,
                 std::ostream& out) {
  out << " id  role      view   executed     stable  digest        at seq  votes  rtt\n";
  for (const auto& replica : reports) {
    const auto& report = replica.report;
    out << right_aligned(std::to_string(replica.id), 3) << "  ";
    if (!replica.answered) {
      // Who leads is what replicas say, and this one says nothing; print_summary() tells what follows from that.
      out << left_aligned("-", 8) << "  no answer within " << timeout_ms << " ms\n";
      continue;
    }
    const bool has_digest = report.state_digest_seq > 0;
    out << left_aligned(role_of(membership, replica.id, report), 8) << right_aligned(std::to_string(report.view), 6)
        << right_aligned(std::to_string(report.last_executed), 11)
        << right_aligned(std::to_string(report.stable_checkpoint), 11) << "  "
        << left_aligned(has_digest ? to_hex(report.state_digest.view()).substr(0, 10) : "none", 10)
        << right_aligned(has_digest ? std::to_string(report.state_digest_seq) : "", 10) << "  "
        << left_aligned(report.voting ? "yes" : "NO", 5) << right_aligned(duration_text(replica.round_trip_us), 9)
        << "\n";
  }
}

std::string joined(const std::vector<ReplicaId>& ids) {
  std::string text;
  for (const ReplicaId id : ids) text += (text.empty() ? "" : ", ") + std::to_string(id);
  return text;
}

void print_summary(const Membership& membership, const std::vector<ReplicaReport>& reports,
                   const StatusSummary& summary, const ProgramName& program, std::ostream& out) {
  out << "\n" << summary.answered << " of " << counted(membership.n(), "replica") << " answered";
  if (summary.agreed_seq > 0) {
    out << "; " << summary.agreeing_at_seq << " have the same state at seq " << summary.agreed_seq;
  }
  out << "\n";
  for (const ReplicaId id : summary.differing) {
    out << "DIFFERS: replica " << id << " has another state at the same seq; " << program.word
        << " diff says in what\n";
  }
  for (const ReplicaId id : summary.alarmed) {
    out << "ALARM: replica " << id << " has stopped by itself; its log says why, and " << program.word
        << " diff whether its state differs\n";
  }
  if (const auto primary = silent_primary(membership, reports)) {
    out << "the primary (replica " << *primary << ") does not answer"
        << (summary.quorum_agrees ? ": the next request brings another" : "") << "\n";
  }
  for (const auto& replica : reports) {
    if (replica.answered && !replica.report.voting) {
      out << "replica " << replica.id << " does not vote: " << why_not_voting(replica.report) << "\n";
    } else if (const auto lack = no_room(replica.report); replica.answered && lack) {
      out << "replica " << replica.id << " votes until its window of slots is full: " << *lack << "\n";
    }
  }
  for (const auto& accusation : accusations(reports)) {
    out << "replica " << accusation.accused << " contradicts itself, "
        << (accusation.accusers.size() == 1 ? "says replica " : "say replicas ") << joined(accusation.accusers);
    if (!accusation.first.empty()) out << ": " << accusation.first;
    out << "\n";
  }
  if (!summary.quorum_agrees) {
    out << "no quorum: " << membership.quorum() << " replicas that answer and agree are needed\n";
  } else if (!summary.quorum_votes) {
    out << summary.voting << " of " << membership.n() << " vote, " << membership.quorum()
        << " are needed: nothing can be ordered\n";
  }
  out << std::flush;
}

void print_counters(const std::vector<ReplicaReport>& reports, std::ostream& out) {
  for (const auto& replica : reports) {
    if (!replica.answered) continue;
    out << "\nreplica " << replica.id << "\n";
    for (const auto& [name, count] : replica.report.counters) {
      out << right_aligned(with_commas(count), 16) << "  " << name << "\n";
    }
  }
  out << std::flush;
}

void describe_arguments(CLI::App& app, StatusOptions& options) {
  app.name("tagma status");
  app.description("Asks every replica how it is, and compares their answers.");
  add_directory_option(app, options.directory);
  add_client_option(app, options.client);
  app.add_option("--timeout-ms", options.timeout_ms, "How long to wait for answers (2000)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{3'600'000}).description(""))
      ->type_name("T");
  app.add_flag("--counters", options.counters, "Each replica's counts, refusals included");
  app.add_flag("--json", options.json, "Everything as JSON");
  app.footer(
      "Examples:\n"
      "  tagma status\n"
      "  tagma status --dir /tmp/c7 --counters\n"
      "  tagma status --json\n\n"
      "The columns: the replica's id; its role and view, the leadership period; the\n"
      "last slot that it has executed; its last stable checkpoint; the digest of its\n"
      "state at its newest checkpoint, and the slot of that (seq); whether it votes;\n"
      "the round-trip time of the question. Digests at the same seq must be alike.\n"
      "Exit status: 0 a quorum answered, agrees and votes, 2 usage, 3 no quorum.");
}

void print_text(const ClusterFile& file, const StatusOptions& options, const std::vector<ReplicaReport>& reports,
                const StatusSummary& summary, const ProgramName& program, std::ostream& out) {
  const auto& membership = file.membership;
  out << "Cluster " << to_hex(membership.cluster.view()).substr(0, 12) << " in " << options.directory
      << ": n = " << membership.n() << ", f = " << membership.faults << ", quorum " << membership.quorum()
      << ", durability " << tagma::to_string(file.durability) << "\n\n";
  print_table(membership, reports, options.timeout_ms, out);
  print_summary(membership, reports, summary, program, out);
  std::uint64_t others = 0;
  for (const auto& replica : reports) {
    others = std::max(others, counter_if_told(replica.report, "members of groups not told").value_or(0));
  }
  print_members(member_reports(membership, reports), others, program, out);
  if (options.counters) print_counters(reports, out);
}

/// Where the cluster does not come back by itself.
std::optional<std::string> what_to_do(const Membership& membership, const std::string& directory,
                                      const StatusSummary& summary, const ProgramName& program) {
  if (summary.answered == 0) return no_replica_hint(program, directory);
  const auto remember = membership.n() - static_cast<std::uint32_t>(summary.forgetful.size());
  const auto lost = too_few_remember(directory, membership, remember, program);
  return lost ? std::optional(lost->reason) : std::nullopt;
}

}  // namespace

int show_status(Client& client, const std::string& directory, const ClusterFile& file, const Streams& streams) {
  StatusOptions options;
  options.directory = directory;
  const auto reports = client.reports(std::chrono::milliseconds(options.timeout_ms));
  const auto summary = summarise(file.membership, reports);
  print_text(file, options, reports, summary, streams.program, streams.out);
  if (const auto hint = what_to_do(file.membership, directory, summary, streams.program)) {
    streams.err << for_error(streams, *hint) << std::endl;
  }
  return summary.quorum_agrees && summary.quorum_votes ? exit_ok : exit_no_quorum;
}

std::shared_ptr<CLI::App> describe_status() { return described<StatusOptions>(describe_arguments); }

int run_status(const Arguments& arguments, const Streams& streams, const Program& /*program*/) {
  CLI::App app;
  StatusOptions options;
  describe_arguments(app, options);
  if (const auto status = parse_arguments(app, arguments, streams)) return *status;
  const auto file = open_cluster(options.directory, streams.program);
  if (!file) return fail(streams, "status", file.reason());
  const std::chrono::milliseconds timeout(options.timeout_ms);
  const auto client = open_client(options.directory, options.client, timeout, 1, streams.program);
  if (!client) return fail(streams, "status", client.reason());
  const auto reports = (*client)->reports(timeout);
  const auto summary = summarise(file->membership, reports);
  if (options.json) {
    print_json(*file, reports, summary, streams.out);
  } else {
    print_text(*file, options, reports, summary, streams.program, streams.out);
  }
  if (const auto hint = what_to_do(file->membership, options.directory, summary, streams.program)) {
    fail(streams, "status", *hint);
  }
  return summary.quorum_agrees && summary.quorum_votes ? exit_ok : exit_no_quorum;
}

}  // namespace tagma::cli
