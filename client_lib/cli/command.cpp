#include "client_lib/cli/command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <ostream>

#include "client_lib/cli/cluster_folder.h"
#include "client_lib/cli/text_format.h"

namespace tagma::cli {
namespace {

/// The command takes any number of words, which may be mistaken for options.
bool takes_words(const CLI::App& app) {
  const auto options = app.get_options();
  return std::any_of(options.begin(), options.end(), [](const CLI::Option* option) {
    return option->get_positional() && option->get_items_expected_max() >= CLI::detail::expected_max_vector_size;
  });
}

}  // namespace

std::string directory_argument(std::string_view directory) {
  return directory == default_directory ? std::string() : " --dir " + shell_word(directory);
}

std::optional<int> parse_arguments(CLI::App& app, const Arguments& arguments, const Streams& streams) {
  Arguments reversed(arguments.rbegin(), arguments.rend());  // the parser takes them off the back
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    streams.out << as_called(streams.program, app.help()) << std::flush;
    return exit_ok;
  } catch (const CLI::ParseError& error) {
    std::string reason = error.what();
    std::replace(reason.begin(), reason.end(), '\n', ' ');
    const std::string command = app.get_name().substr(app.get_name().find(' '));
    streams.err << streams.program.label << command << ": " << for_error(streams, reason) << "\n";
    if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr && takes_words(app)) {
      streams.err << "(words that begin with a dash go behind --: " << streams.program.word << command
                  << " -- kv put flag --verbose)\n";
    }
    streams.err << "(" << streams.program.word << command << " --help has examples)" << std::endl;
    return exit_usage;
  }
  return std::nullopt;
}

void add_directory_option(CLI::App& app, std::string& directory) {
  // The variable is a default and not an option, so that it contradicts no other option.
  const char* variable = std::getenv("TAGMA_DIR");
  directory = variable != nullptr && *variable != '\0' ? std::string(variable) : std::string(default_directory);
  app.add_option("--dir", directory, "Cluster folder ($TAGMA_DIR or ./tagma-cluster)")
      ->type_name("DIR")
      ->check([](const std::string& text) { return text.empty() ? "the folder's name is empty" : std::string(); });
}

void add_client_option(CLI::App& app, ClientId& client) {
  app.add_option("--client", client, "Which client to be (default 0)")->type_name("N");
}

void add_log_level_option(CLI::App& app, std::string& log_level) {
  app.add_option("--log-level", log_level, "How much to log (info)")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}).description(""))
      ->type_name("debug|info|warn|error");
}

std::string for_error(const Streams& streams, std::string_view text) {
  return streams.err_is_terminal ? harmless(text) : std::string(text);
}

int fail(const Streams& streams, std::string_view command, std::string_view reason, int status) {
  streams.err << streams.program.label << " " << command << ": " << for_error(streams, reason) << std::endl;
  return status;
}

std::string no_replica_hint(const ProgramName& program, std::string_view directory) {
  for (ReplicaId replica = 0; replica < replicas_max; ++replica) {
    if (!replica_runs(std::string(directory), replica)) continue;
    return "no replica answers, although replica " + std::to_string(replica) +
           " runs here: they may be stopped or busy, or not know this client (" + program.word + " admin" +
           directory_argument(directory) + " clients tells who was added or removed)";
  }
  return "no replica answers; is the cluster running? start it with `" + program.word + " up" +
         directory_argument(directory) + "`";
}

}  // namespace tagma::cli
