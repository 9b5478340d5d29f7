#include "client_lib/cli/admin/admin_command.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>

#include "client_lib/cli/admin/admin_report.h"
#include "client_lib/cli/call_command.h"
#include "client_lib/cli/cluster_folder.h"
#include "client_lib/cli/description.h"
#include "client_lib/cli/open_client.h"
#include "client_lib/cli/text_format.h"
#include "crypto/identity.h"
#include "replica/service/admin_rules.h"

namespace tagma::cli {
namespace {

struct AdminCommandOptions {
  std::string directory;
  AdminId admin = 0;
  std::int64_t timeout_ms = 10'000;
  bool json = false;
  std::string groups_file;
  std::string action;
  Words words;

  /// Whether it asks for a change of anything.
  [[nodiscard]] bool changes() const { return action == "propose" || action == "approve" || action == "withdraw"; }
};

void describe_arguments(CLI::App& app, AdminCommandOptions& options) {
  app.name("tagma admin");
  app.description(
      "Changes groups, clients and permissions of a running cluster. A change takes\n"
      "effect when more than half of the administrators want the same one.");
  add_directory_option(app, options.directory);
  app.add_option("--admin", options.admin, "Which administrator to be (default 0)")->type_name("N");
  app.add_option("--groups", options.groups_file, "Take the group to set from this file")->type_name("FILE");
  app.add_option("--timeout-ms", options.timeout_ms, "How long to wait for the reply (10000)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{86'400'000}).description(""))
      ->type_name("T");
  app.add_flag("--json", options.json, "The same as JSON");
  app.add_option("action", options.action, "What to do")
      ->required()
      ->check(CLI::IsMember({"propose", "approve", "withdraw", "show", "list", "clients"}).description(""))
      ->type_name("propose|approve|withdraw|show|list|clients");
  app.add_option("change", options.words, "The change to propose, or a proposal's number")->type_name("WORD");
  app.footer(
      "Changes:\n"
      "  group set NAME rule=median value=real members=0,1,2 faulty_max=1 ...\n"
      "  group set NAME --groups FILE        group remove NAME\n"
      "  client add NUMBER [KEY]             client remove NUMBER\n"
      "  permission set CLIENT SERVICE...    (or all, or none)\n\n"
      "Examples:\n"
      "  tagma admin propose client add 8 --admin 0\n"
      "  tagma admin approve 1 --admin 1\n"
      "  tagma admin list\n\n"
      "FILE is written as for init --groups. Without KEY a key is made in the cluster\n"
      "folder, for whoever will be that client. A number is given to one client for\n"
      "ever. Proposing what another administrator has proposed approves it. A lone\n"
      "proposal changes nothing.\n"
      "Exit status: 0 ok, 1 refused, 2 usage, 3 no quorum in time (outcome unknown).");
}

/// The group of this name in a file as for `init --groups`.
Result<Words> group_from_file(const std::string& path, const std::string& name) {
  const auto groups = read_groups_file(path);
  if (!groups) return Refused{groups.reason()};
  for (const auto& group : *groups) {
    if (group.name == name) return words_of(SetGroup{group});
  }
  return Refused{path + ": there is no group " + name + " in it"};
}

/// Fills in what the words leave to the folder: a group's definition, a new client's key. `made` is the folder that was
/// made for that, if one was.
Result<Words> completed_change(const AdminCommandOptions& options, KeyAlgorithm algorithm, std::string& made) {
  const auto& words = options.words;
  const auto begins = [&words](std::string_view first, std::string_view second) {
    return words.size() == 3 && words[0] == first && words[1] == second;
  };
  if (!options.groups_file.empty()) {
    if (begins("group", "set")) return group_from_file(options.groups_file, words[2]);
    return Refused{"--groups goes with: propose group set NAME"};
  }
  if (!begins("client", "add")) return words;
  const auto read = read_admin_change({"client", "remove", words[2]});  // judges the number alone
  if (!read) return Refused{read.reason()};
  const Principal client{PrincipalKind::client, std::get<RemoveClient>(*read).id};
  auto key = own_or_new_key(options.directory, client, algorithm);
  if (!key) return Refused{key.reason()};
  made = key->made;
  return Words{"client", "add", words[2], public_key_text(key->key)};
}

/// The operation, or what is wrong with the words.
Result<Bytes> operation_asked(const AdminCommandOptions& options, KeyAlgorithm algorithm, const ProgramName& program,
                              std::string& made) {
  Words words{Bytes(admin_service), options.action};
  if (options.action == "propose") {
    const auto change = completed_change(options, algorithm, made);
    if (!change) return Refused{change.reason()};
    const auto read = read_admin_change(*change);
    if (!read) return Refused{read.reason()};
    // A number is given once: not to bytes that are no point of the curve.
    if (const auto* add = std::get_if<AddClient>(&*read); add != nullptr && !crypto::Verifier::make(add->key)) {
      return Refused{change->back() + ": is no key; take it from whoever will be that client"};
    }
    words.insert(words.end(), change->begin(), change->end());
    return operation_of(words);
  }
  if (!options.groups_file.empty()) return Refused{"--groups goes with: propose group set NAME"};
  const bool of_one = options.action != "list" && options.action != "clients";
  if (options.words.size() != (of_one ? 1U : 0U)) {
    return Refused{"usage: " + program.word + " admin " + options.action + (of_one ? " NUMBER" : "")};
  }
  words.insert(words.end(), options.words.begin(), options.words.end());
  return operation_of(words);
}

template <typename Report, typename AsText>
int print(const Result<Report>& report, const AdminCommandOptions& options, const Streams& streams, AsText as_text) {
  if (!report) return fail(streams, "admin", report.reason(), exit_failed);
  if (options.json) {
    streams.out << to_json(*report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
  } else {
    streams.out << as_text(*report) << std::flush;
  }
  return exit_ok;
}

int print_answer(const Bytes& text, const AdminCommandOptions& options, const Streams& streams) {
  if (options.action == "list") return print(read_proposals(text), options, streams, proposals_table);
  if (options.action == "clients") return print(read_clients(text), options, streams, clients_table);
  const auto proposal = read_proposal(text);
  const auto as_text = [&](const ProposalReport& report) {
    return proposal_text(report, streams.program, directory_argument(options.directory));
  };
  const int status = print(proposal, options, streams, as_text);
  // Enough administrators wanted it, and it could not be.
  return status == exit_ok && proposal->state == "refused" && options.action != "show" ? exit_failed : status;
}

int fail_without_reply(const CallResult& result, const AdminCommandOptions& options, const Streams& streams) {
  const std::string look = streams.program.word + " admin" + directory_argument(options.directory) + " list";
  return fail(streams, "admin",
              result.error + "; " +
                  (options.changes() ? std::string(may_be_executed) + ": look at `" + look + "` before you ask again; "
                                     : std::string()) +
                  who_answers_hint(streams.program, options.directory),
              exit_no_quorum);
}

}  // namespace

std::shared_ptr<CLI::App> describe_admin() { return described<AdminCommandOptions>(describe_arguments); }

int run_admin(const Arguments& arguments, const Streams& streams, const Program& /*program*/) {
  CLI::App app;
  AdminCommandOptions options;
  describe_arguments(app, options);
  if (const auto status = parse_arguments(app, arguments, streams)) return *status;
  const std::chrono::milliseconds timeout(options.timeout_ms);
  // Who asks is known to be an administrator before a key is made for a new client.
  const auto admin = open_administrator(options.directory, options.admin, timeout, streams.program);
  if (!admin) return fail(streams, "admin", admin.reason());
  const auto file = open_cluster(options.directory, streams.program);
  if (!file) return fail(streams, "admin", file.reason());
  std::string made;
  const auto operation =
      operation_asked(options, file->membership.replicas.front().key.algorithm, streams.program, made);
  if (!operation) return fail(streams, "admin", operation.reason());
  const CallResult result = awaited_reply(**admin, *operation, {"admin", options.directory, timeout}, streams);
  if (result.status == CallStatus::invalid) return fail(streams, "admin", result.error);
  if (result.status != CallStatus::ok) return fail_without_reply(result, options, streams);
  if (result.reply.status != ReplyStatus::ok) {
    std::error_code ignored;  // nobody will be that client with this key
    if (!made.empty()) std::filesystem::remove_all(made, ignored);
    return fail(streams, "admin", problem_of(result.reply), exit_failed);
  }
  if (!made.empty()) {
    streams.err << for_error(streams, "made " + made +
                                          "/identity.key: hand it, with cluster.toml, to whoever will be " + "client " +
                                          options.words[2])
                << std::endl;
  }
  return print_answer(result.reply.text, options, streams);
}

}  // namespace tagma::cli
