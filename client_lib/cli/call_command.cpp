#include "client_lib/cli/call_command.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <ostream>

#include "client_lib/cli/description.h"
#include "client_lib/cli/open_client.h"
#include "client_lib/cli/text_format.h"

namespace tagma::cli {
namespace {

struct CallOptions {
  std::string directory;
  ClientId client = 0;
  std::int64_t timeout_ms = 10'000;
  bool json = false;
  Words words;
};

std::string json_text(const nlohmann::json& json) {
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

bool is_utf8(const Bytes& text) {
  try {
    static_cast<void>(nlohmann::json(text).dump());
    return true;
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

std::string_view status_name(ReplyStatus status) {
  switch (status) {
    case ReplyStatus::ok: return "ok";
    case ReplyStatus::absent: return "absent";
    case ReplyStatus::refused: return "refused";
  }
  return "unknown";
}

void print_reply_json(const CallResult& result, std::ostream& out) {
  nlohmann::json json = {{"status", status_name(result.reply.status)},
                         {"reply", result.reply.text},
                         {"seq", result.seq},
                         {"view", result.view},
                         {"matching", result.matching},
                         {"latency_us", result.latency_us}};
  if (!is_utf8(result.reply.text)) json["reply_hex"] = to_hex(result.reply.text);
  out << json_text(json) << std::endl;
}

/// No agreed reply: what happened to the operation cannot be told.
int report_unknown(const CallOptions& options, const CallResult& result, const Streams& streams) {
  if (options.json) {
    const nlohmann::json json = {{"status", "unknown"},
                                 {"reply", nullptr},
                                 {"seq", nullptr},
                                 {"view", nullptr},
                                 {"matching", result.matching},
                                 {"latency_us", result.latency_us},
                                 {"error", result.error}};
    streams.out << json_text(json) << std::endl;
  }
  const std::string cause = result.error + "; " + std::string(may_be_executed);
  return fail(streams, "call", cause + "; " + who_answers_hint(streams.program, options.directory), exit_no_quorum);
}

int report_reply(const CallOptions& options, const CallResult& result, const Streams& streams) {
  const auto& reply = result.reply;
  if (options.json) print_reply_json(result, streams.out);
  if (reply.status == ReplyStatus::ok) {
    if (!options.json) streams.out << reply.text << std::endl;
    return exit_ok;
  }
  return fail(streams, "call", problem_of(reply), exit_failed);
}

void describe_arguments(CLI::App& app, CallOptions& options) {
  app.name("tagma call");
  app.description("Runs one operation; its reply is what f+1 replicas agree on.");
  add_directory_option(app, options.directory);
  add_client_option(app, options.client);
  app.add_option("--timeout-ms", options.timeout_ms, "How long to wait for the reply (10000)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{86'400'000}).description(""))
      ->type_name("T");
  app.add_flag("--json", options.json, "Reply, slot, view, votes and latency as JSON");
  app.add_option("operation", options.words, "Service, verb, arguments")->type_name("");
  app.footer(
      "Examples:\n"
      "  tagma call kv put city Nicaea          tagma call kv get city\n"
      "  tagma call kv cas city Nicaea Iznik    tagma call kv delete city\n"
      "  tagma call kv scan a z                 tagma call memory write 3 42\n"
      "  tagma call -- kv put flag --verbose    (-- goes before words with a dash)\n\n"
      "The reply alone goes to standard output. Exit status: 0 ok, 1 the service\n"
      "refused or the key is absent, 2 usage, 3 no quorum in time (outcome unknown).");
}

}  // namespace

std::string who_answers_hint(const ProgramName& program, std::string_view directory) {
  return program.word + " status" + directory_argument(directory) + " shows who answers";
}

std::string problem_of(const ServiceReply& reply) {
  std::string name(status_name(reply.status));
  const bool text_says_it = reply.text.empty() || reply.text == name;
  return text_says_it ? name : name + ": " + reply.text;
}

CallResult awaited_reply(Client& client, const Bytes& operation, const Awaiting& awaiting, const Streams& streams) {
  constexpr std::chrono::milliseconds glance(50);
  auto reply = client.submit(operation);
  SilenceWatch silence(client, awaiting.timeout);
  const auto long_at = std::chrono::steady_clock::now() + std::chrono::seconds(3);
  bool told = false;
  while (reply.wait_for(glance) != std::future_status::ready) {
    if (told) continue;
    if (silence.found()) {
      fail(streams, awaiting.command, no_replica_hint(streams.program, awaiting.directory));
      told = true;
    } else if (std::chrono::steady_clock::now() >= long_at) {
      fail(streams, awaiting.command,
           "no reply that f+1 replicas agree on yet; waiting for it up to " + std::to_string(awaiting.timeout.count()) +
               " ms in all; " + streams.program.word + " status" + directory_argument(awaiting.directory) +
               " shows whether too few vote");
      told = true;
    }
  }
  return reply.get();
}

std::shared_ptr<CLI::App> describe_call() { return described<CallOptions>(describe_arguments); }

int run_call(const Arguments& arguments, const Streams& streams, const Program& /*program*/) {
  CLI::App app;
  CallOptions options;
  describe_arguments(app, options);
  if (const auto status = parse_arguments(app, arguments, streams)) return *status;
  if (options.words.empty()) {
    return fail(streams, "call",
                "which operation? usage: " + streams.program.word +
                    " call [OPTIONS] SERVICE VERB ARGUMENTS..., such as\n  " + streams.program.word + " call" +
                    directory_argument(options.directory) + " kv put city Nicaea");
  }
  const auto operation = operation_of(options.words);
  if (!operation) return fail(streams, "call", operation.reason());
  const auto client =
      open_client(options.directory, options.client, std::chrono::milliseconds(options.timeout_ms), 1, streams.program);
  if (!client) return fail(streams, "call", client.reason());
  const CallResult result = awaited_reply(
      **client, *operation, {"call", options.directory, std::chrono::milliseconds(options.timeout_ms)}, streams);
  switch (result.status) {
    case CallStatus::ok: return report_reply(options, result, streams);
    case CallStatus::invalid: return fail(streams, "call", result.error);
    case CallStatus::unknown:
    case CallStatus::evicted: break;
  }
  return report_unknown(options, result, streams);
}

}  // namespace tagma::cli
