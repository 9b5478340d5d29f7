#include "client_lib/cli/group/group_command.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <ostream>

#include "client_lib/cli/call_command.h"
#include "client_lib/cli/description.h"
#include "client_lib/cli/group/group_report.h"
#include "client_lib/cli/open_client.h"

namespace tagma::cli {
namespace {

struct GroupOptions {
  std::string directory;
  ClientId client = 0;
  std::int64_t timeout_ms = 10'000;
  bool json = false;
  std::string question;
  std::string name;
  std::string round;
};

void describe_arguments(CLI::App& app, GroupOptions& options) {
  app.name("tagma group");
  app.description("Asks what groups of voting clients there are, and what they have decided.");
  add_directory_option(app, options.directory);
  add_client_option(app, options.client);
  app.add_option("--timeout-ms", options.timeout_ms, "How long to wait for the reply (10000)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{86'400'000}).description(""))
      ->type_name("T");
  app.add_flag("--json", options.json, "The same as JSON, with the same names");
  app.add_option("question", options.question, "What is asked")
      ->required()
      ->check(CLI::IsMember({"list", "show", "result"}).description(""))
      ->type_name("list|show|result");
  app.add_option("name", options.name, "The group, for show and result")->type_name("NAME");
  app.add_option("round", options.round, "From 1 on, for result")->type_name("ROUND");
  app.footer(
      "Examples:\n"
      "  tagma group list\n"
      "  tagma group show load\n"
      "  tagma group result load 12 --json\n\n"
      "Of each member show counts its votes, those that came late, were refused or\n"
      "disagreed with what was decided, and the rounds in which it was absent.\n"
      "Suspected is who was absent from three rounds in a row that ended by their\n"
      "deadline, or disagreed of late.\n"
      "Exit status: 0 ok, 1 the round is not over or not kept any more, or there is no\n"
      "such group; 2 usage, 3 no quorum in time.");
}

/// The operation, or what is wrong with the words.
Result<Bytes> operation_asked(const GroupOptions& options, const ProgramName& program) {
  Words words{"group", options.question};
  const std::size_t given = (options.name.empty() ? 0U : 1U) + (options.round.empty() ? 0U : 1U);
  std::size_t wanted = 0;
  if (options.question == "show") wanted = 1;
  if (options.question == "result") wanted = 2;
  if (given != wanted) {
    const std::string usage = wanted == 0 ? "list" : (wanted == 1 ? "show NAME" : "result NAME ROUND");
    return Refused{"usage: " + program.word + " group " + usage};
  }
  if (wanted > 0) words.push_back(options.name);
  if (wanted > 1) words.push_back(options.round);
  return operation_of(words);
}

template <typename Report>
int print(const Result<Report>& report, const GroupOptions& options, const Streams& streams,
          const std::function<std::string(const Report&)>& as_text) {
  if (!report) return fail(streams, "group", report.reason(), exit_failed);
  if (options.json) {
    streams.out << to_json(*report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
  } else {
    streams.out << as_text(*report) << std::flush;
  }
  return exit_ok;
}

int print_answer(const Bytes& text, const GroupOptions& options, const Streams& streams) {
  if (options.question == "list") {
    return print<std::vector<GroupSummary>>(read_group_list(text), options, streams, list_table);
  }
  if (options.question == "show") return print<GroupReport>(read_group_report(text), options, streams, group_table);
  return print<RoundResult>(read_round_result(text), options, streams, round_table);
}

}  // namespace

std::shared_ptr<CLI::App> describe_group() { return described<GroupOptions>(describe_arguments); }

int run_group(const Arguments& arguments, const Streams& streams, const Program& /*program*/) {
  CLI::App app;
  GroupOptions options;
  describe_arguments(app, options);
  if (const auto status = parse_arguments(app, arguments, streams)) return *status;
  const auto operation = operation_asked(options, streams.program);
  if (!operation) return fail(streams, "group", operation.reason());
  const std::chrono::milliseconds timeout(options.timeout_ms);
  const auto client = open_client(options.directory, options.client, timeout, 1, streams.program);
  if (!client) return fail(streams, "group", client.reason());
  const CallResult result = awaited_reply(**client, *operation, {"group", options.directory, timeout}, streams);
  if (result.status == CallStatus::invalid) return fail(streams, "group", result.error);
  if (result.status != CallStatus::ok) {
    return fail(streams, "group", result.error + "; " + who_answers_hint(streams.program, options.directory),
                exit_no_quorum);
  }
  if (result.reply.status != ReplyStatus::ok) {
    return fail(streams, "group", problem_of(result.reply), exit_failed);
  }
  return print_answer(result.reply.text, options, streams);
}

}  // namespace tagma::cli
