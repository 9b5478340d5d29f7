// The product binary's command line as a function, so that tests can call it.
#pragma once

#include "client_lib/cli/command.h"

namespace tagma::cli {

/// Runs one command. `arguments` are those behind the program's name; returns the exit status.
[[nodiscard]] int run_command_line(const Arguments& arguments, const Streams& streams, const Program& program);

}  // namespace tagma::cli
