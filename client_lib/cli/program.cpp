#include "tagma/program.h"

#include <unistd.h>

#include <exception>
#include <iostream>
#include <utility>

#include "client_lib/cli/command_line.h"
#include "client_lib/cli/terminal_buffer.h"

namespace tagma {
namespace {

int run(int argument_count, char** arguments, std::vector<ServiceEntry> services) {
  const bool out_is_terminal = isatty(STDOUT_FILENO) == 1;
  const bool err_is_terminal = isatty(STDERR_FILENO) == 1;
  const bool interactive = isatty(STDIN_FILENO) == 1 && (out_is_terminal || err_is_terminal);
  cli::TerminalBuffer terminal(std::cout);
  std::ostream shown(&terminal);
  const cli::Streams streams{out_is_terminal ? shown : std::cout,
                             std::cerr,
                             err_is_terminal,
                             &std::cin,
                             interactive,
                             cli::program_name(argument_count > 0 ? arguments[0] : "tagma")};
  cli::Program program{bundled_services()};
  for (auto& entry : services) {
    if (const auto refused = program.services.add(std::move(entry))) {
      std::cerr << "tagma: " << refused->reason << std::endl;
      return cli::exit_usage;
    }
  }
  const cli::Arguments words(arguments + (argument_count > 0 ? 1 : 0), arguments + argument_count);
  const int status = cli::run_command_line(words, streams, program);
  streams.out.flush();
  if (streams.out.good() || status != cli::exit_ok) return status;
  std::cerr << streams.program.word << ": standard output could not be written" << std::endl;
  return cli::exit_failed;
}

}  // namespace

int run_program(int argument_count, char** arguments, std::vector<ServiceEntry> services) {
  try {
    return run(argument_count, arguments, std::move(services));
  } catch (const std::exception& failure) {
    std::cerr << "tagma: " << failure.what() << std::endl;
    return cli::exit_failed;
  } catch (...) {
    std::cerr << "tagma: a service threw what is no std::exception" << std::endl;
    return cli::exit_failed;
  }
}

}  // namespace tagma
