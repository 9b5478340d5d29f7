// The product binary: hands its arguments to the command line.
#include <unistd.h>

#include <iostream>

#include "client_lib/cli/command_line.h"

int main(int argument_count, char** arguments) {
  const bool out_is_terminal = isatty(STDOUT_FILENO) == 1;
  const bool err_is_terminal = isatty(STDERR_FILENO) == 1;
  const bool interactive = isatty(STDIN_FILENO) == 1 && (out_is_terminal || err_is_terminal);
  const tagma::cli::Streams streams{std::cout, std::cerr, err_is_terminal, &std::cin, interactive};
  const tagma::cli::Arguments words(arguments + (argument_count > 0 ? 1 : 0), arguments + argument_count);
  return tagma::cli::run_command_line(words, streams);
}
