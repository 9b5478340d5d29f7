// The product binary's command line as a function, so that tests can call it.
#pragma once

#include <span>

#include "client_lib/cli/command.h"

namespace tagma::cli {

struct Command {
  std::string_view name;
  std::string_view summary;
  int (*run)(const Arguments& arguments, const Streams& streams, const Program& program);
  std::shared_ptr<CLI::App> (*describe)();  ///< its options, for whoever reads them
};

/// Every command that users see.
[[nodiscard]] std::span<const Command> commands();

/// Runs one command. `arguments` are those behind the program's name; returns the exit status.
[[nodiscard]] int run_command_line(const Arguments& arguments, const Streams& streams, const Program& program);

/// Only reads the arguments, as run_command_line() does first: the exit status where it ends with them (help, bad
/// usage), nothing where a command would go on. Touches no file, starts nothing.
[[nodiscard]] std::optional<int> check_command_line(const Arguments& arguments, const Streams& streams);

}  // namespace tagma::cli
