#include "docker/drills/drill.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>
#include <stdexcept>

#include "docker/drills/judge.h"
#include "docker/drills/random_faults.h"
#include "tagma/operation.h"

namespace tagma::drills {
namespace {

namespace files = std::filesystem;

constexpr std::chrono::milliseconds tick{10};
/// For what is outstanding when the load ends: replicas may be about to change views.
constexpr std::chrono::seconds patience{30};

struct Interrupted {};

double seconds_since(Clock::time_point zero) { return std::chrono::duration<double>(Clock::now() - zero).count(); }

std::string load_text(const Setting& setting, const LoadShape& load) {
  std::string text =
      std::to_string(load.clients) + " clients, " + std::to_string(load.outstanding) + " operations outstanding each";
  if (load.per_second_max > 0) text += ", at most " + std::to_string(load.per_second_max) + " a second together";
  if (setting.own) return text + ": " + setting.own->service;
  if (load.value_bytes > 0) text += ", values of " + std::to_string(load.value_bytes) + " bytes";
  return text + ": put, get, compare-and-set, delete on 64 shared keys, and puts of keys of their own";
}

class DrillRun {
 public:
  DrillRun(const Setting& setting, const Scenario& scenario, const Progress& progress, std::string folder)
      : setting_(setting), scenario_(scenario), progress_(progress), folder_(std::move(folder)) {}

  void run(DrillResult& result) {
    say("starting");
    stage_ = std::make_unique<Stage>(setting_, scenario_, folder_, [this] { check(); });
    reader_ = open_reader(std::chrono::seconds(60));
    Load load(scenario_.load, places(), setting_.seed, setting_.own);
    const auto zero = Clock::now();
    stage_->begin(zero);
    load.start(zero);
    play(load, zero);
    seen_.load_s = seconds_since(zero);
    say("the load ends");
    load.stop(patience, [this] {
      stage_->attend();
      check();
    });
    seen_.history = load.history();
    result.network_stall = stage_->network_stall();
    say("replicas catch up");
    stage_->settle_at_end();
    seen_.did_not_settle = stage_->did_not_settle();
    say("the states are compared");
    seen_.states = difference_of_states();
    stage_->conclude();
    say("everything is read back");
    read_back(zero);
    note_counters(result);
    seen_.unexpected_end = stage_->unexpected_end();
    finish(result);
  }

  /// The processes end; unless the drill failed and is to be kept.
  void stop(DrillResult& result, const std::function<void(Stage&, const DrillResult&)>& while_kept) {
    if (stage_ == nullptr) return;
    if (setting_.keep && !result.passed()) while_kept(*stage_, result);
    stage_->end();
  }

 private:
  void say(const std::string& text) {
    said_ = scenario_.name + ": " + text;
    check();
  }

  void check() {
    if (!progress_(said_)) throw Interrupted{};
  }

  [[nodiscard]] std::vector<ClientPlace> places() {
    std::vector<ClientPlace> places;
    for (ClientId id = 0; id < scenario_.load.clients; ++id) {
      places.push_back({id, stage_->site().client_file(id), stage_->site().client_key(id)});
    }
    return places;
  }

  [[nodiscard]] std::unique_ptr<Client> open_reader(std::chrono::milliseconds timeout) {
    ClientOptions options;
    options.id = stage_->site().extra(ExtraClient::reader);
    options.cluster_file = stage_->site().direct_file();
    options.identity_file = stage_->site().client_key(options.id);
    options.timeout = timeout;
    auto client = Client::open(options);
    if (!client) throw std::runtime_error("the reader: " + client.reason());
    return std::move(*client);
  }

  void play(const Load& load, Clock::time_point zero) {
    std::uint64_t before = 0;
    auto told = zero;
    const auto until = [&](double at_s) {
      while (seconds_since(zero) < at_s) {
        stage_->attend();
        if (const auto now = Clock::now(); now - told > std::chrono::milliseconds(500)) {
          const auto acknowledged = load.acknowledged();
          const double rate =
              static_cast<double>(acknowledged - before) / std::chrono::duration<double>(now - told).count();
          before = acknowledged;
          told = now;
          const auto view = stage_->observer().last().view();
          say(std::to_string(static_cast<int>(seconds_since(zero))) + " s of " +
              std::to_string(static_cast<int>(scenario_.seconds)) + ", " + std::to_string(static_cast<long>(rate)) +
              " op/s, view " + (view ? std::to_string(*view) : "?"));
        }
        std::this_thread::sleep_for(tick);
      }
    };
    double late_s = 0;  // what settled late puts off the faults that are drawn: each has the length that was drawn
    for (const auto& step : scenario_.steps) {
      until(step.at_s + late_s);
      stage_->perform(step);
      if (!scenario_.random_faults_s) continue;
      late_s = std::max(late_s, seconds_since(zero) - step.at_s);
      const bool healed = step.action == Action::settle;
      if (healed && seconds_since(zero) >= *scenario_.random_faults_s) break;
    }
    constexpr double quiet_s = 5;  // as draw_faults() leaves after the last one
    until(scenario_.random_faults_s ? seconds_since(zero) + quiet_s : scenario_.seconds);
  }

  /// Asks for enough that all reach one more checkpoint, until the newest one is the same everywhere.
  [[nodiscard]] std::string difference_of_states() {
    constexpr int at_once = 64;
    constexpr std::chrono::seconds patience_of_one{2};
    const auto asker = open_reader(patience_of_one);
    const auto& correct = stage_->correct();
    Seq from = 0;
    Sight sight = stage_->observer().look();
    for (const auto id : correct) {
      if (const auto* const report = sight.of(id)) from = std::max(from, report->report.last_executed);
    }
    const auto deadline = Clock::now() + setting_.settle_limit;
    while (Clock::now() < deadline) {
      // One after the other: each takes a slot.
      for (int asked = 0; asked < at_once && Clock::now() < deadline; ++asked) {
        static_cast<void>(asker->call(harmless()));
        check();
      }
      stage_->attend();
      sight = stage_->observer().look();
      if (sight.same_state(correct, from)) return "";
      say("the states are compared: " + sight.text());
    }
    return "after " + std::to_string(setting_.settle_limit.count()) + " s: " + sight.text();
  }

  [[nodiscard]] Bytes harmless() const {
    if (setting_.own) return encode_operation(setting_.own->service, encode_words(setting_.own->total));
    return encode_operation("kv", encode_words({"get", "nothing"}));
  }

  void read_back(Clock::time_point zero) {
    if (setting_.own) {
      seen_.own = true;
      const auto total = reader_->call(harmless());
      std::uint64_t number = 0;
      const auto& text = total.reply.text;
      const bool read = std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc();
      if (total.status == CallStatus::ok && read) seen_.own_total = number;
      return;
    }
    std::set<Bytes> keys;
    for (const auto& call : seen_.history) keys.insert(call.operation.key);
    auto key = keys.begin();
    while (key != keys.end()) {
      constexpr std::size_t at_once = 4'096;
      std::vector<Bytes> asked;
      for (; asked.size() < at_once && key != keys.end(); ++key) asked.push_back(*key);
      read_some(asked, zero);
      stage_->attend();
      check();
    }
  }

  void read_some(const std::vector<Bytes>& keys, Clock::time_point zero) {
    const auto now_us = [zero] {
      return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - zero).count();
    };
    std::vector<Bytes> operations;
    for (const auto& key : keys) operations.push_back(encode_operation("kv", encode_words({"get", key})));
    const auto invoked_us = now_us();
    const auto results = ask_all(*reader_, operations);
    const auto returned_us = now_us();
    for (std::size_t at = 0; at < keys.size(); ++at) {
      Call call;
      call.status = results[at].status;
      call.operation.process = stage_->site().extra(ExtraClient::reader);
      call.operation.kind = checkers::KvKind::get;
      call.operation.key = keys[at];
      call.operation.found = results[at].reply.status == ReplyStatus::ok;
      call.operation.value_seen = without_filling(results[at].reply.text);
      call.operation.invoked_us = invoked_us;
      call.operation.returned_us = returned_us;
      call.operation.hint = results[at].seq;
      seen_.reads.push_back(std::move(call));
    }
  }

  void note_counters(DrillResult& result) {
    const auto sight = stage_->observer().look();
    std::map<std::string, std::uint64_t> sums;
    for (const auto id : stage_->correct()) {
      const auto* const report = sight.of(id);
      if (report == nullptr) continue;
      for (const auto& [name, count] : report->report.counters) sums[name] += count;
    }
    for (const auto& [name, count] : sums) {
      if (count > 0) result.counters.emplace_back(name, count);
    }
  }

  void finish(DrillResult& result) {
    stage_->observer().stop();
    result.marks = stage_->marks();
    result.marks.push_back({seen_.load_s, "the load ends", true, false});
    result.samples = stage_->observer().samples();
    result.evidence = stage_->evidence();
    // To be kept, a failed cluster must still run: whether all stop cleanly is asked only where all else is well.
    if (setting_.keep) {
      seen_.stopped = false;
      DrillResult so_far = result;
      judge(scenario_, seen_, so_far);
      if (!so_far.passed()) {
        result = std::move(so_far);
        return;
      }
    }
    seen_.stopped = true;
    seen_.unclean_stop = stage_->stop();
    judge(scenario_, seen_, result);
  }

  const Setting& setting_;
  const Scenario& scenario_;
  const Progress& progress_;
  std::string folder_;
  std::string said_;  ///< where it is
  Seen seen_;
  std::unique_ptr<Stage> stage_;
  std::unique_ptr<Client> reader_;
};

DrillResult described(const Setting& setting, const Scenario& scenario) {
  DrillResult result;
  result.name = scenario.name;
  result.title = scenario.title;
  result.about = scenario.about;
  result.rows = scenario.rows;
  result.backend = setting.docker ? "docker" : "process";
  result.replicas = scenario.replicas;
  result.clients = scenario.load.clients;
  result.load = load_text(setting, scenario.load);
  return result;
}

}  // namespace

std::string reason_to_skip(const Setting& setting, const Scenario& scenario) {
  if (setting.own && scenario.byzantine) return "the replica that lies hosts the bundled services only";
  const bool upgrades = std::any_of(scenario.steps.begin(), scenario.steps.end(),
                                    [](const Step& step) { return step.program == "other"; });
  if (upgrades && (setting.other_program.empty() || (setting.own && setting.other_program == "tagma_mutant"))) {
    return "there is no other build to go to; --other-build names one";
  }
  return "";
}

DrillResult run_drill(const Setting& setting, const Scenario& asked, const Progress& progress,
                      const std::function<void(Stage&, const DrillResult&)>& while_kept) {
  Scenario scenario = asked;
  if (scenario.random_faults_s) draw_faults(scenario, setting.seed);
  DrillResult result = described(setting, scenario);
  result.skipped = reason_to_skip(setting, scenario);
  if (!result.skipped.empty()) return result;
  const auto begun = Clock::now();
  const std::string folder = setting.folder + "/" + scenario.name;
  DrillRun run(setting, scenario, progress, folder);
  try {
    run.run(result);
    run.stop(result, while_kept);
  } catch (const Interrupted&) {
    result.skipped = "interrupted";
  } catch (const std::exception& problem) {
    result.expectations.push_back({"the drill runs to its end", false, problem.what()});
    run.stop(result, while_kept);
  }
  result.duration_s = seconds_since(begun);
  if (result.passed()) {
    std::error_code error;
    files::remove_all(folder, error);
  } else {
    result.kept = folder;
  }
  return result;
}

}  // namespace tagma::drills
