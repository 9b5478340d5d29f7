#include "client_lib/cli/load_command.h"

#include <CLI/CLI.hpp>
#include <mutex>
#include <nlohmann/json.hpp>
#include <ostream>

#include "client_lib/cli/closed_loop.h"
#include "client_lib/cli/description.h"
#include "client_lib/cli/histogram.h"
#include "client_lib/cli/line_file.h"
#include "client_lib/cli/open_client.h"
#include "client_lib/cli/progress_line.h"
#include "client_lib/cli/stop_signals.h"
#include "client_lib/cli/text_format.h"
#include "tagma/limits.h"

namespace tagma::cli {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds look_interval{100};

struct LoadOptions {
  std::string file;
  std::string directory;
  ClientId client = 0;
  std::uint32_t window = 256;
  std::int64_t timeout_ms = 10'000;
  bool json = false;
};

/// One pass over the file, writing or reading. Written by the closed loop's calls, read under `mutex`.
struct Pass {
  std::mutex mutex;
  std::size_t next = 0;  ///< of the entries
  std::uint64_t done = 0;
  std::uint64_t refused = 0;    ///< the service said no
  std::uint64_t different = 0;  ///< read something else than was written
  std::uint64_t unknown = 0;    ///< no quorum in time
  std::string first_problem;
  Histogram latency_us;
  double seconds = 0;

  [[nodiscard]] bool clean() const { return refused == 0 && different == 0 && unknown == 0; }
  [[nodiscard]] double rate() const { return seconds > 0 ? static_cast<double>(done) / seconds : 0; }
};

void note_problem(Pass& pass, std::uint64_t line, const std::string& text) {
  if (pass.first_problem.empty()) pass.first_problem = "line " + std::to_string(line) + ": " + text;
}

bool nothing_done(Pass& pass) {
  const std::lock_guard lock(pass.mutex);
  return pass.done == 0;
}

/// Runs the loop over all entries and shows progress. False if it was interrupted.
bool run_pass(ClosedLoop& loop, const LineFile& file, bool writes, Pass& pass, StopSignals& stop,
              const LoadOptions& options, const Streams& streams) {
  const auto next = [&pass, &file, writes]() -> std::optional<ClosedLoop::Step> {
    const std::lock_guard lock(pass.mutex);
    if (pass.next == file.entries.size()) return std::nullopt;
    const auto& entry = file.entries[pass.next];
    const Words words = writes ? Words{"put", entry.key, std::to_string(entry.line)} : Words{"get", entry.key};
    return ClosedLoop::Step{pass.next++, encode_operation("kv", encode_words(words))};
  };
  const auto done = [&pass, &file, &loop, writes](std::uint64_t tag, const CallResult& result) {
    const std::lock_guard lock(pass.mutex);
    const auto& entry = file.entries[tag];
    if (result.status != CallStatus::ok) {
      ++pass.unknown;
      note_problem(pass, entry.line, result.error);
      loop.stop();  // the rest would wait for its time limit too
      return;
    }
    ++pass.done;
    pass.latency_us.record(result.latency_us);
    const auto& reply = result.reply;
    if (reply.status == ReplyStatus::refused || (writes && reply.status != ReplyStatus::ok)) {
      ++pass.refused;
      note_problem(pass, entry.line, "refused: " + reply.text);
    } else if (!writes) {
      const std::string wanted = std::to_string(file.wanted.at(entry.key));
      if (reply.status == ReplyStatus::ok && reply.text == wanted) return;
      ++pass.different;
      note_problem(pass, entry.line,
                   "wrote " + wanted + ", read " + (reply.status == ReplyStatus::ok ? reply.text : "nothing"));
    }
  };
  ProgressLine progress(streams, std::chrono::seconds(2));
  const auto start = Clock::now();
  SilenceWatch silence(loop.client(), std::chrono::milliseconds(options.timeout_ms));
  loop.start(next, done);
  while (!loop.wait_idle(look_interval)) {
    if (stop.requested()) {
      loop.stop();
      return false;
    }
    if (writes && nothing_done(pass) && silence.found()) {
      fail(streams, "load", no_replica_hint(streams.program, options.directory));
    }
    const std::lock_guard lock(pass.mutex);
    pass.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const auto total = file.entries.size();
    progress.update((writes ? "writing " : "reading ") + with_commas(pass.done) + " of " + with_commas(total) + " (" +
                    std::to_string(pass.done * 100 / total) + "%)  " +
                    with_commas(static_cast<std::uint64_t>(pass.rate())) + "/s  slowest " +
                    duration_text(pass.latency_us.max()));
  }
  pass.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return true;
}

nlohmann::json pass_json(const Pass& pass) {
  return {{"operations", pass.done},
          {"refused", pass.refused},
          {"unknown", pass.unknown},
          {"seconds", pass.seconds},
          {"operations_per_second", pass.rate()},
          {"latency_us",
           {{"p50", pass.latency_us.quantile(0.5)},
            {"p99", pass.latency_us.quantile(0.99)},
            {"max", pass.latency_us.max()}}}};
}

void print_pass(const char* verb, const Pass& pass, std::ostream& out) {
  out << "  " << verb << right_aligned(with_commas(pass.done), 11) << " in " << fixed(pass.seconds, 2) << " s, "
      << with_commas(static_cast<std::uint64_t>(pass.rate())) << "/s; latency p50 "
      << duration_text(pass.latency_us.quantile(0.5)) << ", slowest " << duration_text(pass.latency_us.max()) << "\n";
}

void print_json(const LoadOptions& options, const LineFile& file, const Pass& writes, const Pass& reads, bool equal,
                std::ostream& out) {
  const nlohmann::json json = {{"file", options.file},
                               {"lines", file.lines},
                               {"empty_lines", file.empty_lines},
                               {"repeated_lines", file.repeated_lines},
                               {"refused_lines", file.long_lines},
                               {"keys", file.wanted.size()},
                               {"write", pass_json(writes)},
                               {"read", pass_json(reads)},
                               {"different", reads.different},
                               {"equal", equal}};
  out << json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
}

void print_text(const LoadOptions& options, const LineFile& file, const Pass& writes, const Pass& reads, bool equal,
                std::ostream& out) {
  out << options.file << ": " << counted(file.lines, "line") << ", " << counted(file.wanted.size(), "different key");
  if (file.repeated_lines > 0) out << ", " << with_commas(file.repeated_lines) << " repeated";
  if (file.empty_lines > 0) out << ", " << with_commas(file.empty_lines) << " empty";
  out << "\n";
  if (file.entries.empty()) {
    out << "nothing was written: no line of it can be a key" << std::endl;
    return;
  }
  print_pass("wrote", writes, out);
  print_pass("read ", reads, out);
  if (equal) out << (file.long_lines == 0 ? "everything" : "what was written") << " read back equal" << std::endl;
}

/// The lines on standard error that say what went wrong, and the exit status.
int judge(const LineFile& file, const Pass& writes, const Pass& reads, const Streams& streams) {
  if (file.long_lines > 0) {
    fail(streams, "load",
         counted(file.long_lines, "line") + (file.long_lines == 1 ? " was" : " were") + " not written: longer than " +
             std::to_string(key_bytes_max) + " bytes (the first is line " + std::to_string(file.first_long_line) + ")");
  }
  for (const Pass* pass : {&writes, &reads}) {
    if (pass->clean()) continue;
    const std::string verb = pass == &writes ? "writing" : "reading";
    std::vector<std::string> counts;
    if (pass->refused > 0) counts.push_back(with_commas(pass->refused) + " refused");
    if (pass->different > 0) counts.push_back(with_commas(pass->different) + " different");
    if (pass->unknown > 0) counts.push_back(with_commas(pass->unknown) + " without a quorum in time");
    fail(streams, "load", verb + ": " + listed(counts) + "; the first: " + pass->first_problem);
  }
  if (writes.unknown + reads.unknown > 0) return exit_no_quorum;
  return file.long_lines == 0 && writes.clean() && reads.clean() ? exit_ok : exit_failed;
}

Result<LineFile> read_input(LoadOptions& options, const Streams& streams) {
  if (options.file != "-") return read_line_file(options.file);
  if (streams.in == nullptr) return Refused{"-: there is no standard input"};
  options.file = "standard input";
  return read_lines(*streams.in, options.file);
}

void describe_arguments(CLI::App& app, LoadOptions& options) {
  app.name("tagma load");
  app.description("Writes every line of a file into kv, then reads all back and compares.");
  app.add_option("FILE", options.file, "The file, or - for standard input; a line is a key")->required()->type_name("");
  add_directory_option(app, options.directory);
  add_client_option(app, options.client);
  app.add_option("--window", options.window, "Operations outstanding (default 256)")
      ->check(CLI::Range(std::uint64_t{1}, limits::session_window).description(""))
      ->type_name("W");
  app.add_option("--timeout-ms", options.timeout_ms, "Time limit of one operation (10000)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{86'400'000}).description(""))
      ->type_name("T");
  app.add_flag("--json", options.json, "Counts and rates as JSON");
  app.footer(
      "Examples:\n"
      "  tagma load /usr/share/dict/words\n"
      "  tagma load words.txt --dir /tmp/c7 --json\n"
      "  sort words.txt | tagma load -\n\n"
      "The value is the line's number. Empty lines are skipped, of repeated ones the\n"
      "last counts. Exit status: 0 all read back equal, 1 a difference or a refused\n"
      "line, 3 no quorum in time.");
}

}  // namespace

std::shared_ptr<CLI::App> describe_load() { return described<LoadOptions>(describe_arguments); }

int run_load(const Arguments& arguments, const Streams& streams, const Program& /*program*/) {
  CLI::App app;
  LoadOptions options;
  describe_arguments(app, options);
  if (const auto status = parse_arguments(app, arguments, streams)) return *status;
  const auto file = read_input(options, streams);
  if (!file) return fail(streams, "load", file.reason());
  StopSignals stop;
  auto client = open_client(options.directory, options.client, std::chrono::milliseconds(options.timeout_ms),
                            options.window, streams.program);
  if (!client) return fail(streams, "load", client.reason());

  Pass writes;
  Pass reads;
  {
    // Declared behind the passes: its end calls back into them.
    ClosedLoop loop(std::move(*client), options.window);
    bool complete = file->entries.empty() || run_pass(loop, *file, true, writes, stop, options, streams);
    if (complete && writes.unknown == 0 && !file->entries.empty())
      complete = run_pass(loop, *file, false, reads, stop, options, streams);
    if (!complete) return fail(streams, "load", "interrupted; a part of the file is written", exit_failed);
  }
  const bool equal = writes.clean() && reads.clean() && reads.done == file->entries.size();
  if (options.json) {
    print_json(options, *file, writes, reads, equal, streams.out);
  } else {
    print_text(options, *file, writes, reads, equal, streams.out);
  }
  return judge(*file, writes, reads, streams);
}

}  // namespace tagma::cli
