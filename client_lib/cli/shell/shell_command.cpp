#include "client_lib/cli/shell/shell_command.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <iostream>

#include "client_lib/cli/description.h"
#include "client_lib/cli/shell/line_editor.h"
#include "client_lib/cli/shell/script_input.h"
#include "client_lib/cli/shell/shell_session.h"
#include "tagma/limits.h"

namespace tagma::cli {
namespace {

// Every byte of the longest operation may be quoted.
constexpr std::size_t line_bytes_max = 2 * limits::operation_bytes_max;

void describe_arguments(CLI::App& app, ShellOptions& options) {
  app.name("tagma shell");
  app.description("A prompt for operations on one open session; a script where lines are piped in.");
  add_directory_option(app, options.directory);
  add_client_option(app, options.client);
  app.add_option("--timeout-ms", options.timeout_ms, "How long to wait for a reply (10000)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{86'400'000}).description(""))
      ->type_name("T");
  app.add_flag("--keep-going", options.keep_going, "A script goes on after a line that fails");
  app.footer(
      "Examples:\n"
      "  tagma shell\n"
      "  printf 'kv put city \"New Rome\"\\nkv get city\\n' | tagma shell\n\n"
      "A line is what stands behind tagma call, with the quoting of a shell; the word\n"
      "help lists what there is. TAB completes, the history is kept across runs, Ctrl-C\n"
      "gives up the line or the wait for its reply, Ctrl-D leaves. A script ends at the\n"
      "first line that fails, with the exit status that tagma call would have; with\n"
      "--keep-going at its end, with the status of the first line that failed. Ctrl-C\n"
      "ends a script behind the line that runs, with status 1 where none has failed.");
}

int run_script(ShellSession& session, const ShellOptions& options, std::istream& in, StopSignals& stop,
               const Streams& streams) {
  int first_failure = exit_ok;
  std::string line;
  for (std::uint64_t number = 1; in.good(); ++number) {
    const std::string place = streams.program.label + " shell: line " + std::to_string(number) + ": ";
    line.clear();
    for (int byte = in.get(); byte != std::istream::traits_type::eof() && byte != '\n'; byte = in.get()) {
      if (line.size() == line_bytes_max) {
        streams.err << place << "longer than " << line_bytes_max << " bytes" << std::endl;
        return exit_usage;
      }
      line.push_back(static_cast<char>(byte));
    }
    // A signal cuts the line short that is being read: it is not run.
    if (!stop.requested()) {
      const LineEnd end = session.run(line, place, stop);
      if (end.status != exit_ok && first_failure == exit_ok) first_failure = end.status;
      if (!stop.requested()) {
        if (end.leave || (end.status != exit_ok && !options.keep_going)) return first_failure;
        continue;
      }
    }
    const int status = first_failure == exit_ok ? exit_failed : first_failure;
    return fail(streams, "shell", "interrupted at line " + std::to_string(number) + " of the script", status);
  }
  return first_failure;
}

/// Standard input is waited for together with the signals; any other stream has all that it will have.
int run_piped(ShellSession& session, const ShellOptions& options, const Streams& streams) {
  StopSignals stop;
  if (streams.in != &std::cin) return run_script(session, options, *streams.in, stop, streams);
  ScriptInput input(STDIN_FILENO, stop);
  std::istream in(&input);
  return run_script(session, options, in, stop, streams);
}

int run_interactive(ShellSession& session, LineHistory& history, const Streams& streams) {
  if (const auto refused = history.open(history_path())) fail(streams, "shell", refused->reason);
  streams.err << session.greeting() << std::endl;
  LineEditor editor(isatty(STDOUT_FILENO) == 1 ? stdout : stderr, "tagma> ", history,
                    [&](const auto& before, const auto& typed) { return session.complete(before, typed); });
  for (std::string line;;) {
    const auto read = editor.read(line);
    if (read == LineEditor::Read::end) return exit_ok;
    if (read == LineEditor::Read::cancelled) continue;
    history.add(line);
    StopSignals stop;
    const LineEnd end = session.run(line, "", stop);
    if (end.leave) return end.status;
    // Ctrl-C gives up the line, any other signal the shell.
    if (stop.requested() && stop.newest() != SIGINT) return end.status == exit_ok ? exit_failed : end.status;
  }
}

}  // namespace

std::shared_ptr<CLI::App> describe_shell() { return described<ShellOptions>(describe_arguments); }

int run_shell(const Arguments& arguments, const Streams& streams, const Program& program) {
  CLI::App app;
  ShellOptions options;
  describe_arguments(app, options);
  if (const auto status = parse_arguments(app, arguments, streams)) return *status;
  LineHistory history;
  auto session = ShellSession::open(options, streams, program.services, history);
  if (!session) return fail(streams, "shell", session.reason());
  if (streams.interactive) return run_interactive(*session, history, streams);
  if (streams.in == nullptr) return exit_ok;
  return run_piped(*session, options, streams);
}

}  // namespace tagma::cli
