#include "client_lib/cli/command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <ostream>

#include "client_lib/cli/text_format.h"

namespace tagma::cli {
namespace {

struct ProgramName {
  std::string word = "tagma";
  std::string label = "tagma";
};

ProgramName& stored_name() {
  static ProgramName name;
  return name;
}

}  // namespace

const std::string& program_name() { return stored_name().word; }

void set_program_name(std::string_view name) {
  stored_name() = {shell_word(name), std::string(name.substr(name.rfind('/') + 1))};
}

const std::string& program_label() { return stored_name().label; }

std::string as_called(std::string_view text) {
  constexpr std::string_view name = "tagma ";
  std::string called;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t found = std::min(text.find(name, at), text.size());
    called += text.substr(at, found - at);
    if (found == text.size()) break;
    const std::size_t behind = found + name.size();
    const bool starts_word = found == 0 || text[found - 1] == ' ' || text[found - 1] == '\n' || text[found - 1] == '(';
    const bool takes_command =
        behind < text.size() && (std::islower(static_cast<unsigned char>(text[behind])) != 0 ||
                                 text.substr(behind).starts_with("--") || text.substr(behind).starts_with("COMMAND"));
    called += starts_word && takes_command ? program_name() + " " : std::string(name);
    at = behind;
  }
  return called;
}

std::optional<int> parse_arguments(CLI::App& app, const Arguments& arguments, const Streams& streams) {
  Arguments reversed(arguments.rbegin(), arguments.rend());  // the parser takes them off the back
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    streams.out << as_called(app.help()) << std::flush;
    return exit_ok;
  } catch (const CLI::ParseError& error) {
    std::string reason = error.what();
    std::replace(reason.begin(), reason.end(), '\n', ' ');
    const std::string command = app.get_name().substr(app.get_name().find(' '));
    streams.err << program_label() << command << ": " << for_error(streams, reason) << "\n(" << program_name()
                << command << " --help has examples)" << std::endl;
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
  streams.err << program_label() << " " << command << ": " << for_error(streams, reason) << std::endl;
  return status;
}

std::string no_replica_hint(std::string_view directory) {
  return "no replica answers; is the cluster running? start it with `" + program_name() + " up" +
         directory_argument(directory) + "`";
}

}  // namespace tagma::cli
