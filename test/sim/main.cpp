// The command line of the simulator: `./tagma sim`.
#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "client_lib/cli/completion/completion.h"
#include "test/sim/runner.h"
#include "test/sim/shrinker.h"

namespace {

using namespace tagma::sim;
using Json = nlohmann::ordered_json;

/// Set by the first SIGINT or SIGTERM; the second one ends the process at once.
volatile std::sig_atomic_t interrupted = 0;  // NOLINT: a signal handler has no other way to tell

void on_interrupt(int signal) {
  interrupted = 1;
  std::signal(signal, SIG_DFL);
}

constexpr int interrupted_status = 130;

struct Arguments {
  std::optional<std::uint64_t> seed;
  std::string seeds;
  std::uint64_t rotating = 0;  ///< so many seeds that have not been run before
  std::string profile = "all";
  unsigned jobs = 1;
  bool json = false;
  bool trace = false;
  bool shrink = false;
  std::vector<std::string> without;
};

/// "A..B" with A <= B.
std::optional<std::pair<std::uint64_t, std::uint64_t>> parse_range(const std::string& text) {
  const auto dots = text.find("..");
  if (dots == std::string::npos) return std::nullopt;
  const auto first = text.substr(0, dots);
  const auto last = text.substr(dots + 2);
  const auto is_number = [](const std::string& digits) {
    return !digits.empty() && digits.size() < 20 && digits.find_first_not_of("0123456789") == std::string::npos;
  };
  if (!is_number(first) || !is_number(last)) return std::nullopt;
  const std::pair range{std::stoull(first), std::stoull(last)};
  return range.first <= range.second ? std::optional(range) : std::nullopt;
}

/// Rises with time by so much that slices of different moments do not overlap in practice; small enough to be typed.
std::uint64_t first_rotating_seed() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(since_epoch).count()) * 100;
}

Json json_of(const RunReport& report, Profile asked) {
  Json json;
  json["seed"] = report.options.seed;
  json["profile"] = name_of(report.options.profile);
  json["passed"] = !report.violated;
  if (report.violated) {
    json["oracle"] = tagma::checkers::name_of(report.violation.oracle);
    json["violation"] = report.violation.what;
    json["last_events"] = report.last_events;
    json["replay"] = replay_command(report.options, asked);
  }
  json["n"] = report.options.n;
  json["f"] = report.options.f;
  json["operations"] = report.operations;
  json["stable_checkpoints"] = report.checkpoints;
  json["slots"] = report.slots;
  json["messages"] = report.messages;
  json["events"] = report.events;
  json["simulated_us"] = report.simulated_us;
  json["cpu_us"] = report.cpu_us;
  json["trace_hash"] = report.trace_hash;
  return json;
}

/// A shorter run that fails like this one; what is told goes to standard error.
SimOptions shrunk(const SimOptions& options) {
  std::fprintf(stderr, "shrinking: the same run again and again with less in it\n");
  auto result = shrink(options, {}, [](std::string_view name, const Ending& ending) {
    std::fprintf(stderr, "less of %s: still fails, %llu events\n", std::string(name).c_str(),
                 static_cast<unsigned long long>(ending.events));
  });
  if (!result.before.violated) {
    std::fprintf(stderr, "nothing to shrink: the run passes\n");
  } else {
    std::fprintf(stderr, "shrunk from %llu to %llu events in %llu runs\n",
                 static_cast<unsigned long long>(result.before.events),
                 static_cast<unsigned long long>(result.after.events), static_cast<unsigned long long>(result.runs));
  }
  return std::move(result.options);
}

int run_one(std::uint64_t seed, Profile profile, const Arguments& arguments) {
  auto options = draw_options(seed, profile);
  for (const auto& name : arguments.without) {
    if (simplify(options, name)) continue;
    std::fprintf(stderr, "sim: --without %s: there is nothing of it in this run\n", name.c_str());
    return 2;
  }
  if (arguments.shrink) options = shrunk(options);
  if (!arguments.json) {
    std::printf("seed %llu\n%s\n", static_cast<unsigned long long>(seed), summary(options).c_str());
    std::fflush(stdout);
  }
  RunSwitches switches;
  switches.print_trace = arguments.trace;
  const auto report = run_options(options, profile, switches);
  if (arguments.json) {
    auto json = json_of(report, profile);
    for (const auto& [name, count] : report.coverage.counts()) json["coverage"][name] = count;
    std::cout << json.dump(2) << '\n';
  } else if (report.violated) {
    print_violation(report, profile);
  } else {
    std::printf(
        "passed: %llu operations, %llu slots, %llu stable checkpoints, %llu messages, %.3f s simulated, "
        "%.1f ms CPU, trace %016llx\n",
        static_cast<unsigned long long>(report.operations), static_cast<unsigned long long>(report.slots),
        static_cast<unsigned long long>(report.checkpoints), static_cast<unsigned long long>(report.messages),
        static_cast<double>(report.simulated_us) / 1e6, static_cast<double>(report.cpu_us) / 1e3,
        static_cast<unsigned long long>(report.trace_hash));
  }
  return report.violated ? 1 : 0;
}

int run_many(std::uint64_t first, std::uint64_t last, Profile profile, const Arguments& arguments) {
  if (!arguments.json) {
    std::printf("seeds %llu..%llu, profile %s\n", static_cast<unsigned long long>(first),
                static_cast<unsigned long long>(last), std::string(name_of(profile)).c_str());
    std::fflush(stdout);
  }
  const auto step = (last - first) / 20 + 1;
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);
  const auto campaign =
      run_seeds(first, last, profile, arguments.jobs, [&](const Campaign& so_far, const RunReport& report) {
        // On standard error, so that standard output stays machine-readable.
        if (so_far.runs % step != 0 && !report.violated) return interrupted == 0;
        std::fprintf(stderr, "seed %llu: %llu runs, %llu operations%s\n",
                     static_cast<unsigned long long>(report.options.seed), static_cast<unsigned long long>(so_far.runs),
                     static_cast<unsigned long long>(so_far.operations),
                     report.violated ? ", VIOLATION" : ", passed so far");
        return interrupted == 0;
      });
  if (arguments.json) {
    Json json;
    json["first_seed"] = first;
    json["last_seed"] = last;
    json["profile"] = name_of(profile);
    json["passed"] = !campaign.violated && !campaign.interrupted;
    if (campaign.interrupted) json["interrupted"] = true;
    json["runs"] = campaign.runs;
    json["operations"] = campaign.operations;
    json["operations_fewest"] = campaign.operations_fewest;
    json["stable_checkpoints_fewest"] = campaign.checkpoints_fewest;
    json["messages"] = campaign.messages;
    json["events"] = campaign.events;
    json["simulated_us"] = campaign.simulated_us;
    json["cpu_us_median"] = campaign.cpu_median_us();
    for (const auto& row : campaign.coverage.rows()) {
      json["coverage"][row.name] = {{"seeds", row.seeds}, {"times", row.total}};
    }
    for (const auto& row : campaign.coverage.attacks()) {
      json["attacks"][row.name] = {{"seeds", row.seeds}, {"slot_committed", row.committed}, {"times", row.total}};
    }
    json["unreached"] = campaign.coverage.unreached(name_of(profile));
    if (campaign.violated) json["failed"] = json_of(campaign.failed, profile);
    std::cout << json.dump(2) << '\n';
  } else {
    if (campaign.violated) {
      print_violation(campaign.failed, profile);
    } else {
      print_campaign(campaign);
    }
  }
  if (campaign.interrupted) return interrupted_status;
  return campaign.violated ? 1 : 0;
}

int run(const Arguments& arguments) {
  const auto profile = profile_named(arguments.profile);
  if (!profile) {
    std::fprintf(stderr, "sim: --profile %s does not exist; one of:", arguments.profile.c_str());
    for (const auto name : profile_names()) std::fprintf(stderr, " %s", std::string(name).c_str());
    std::fprintf(stderr, "\n");
    return 2;
  }
  const AbortReporter reporter;
  const bool many = !arguments.seeds.empty() || arguments.rotating > 0;
  if (many && (arguments.shrink || !arguments.without.empty())) {
    std::fprintf(stderr, "sim: --shrink and --without are for one run; give --seed in the place of %s\n",
                 arguments.seeds.empty() ? "--rotating" : "--seeds");
    return 2;
  }
  if (arguments.rotating > 0) {
    if (arguments.seed || !arguments.seeds.empty()) {
      std::fprintf(stderr, "sim: --rotating draws its own seeds; leave --seed and --seeds out\n");
      return 2;
    }
    const auto first = first_rotating_seed();
    return run_many(first, first + arguments.rotating - 1, *profile, arguments);
  }
  if (!arguments.seeds.empty()) {
    const auto range = parse_range(arguments.seeds);
    if (!range || arguments.seed) {
      std::fprintf(stderr, range ? "sim: --seed and --seeds exclude one another; give one of them\n"
                                 : "sim: --seeds wants A..B with A <= B, such as 1..2000\n");
      return 2;
    }
    return run_many(range->first, range->second, *profile, arguments);
  }
  const auto seed = arguments.seed ? *arguments.seed : std::uint64_t{std::random_device{}()};
  return run_one(seed, *profile, arguments);
}

}  // namespace

int main(int count, char** words) {
  Arguments arguments;
  CLI::App app{
      "The deterministic simulator: a whole cluster, its clients and its enemies in virtual time.\n"
      "The same seed and profile give the same run everywhere. Exit 0: passed, 1: a violation was found,\n"
      "130: interrupted after what the table shows."};
  app.name("tagma sim");
  app.add_option("--seed", arguments.seed, "one run; a random seed if nothing says which");
  app.add_option("--seeds", arguments.seeds, "many runs: A..B");
  app.add_option("--rotating", arguments.rotating, "many runs, of seeds that were not run before; it prints which")
      ->check(CLI::PositiveNumber.description(""))
      ->type_name("COUNT");
  std::string profiles;  // as words parted by |, so that TAB offers them
  for (const auto name : profile_names()) profiles += (profiles.empty() ? "" : "|") + std::string(name);
  app.add_option("--profile", arguments.profile,
                 "what happens in a run (all: draws one of the others but real-crypto, common: of the first four)")
      ->type_name(profiles)
      ->capture_default_str();
  app.add_option("--jobs", arguments.jobs, "threads that share the seeds")
      ->check(CLI::Range(1U, 256U).description(""))
      ->type_name("N")
      ->capture_default_str();
  app.add_flag("--json", arguments.json, "machine-readable output");
  app.add_flag("--trace", arguments.trace, "print every event of the run");
  app.add_flag("--shrink", arguments.shrink, "of a run that fails: look for a shorter one that fails like it");
  std::string simplifications;
  for (const auto name : simplification_names())
    simplifications += (simplifications.empty() ? "" : "|") + std::string(name);
  app.add_option("--without", arguments.without, "less of what the seed drew, in this order, parted by commas")
      ->delimiter(',')
      ->type_name(simplifications);
  app.footer(
      "examples:\n  tagma sim --seed 7\n  tagma sim --seed 7 --trace\n  tagma sim --seed 7 --shrink\n  tagma sim "
      "--seeds 1..2000 --jobs 2\n"
      "  tagma sim --seeds 1..50 --profile real-crypto --json\n  tagma sim --rotating 2000 --jobs 2");
  if (tagma::cli::answer_completion(app, count, words, std::cout)) return 0;
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    return status == 0 ? 0 : 2;
  }
  return run(arguments);
}
