// What every command of the product binary shares: its streams, its exit statuses, how it reads its arguments.
#pragma once

#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client_lib/cli/program_name.h"
#include "replica/service/service_catalogue.h"
#include "tagma/identifiers.h"

namespace CLI {
class App;
}

namespace tagma::cli {

inline constexpr int exit_ok = 0;
inline constexpr int exit_failed = 1;     ///< the service said no, something differs, a replica failed
inline constexpr int exit_usage = 2;      ///< bad arguments, files or keys: nothing was tried
inline constexpr int exit_no_quorum = 3;  ///< too few matching answers in time

inline constexpr std::string_view default_directory = "./tagma-cluster";
/// " --dir DIR" behind a command's name where the folder is not the default one, else nothing.
[[nodiscard]] std::string directory_argument(std::string_view directory);

// What completion and the manual page know about an option, they read from its description. So the name of its type
// says what may stand there: DIR or PATH a folder, FILE or KEY a file, a|b|c one of these words, anything else is free.
// --client and --service mean the same everywhere.

/// Where a command writes. Results go to `out`; progress, notes and errors to `err`.
struct Streams {
  std::ostream& out;
  std::ostream& err;  ///< what others wrote goes through for_error() first
  bool err_is_terminal = false;
  std::istream* in = nullptr;  ///< what is piped in; null: nothing to read
  bool interactive = false;    ///< somebody types: standard input and one of the others are a terminal
  ProgramName program;         ///< how the user called it, for errors and for hints that can be typed
};

/// The program that the command line belongs to.
struct Program {
  ServiceCatalogue services;  ///< what a cluster made or run by it can host
};

/// The words behind the command's name.
using Arguments = std::vector<std::string>;

/// Parses; returns the exit status where the command is over already: help was asked for, or the arguments are bad.
[[nodiscard]] std::optional<int> parse_arguments(CLI::App& app, const Arguments& arguments, const Streams& streams);

/// --dir DIR, or TAGMA_DIR, or ./tagma-cluster.
void add_directory_option(CLI::App& app, std::string& directory);
/// --client N.
void add_client_option(CLI::App& app, ClientId& client);
/// --log-level LEVEL.
void add_log_level_option(CLI::App& app, std::string& log_level);

/// As it may be shown on the error stream: where that is a terminal, without what could control it.
[[nodiscard]] std::string for_error(const Streams& streams, std::string_view text);
/// Writes "tagma COMMAND: reason" to the error stream and returns `status`.
int fail(const Streams& streams, std::string_view command, std::string_view reason, int status = exit_usage);
/// "start it with `./tagma up --dir DIR`": what to do where no replica answers, or what else that may mean where some
/// of the folder run.
[[nodiscard]] std::string no_replica_hint(const ProgramName& program, std::string_view directory);

}  // namespace tagma::cli
