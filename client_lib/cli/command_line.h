// The product binary's command line as a function, so that tests can call it.
#pragma once

#include "client_lib/cli/command.h"

namespace tagma::cli {

/// Runs one command. `arguments` are those behind the program's name; returns the exit status.
[[nodiscard]] int run_command_line(const Arguments& arguments, const Streams& streams);

/// Only reads the arguments, as run_command_line() does first: the exit status where it ends with them (help, bad
/// usage), nothing where a command would go on. Touches no file, starts nothing.
[[nodiscard]] std::optional<int> check_command_line(const Arguments& arguments, const Streams& streams);

}  // namespace tagma::cli
