// The command line of the drills: `./tagma drill`.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>
#include <sstream>

#include "client_lib/cli/bench_facts.h"
#include "client_lib/cli/command.h"
#include "client_lib/cli/progress_line.h"
#include "client_lib/cli/stop_signals.h"
#include "docker/drills/command.h"
#include "docker/drills/drill.h"
#include "docker/drills/report.h"
#include "docker/drills/report_verdict.h"

namespace tagma::drills {
namespace {

namespace files = std::filesystem;

constexpr int status_passed = 0;
constexpr int status_failed = 1;
constexpr int status_usage = 2;
constexpr int status_cannot = 3;
constexpr int status_interrupted = 130;

struct Arguments {
  std::vector<std::string> names;
  std::string backend = "process";
  std::string report = "drill-report";
  std::string scenarios = TAGMA_SCENARIOS;
  std::string image;
  std::string program;
  std::string service;
  std::string operation;
  std::string total;
  std::string other_build;
  std::string mutant;
  std::uint64_t seed = 1;
  double minutes = 0;
  std::uint32_t settle_seconds = 90;
  bool json = false;
  bool keep = false;
};

/// A reason not to begin, in one line.
struct Refusal {
  std::string reason;
  int status = status_usage;
};

void describe(CLI::App& app, Arguments& arguments) {
  app.name("tagma drill");
  app.description("Real processes or containers under faults, with a verdict for each drill.");
  app.add_option("NAME", arguments.names, "list, all, or the names of drills")->required();
  app.add_option("--backend", arguments.backend, "Where the replicas run (process)")
      ->check(CLI::IsMember({"process", "docker"}))
      ->type_name("process|docker");
  app.add_option("--report", arguments.report, "Where the report goes (drill-report)")->type_name("DIR");
  app.add_flag("--json", arguments.json, "The results on standard output");
  app.add_flag("--keep", arguments.keep, "A cluster that failed is left standing until Ctrl-C");
  app.add_option("--seed", arguments.seed, "Of loads, lossy links and random faults (1)")->type_name("N");
  app.add_option("--minutes", arguments.minutes, "How long random faults go on (soak)")->type_name("M");
  app.add_option("--settle-seconds", arguments.settle_seconds, "For replicas to catch up, after faults (90)")
      ->check(CLI::Range(1, 3'600))
      ->type_name("N");
  app.add_option("--program", arguments.program, "A program of your own instead of tagma")->type_name("FILE");
  app.add_option("--service", arguments.service, "The service of it to be drilled")->type_name("NAME");
  app.add_option("--operation", arguments.operation, "What clients ask of it: \"add 1\"")->type_name("WORDS");
  app.add_option("--total", arguments.total, "What tells how many were executed: \"read\"")->type_name("WORDS");
  app.add_option("--other-build", arguments.other_build, "What a rolling upgrade goes to")->type_name("FILE");
  app.add_option("--scenarios", arguments.scenarios, "Drills of your own: *.toml")->type_name("DIR");
  app.add_option("--image", arguments.image, "docker: an image that has the programs")->type_name("NAME");
  app.add_option("--mutant", arguments.mutant, "A rule that is broken on purpose")->type_name("NAME");
  app.footer(
      "Examples:\n"
      "  tagma drill list\n"
      "  tagma drill kill_primary\n"
      "  tagma drill all --backend docker --report /tmp/report\n"
      "  tagma drill soak --minutes 30 --seed 7\n"
      "  tagma drill all --program ./my_program --service tally \\\n"
      "      --operation \"add 1\" --total read\n\n"
      "The report is DIR/index.html, with junit.xml and drills.json beside it; what a\n"
      "failed drill left is in DIR/data. Exit status: 0 all passed, 1 some failed,\n"
      "2 bad input, 3 nothing could be tried here (no Docker engine), 130 interrupted.\n"
      "What the drills are, and how to write one: docs/drills.md.");
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

Programs bundled_programs() {
  return {{"tagma", TAGMA_BINARY},
          {"byzantine_replica", TAGMA_BYZANTINE_REPLICA},
          {"byzantine_client", TAGMA_BYZANTINE_CLIENT},
          {"tagma_mutant", TAGMA_MUTANT_BINARY},
          {"lost_writes", TAGMA_LOST_WRITES_LIBRARY},
          {"failing_disk", TAGMA_FAILING_DISK_LIBRARY}};
}

std::string absolute_program(const std::string& path, const char* option) {
  std::error_code error;
  const auto absolute = files::canonical(path, error);
  if (error || access(absolute.c_str(), X_OK) != 0) throw Refusal{std::string(option) + ": " + path + " is no program"};
  const auto help = run_command({absolute, "init", "--help"});
  if (help.status != 0 || help.output.find("cluster") == std::string::npos) {
    throw Refusal{std::string(option) + ": " + path + " is no tagma program (docs/tutorial.md makes one)"};
  }
  return absolute;
}

std::optional<OwnOperations> own_operations(const Arguments& arguments) {
  const bool any = !arguments.service.empty() || !arguments.operation.empty() || !arguments.total.empty();
  if (!any && arguments.program.empty()) return std::nullopt;
  if (!any) return std::nullopt;  // a program of one's own that hosts kv too
  if (arguments.service.empty() || arguments.operation.empty() || arguments.total.empty()) {
    throw Refusal{
        "--service, --operation and --total go together: what is asked, and what tells how often it was done"};
  }
  OwnOperations own;
  own.service = arguments.service;
  for (const auto& word : words_of(arguments.operation)) own.operation.emplace_back(word);
  for (const auto& word : words_of(arguments.total)) own.total.emplace_back(word);
  return own;
}

Setting setting_of(const Arguments& arguments) {
  Setting setting;
  setting.programs = bundled_programs();
  setting.docker = arguments.backend == "docker";
  setting.image = arguments.image;
  setting.seed = arguments.seed;
  setting.keep = arguments.keep;
  setting.settle_limit = std::chrono::seconds(arguments.settle_seconds);
  setting.mutant = arguments.mutant;
  setting.own = own_operations(arguments);
  setting.other_program = "tagma_mutant";
  if (!arguments.mutant.empty()) {
    setting.program = "tagma_mutant";
    setting.other_program = "tagma";
  }
  if (!arguments.program.empty()) {
    setting.programs["own"] = absolute_program(arguments.program, "--program");
    setting.program = "own";
    setting.other_program = arguments.other_build.empty() ? "" : "other";
  }
  if (!arguments.other_build.empty()) {
    setting.programs["other"] = absolute_program(arguments.other_build, "--other-build");
    setting.other_program = "other";
  }
  // As the kernel names it: what stands in front of the C library compares paths with its own.
  files::create_directories(arguments.report);
  setting.folder = files::canonical(arguments.report) / "data";
  return setting;
}

std::vector<Scenario> chosen(const Arguments& arguments, const std::vector<Scenario>& all) {
  if (arguments.names == std::vector<std::string>{"all"}) return all;
  std::vector<Scenario> found;
  for (const auto& name : arguments.names) {
    const auto one = std::find_if(all.begin(), all.end(), [&](const Scenario& each) { return each.name == name; });
    if (one == all.end()) throw Refusal{"there is no drill \"" + name + "\"; `tagma drill list` names them"};
    found.push_back(*one);
  }
  return found;
}

int list(const std::vector<Scenario>& scenarios) {
  std::printf("%-26s %6s  %-9s %s\n", "NAME", "LOAD", "ROWS", "TITLE");
  for (const auto& scenario : scenarios) {
    std::string rows;
    for (const auto& row : scenario.rows) rows += (rows.empty() ? "" : " ") + row;
    std::printf("%-26s %4.0f s  %-9s %s\n", scenario.name.c_str(), scenario.seconds, rows.c_str(),
                scenario.title.c_str());
  }
  return status_passed;
}

/// The image that holds the programs; made now where none was named.
void prepare_image(Setting& setting) {
  if (!setting.docker) return;
  if (const auto reason = no_docker()) throw Refusal{*reason, status_cannot};
  // By its number: a name may come to mean another image while drills run.
  const auto by_number = [&setting](const std::string& name) {
    const auto known = run_command({"docker", "image", "inspect", "-f", "{{.Id}}", name});
    if (known.status != 0) throw Refusal{"--image: this machine has no image " + name};
    setting.image = known.output.substr(0, known.output.find('\n'));
  };
  if (!setting.image.empty()) return by_number(setting.image);
  std::fprintf(stderr, "tagma drill: making the image of the programs\n");
  std::vector<std::string> words{TAGMA_IMAGE_SCRIPT, "tagma-drill"};
  for (const auto& [name, path] : setting.programs) words.push_back(path);
  const auto made = run_command(words, std::chrono::seconds(900));
  if (made.status == status_cannot) throw Refusal{"it cannot be tried here: " + made.output, status_cannot};
  if (made.status != 0) throw Refusal{"no image for the containers: " + made.output};
  const auto text = made.output.substr(0, made.output.find_last_not_of('\n') + 1);
  by_number(text.substr(text.rfind('\n') + 1));
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[40];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
  return text;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

RunResult described(const Setting& setting, const std::string& command) {
  RunResult run;
  run.command = command;
  run.started_at = utc_now();
  run.backend = setting.docker ? "docker" : "process";
  run.seed = setting.seed;
  const auto machine = cli::machine_facts();
  run.facts.emplace_back("machine", std::to_string(machine.cores) + " cores, " + machine.cpu_model);
  run.facts.emplace_back("kernel", machine.kernel);
  run.facts.emplace_back("program",
                         first_line(run_command({setting.programs.at(setting.program), "--version"}).output));
  if (!setting.mutant.empty()) run.facts.emplace_back("broken rule", setting.mutant);
  if (setting.docker) {
    run.facts.emplace_back("engine",
                           first_line(run_command({"docker", "version", "--format", "{{.Server.Version}}"}).output));
    run.facts.emplace_back("image", setting.image);
  }
  return run;
}

void tell(const DrillResult& drill) {
  const auto verdict = verdict_of(drill);
  std::fprintf(stderr, "%-8s %-26s %5.1f s  %llu acknowledged, longest pause %.0f ms",
               verdict == Verdict::failed ? "FAILED" : name_of(verdict).c_str(), drill.name.c_str(), drill.duration_s,
               static_cast<unsigned long long>(drill.acknowledged), drill.longest_pause_ms);
  if (drill.recovery_ms) std::fprintf(stderr, ", recovery %.0f ms", *drill.recovery_ms);
  if (drill.cost) {
    std::fprintf(stderr, ", %.0f%% of %.0f op/s, worst second %.0f%%", 100 * drill.cost->ratio(),
                 drill.cost->baseline_per_s, 100 * drill.cost->worst_second_ratio);
  }
  std::fprintf(stderr, "%s\n", drill.skipped.empty() ? "" : (": " + drill.skipped).c_str());
  if (drill.network_stall) std::fprintf(stderr, "         %s\n", stall_text(*drill.network_stall).c_str());
  for (const auto& one : drill.evidence) {
    if (!one.happened) std::fprintf(stderr, "         did not happen: %s (%s)\n", one.text.c_str(), one.detail.c_str());
  }
  for (const auto& one : drill.expectations) {
    if (!one.met) std::fprintf(stderr, "         not kept: %s (%s)\n", one.text.c_str(), one.detail.c_str());
  }
  if (!drill.kept.empty()) std::fprintf(stderr, "         its logs and data: %s\n", drill.kept.c_str());
}

/// REPORT/data: emptied of what an earlier run has left, and of nothing else.
class FolderOfData {
 public:
  explicit FolderOfData(const std::string& folder) : folder_(folder) {
    const std::string mark = folder + "/" + mark_name;
    if (files::exists(folder) && !files::is_empty(folder) && !files::exists(mark)) {
      throw Refusal{folder + ": has files that no drill made; give --report another folder"};
    }
    files::create_directories(folder);
    lock_ = open(mark.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (lock_ < 0 || flock(lock_, LOCK_EX | LOCK_NB) != 0) {
      throw Refusal{folder + ": another drill uses it; give --report another folder"};
    }
    for (const auto& entry : files::directory_iterator(folder)) {
      if (entry.path().filename() != mark_name) files::remove_all(entry.path());
    }
  }
  /// What drills that failed have left stays.
  ~FolderOfData() {
    const auto entries = std::distance(files::directory_iterator(folder_), files::directory_iterator());
    if (entries == 1) files::remove_all(folder_);
    close(lock_);
  }
  FolderOfData(const FolderOfData&) = delete;
  FolderOfData& operator=(const FolderOfData&) = delete;

 private:
  static constexpr const char* mark_name = ".made-by-drills";
  std::string folder_;
  int lock_ = -1;
};

/// Runs one after the other and shows where each is.
class Runner {
 public:
  Runner(const Arguments& arguments, const Setting& setting) : arguments_(arguments), setting_(setting) {}

  int run(const std::vector<Scenario>& scenarios, const std::string& command) {
    run_ = described(setting_, command);
    RunResult& run = run_;
    const auto begun = Clock::now();
    for (const auto& scenario : scenarios) {
      if (signals_.requested()) break;
      const std::string place =
          "[" + std::to_string(run.drills.size() + 1) + "/" + std::to_string(scenarios.size()) + "] ";
      run.drills.push_back(play(scenario, place));
      tell(run.drills.back());
      run.duration_s = std::chrono::duration<double>(Clock::now() - begun).count();
      write_report(run, arguments_.report);  // after each, so that a run that is cut short has left one
    }
    if (arguments_.json) std::cout << json_report(run) << '\n';
    return conclude(run);
  }

 private:
  DrillResult play(const Scenario& scenario, const std::string& place) {
    cli::ProgressLine line(streams_, std::chrono::seconds(20));
    const auto progress = [&](const std::string& text) {
      line.update(place + text);
      return !signals_.requested();
    };
    const auto while_kept = [&](Stage& stage, const DrillResult& failed) {
      line.clear();
      tell(failed);
      RunResult so_far = run_;
      so_far.drills.push_back(failed);
      write_report(so_far, arguments_.report);
      const auto folder = files::path(stage.site().direct_file()).parent_path().string();
      std::fprintf(stderr, "tagma drill: its cluster goes on until Ctrl-C: ./tagma status --dir %s --client %u\n",
                   folder.c_str(), stage.site().extra(ExtraClient::attacker));
      while (!signals_.requested()) {
        stage.attend();
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      }
    };
    return run_drill(setting_, scenario, progress, while_kept);
  }

  int conclude(const RunResult& run) {
    const Tally tally = tally_of(run.drills);
    std::fprintf(stderr, "%zu passed, %zu failed, %zu skipped in %.0f s; the report: %s/index.html\n", tally.passed,
                 tally.failed, tally.skipped, run.duration_s, files::absolute(arguments_.report).c_str());
    if (signals_.requested()) return status_interrupted;
    if (tally.failed > 0) return status_failed;
    return tally.passed > 0 ? status_passed : status_cannot;
  }

  const Arguments& arguments_;
  const Setting& setting_;
  RunResult run_;
  cli::StopSignals signals_;
  cli::Streams streams_{std::cout, std::cerr, isatty(STDERR_FILENO) != 0, nullptr, false, {}};
};

int run_command_line(int count, char** words) {
  CLI::App app;
  Arguments arguments;
  describe(app, arguments);
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    return status == 0 ? status_passed : status_usage;
  }
  auto scenarios = read_scenarios(arguments.scenarios);
  if (!scenarios) throw Refusal{scenarios.reason()};
  if (arguments.names == std::vector<std::string>{"list"}) return list(*scenarios);
  auto to_play = chosen(arguments, *scenarios);
  for (auto& scenario : to_play) {
    if (scenario.random_faults_s && arguments.minutes > 0) {
      scenario.random_faults_s = static_cast<std::uint32_t>(60 * arguments.minutes);
    }
  }
  Setting setting = setting_of(arguments);
  prepare_image(setting);
  const FolderOfData data(setting.folder);
  std::string command = "./tagma drill";
  for (int at = 1; at < count; ++at) command += std::string(" ") + words[at];
  return Runner(arguments, setting).run(to_play, command);
}

}  // namespace
}  // namespace tagma::drills

int main(int count, char** words) {
  try {
    return tagma::drills::run_command_line(count, words);
  } catch (const tagma::drills::Refusal& refusal) {
    std::fprintf(stderr, "tagma drill: %s\n", refusal.reason.c_str());
    return refusal.status;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "tagma drill: %s\n", problem.what());
    return 1;
  }
}
