#include "client_lib/cli/bench_result.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <ostream>

#include "client_lib/cli/text_format.h"

namespace tagma::cli {
namespace {

using nlohmann::json;

json::json_pointer place_of(const FigureRule& rule) { return json::json_pointer("/" + std::string(rule.name)); }

json number_of(const FigureRule& rule, double value) { return rule.whole ? json(std::llround(value)) : json(value); }

void add_figures(json& to, const Figures& figures) {
  for (std::size_t figure = 0; figure < figure_count; ++figure) {
    const auto& rule = figure_rules[figure];
    to[place_of(rule)] = figures[figure] ? number_of(rule, *figures[figure]) : json(nullptr);
  }
}

json spread_json(const Summary& summary) {
  json spreads = json::object();
  for (std::size_t figure = 0; figure < figure_count; ++figure) {
    const auto& rule = figure_rules[figure];
    const auto& spread = summary.spreads[figure];
    spreads[place_of(rule)] = spread ? json{{"min", number_of(rule, spread->min)},
                                            {"max", number_of(rule, spread->max)},
                                            {"relative_percent", spread->relative_percent}}
                                     : json(nullptr);
  }
  return spreads;
}

Summary summary_of(const BenchResult& result) {
  std::vector<Figures> repeats;
  for (const auto& repeat : result.repeats) repeats.push_back(repeat.figures);
  return summarise(repeats);
}

double seconds_of(const BenchResult& result) {
  double sum = 0;
  for (const auto& repeat : result.repeats) sum += repeat.seconds;
  return sum;
}

std::string joined(const std::vector<std::string>& items) {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : "; ") + item;
  return text;
}

/// Whether each repeat was faster than the one before, or each slower, and by how much in all.
std::optional<double> trend_percent(const BenchResult& result) {
  // Of fewer than four repeats, one in three or more rises or falls throughout by chance.
  constexpr std::size_t repeats_min = 4;
  if (result.repeats.size() < repeats_min) return std::nullopt;
  std::vector<double> rates;
  for (const auto& repeat : result.repeats) {
    rates.push_back(repeat.figures[figure_operations_per_second].value_or(0));
  }
  const bool rises = std::is_sorted(rates.begin(), rates.end());
  const bool falls = std::is_sorted(rates.rbegin(), rates.rend());
  if (rises == falls || rates.front() <= 0) return std::nullopt;
  return (rates.back() / rates.front() - 1) * 100;
}

}  // namespace

std::uint64_t BenchResult::operations() const {
  std::uint64_t sum = 0;
  for (const auto& repeat : repeats) sum += repeat.operations;
  return sum;
}

std::uint64_t BenchResult::errors() const {
  std::uint64_t sum = 0;
  for (const auto& repeat : repeats) sum += repeat.errors;
  return sum;
}

std::vector<std::string> notes_on(const BenchOptions& options, const BenchResult& result) {
  constexpr double keys_written_min_percent = 95;
  constexpr double trend_max_percent = 5;
  std::vector<std::string> notes;
  for (std::size_t i = 0; i < result.repeats.size(); ++i) {
    const auto& disturbed = result.repeats[i].disturbed;
    if (!disturbed.empty()) {
      notes.push_back("repeat " + std::to_string(i + 1) +
                      " was disturbed (it counts all the same): " + joined(disturbed));
    }
  }
  if (result.warmup_errors > 0) notes.push_back(counted(result.warmup_errors, "error") + " in the warm-up");
  if (result.keys_written_percent < keys_written_min_percent) {
    notes.push_back("about " + fixed(result.keys_written_percent, 0) +
                    "% of the keys were written when measuring began, and new keys cost more: --fill writes all first");
  }
  const auto trend = trend_percent(result);
  if (trend && std::abs(*trend) > trend_max_percent) {
    notes.push_back("each repeat was " + std::string(*trend > 0 ? "faster" : "slower") + " than the one before (" +
                    fixed(std::abs(*trend), 0) + "% in all): not steady yet, a longer --warmup may help");
  }
  if (options.repeats == 1) notes.emplace_back("one repeat shows no spread: --repeat 5 does");
  if (!result.build.sanitizers.empty()) {
    notes.push_back("built with the sanitizers " + result.build.sanitizers + ": no figure of the product");
  } else if (result.build.type == "Debug") {
    notes.emplace_back("built without optimisation: no figure of the product");
  }
  return notes;
}

json to_json(const BenchOptions& options, const BenchResult& result) {
  const Summary summary = summary_of(result);
  json repeats = json::array();
  for (const auto& repeat : result.repeats) {
    json one = {{"seconds", repeat.seconds},
                {"operations", repeat.operations},
                {"errors", repeat.errors},
                {"disturbed", repeat.disturbed}};
    add_figures(one, repeat.figures);
    repeats.push_back(std::move(one));
  }
  json whole = {{"clients", options.shape.clients},
                {"window", options.shape.window},
                {"value_bytes", options.shape.value_bytes},
                {"keys", options.shape.keys},
                {"read_percent", options.shape.read_percent},
                {"durability", result.durability},
                {"replicas", options.replicas},
                {"local", options.local},
                {"filled", options.fill},
                {"warmup_seconds", options.warmup},
                {"keys_written_percent", result.keys_written_percent},
                {"seconds", seconds_of(result)},
                {"operations", result.operations()},
                {"errors", result.errors()},
                {"interrupted", result.interrupted},
                {"repeats", std::move(repeats)},
                {"spread", spread_json(summary)},
                {"notes", notes_on(options, result)},
                {"date", result.date},
                {"command_line", options.command_line},
                {"machine", to_json(result.machine)},
                {"build", to_json(result.build)}};
  add_figures(whole, summary.medians);
  return whole;
}

std::string figure_text(Figure figure, double value) {
  const auto& rule = figure_rules[figure];
  if (rule.name.starts_with("latency_us/")) return duration_text(std::llround(value));
  if (rule.digits == 0) return with_commas(static_cast<std::uint64_t>(std::max(value, 0.0)));
  return fixed(value, rule.digits);
}

namespace {

/// The median, and the range where there are several repeats.
class FigureTexts {
 public:
  explicit FigureTexts(const BenchResult& result) : summary_(summary_of(result)), several_(result.repeats.size() > 1) {}

  [[nodiscard]] bool has(Figure figure) const { return summary_.medians[figure].has_value(); }
  [[nodiscard]] std::string median(Figure figure) const {
    return has(figure) ? figure_text(figure, *summary_.medians[figure]) : "-";
  }
  /// " (MIN to MAX, N%)".
  [[nodiscard]] std::string range(Figure figure) const {
    const auto& spread = summary_.spreads[figure];
    if (!several_ || !spread) return "";
    return " (" + figure_text(figure, spread->min) + " to " + figure_text(figure, spread->max) + ", " +
           fixed(spread->relative_percent, 0) + "%)";
  }

 private:
  Summary summary_;
  bool several_;
};

void print_repeats(const BenchResult& result, std::ostream& out) {
  constexpr std::size_t width = 12;
  out << "  repeat" << right_aligned("operations/s", width + 2) << right_aligned("p50", width)
      << right_aligned("p99", width) << right_aligned("CPU us/op", width) << right_aligned("errors", width) << "\n";
  for (std::size_t i = 0; i < result.repeats.size(); ++i) {
    const auto& repeat = result.repeats[i];
    const auto text = [&](Figure figure) {
      return right_aligned(repeat.figures[figure] ? figure_text(figure, *repeat.figures[figure]) : "-", width);
    };
    out << right_aligned(std::to_string(i + 1), 8) << "  " << text(figure_operations_per_second)
        << text(figure_latency_p50) << text(figure_latency_p99) << text(figure_cpu)
        << right_aligned(with_commas(repeat.errors), width) << (repeat.disturbed.empty() ? "" : "  disturbed") << "\n";
  }
}

}  // namespace

void print_text(const BenchOptions& options, const BenchResult& result, std::ostream& out) {
  const auto& shape = options.shape;
  const FigureTexts figures(result);
  out << counted(shape.clients, "client") << " with " << shape.window << " outstanding each, "
      << with_commas(shape.value_bytes) << "-byte values, " << counted(shape.keys, "key") << ", " << shape.read_percent
      << "% reads, " << counted(options.replicas, "replica") << "\n";
  if (result.repeats.size() > 1) {
    print_repeats(result, out);
    out << "median of " << counted(result.repeats.size(), "repeat") << " (smallest to largest, spread)\n";
  }
  out << "  throughput  " << figures.median(figure_operations_per_second) << " operations/s"
      << figures.range(figure_operations_per_second) << "; " << with_commas(result.operations()) << " in "
      << fixed(seconds_of(result), 1) << " s, " << counted(result.errors(), "error") << "\n"
      << "  latency     p50 " << figures.median(figure_latency_p50) << "   p90 " << figures.median(figure_latency_p90)
      << "   p99 " << figures.median(figure_latency_p99) << "   p99.9 " << figures.median(figure_latency_p999)
      << "   max " << figures.median(figure_latency_max) << "\n";
  if (result.repeats.size() > 1) {
    out << "              p50" << figures.range(figure_latency_p50) << "   p99" << figures.range(figure_latency_p99)
        << "\n";
  }
  if (figures.has(figure_batch_mean) && figures.has(figure_bundle_mean)) {
    out << "  grouping    " << figures.median(figure_batch_mean) << " operations per batch, "
        << figures.median(figure_bundle_mean) << " per signed bundle\n";
  }
  if (figures.has(figure_cpu)) {
    out << "  CPU         " << figures.median(figure_cpu) << " us per operation" << figures.range(figure_cpu)
        << ", all replicas and clients together;\n              the clients, which are this process: "
        << figures.median(figure_bench_cpu) << " us\n";
  }
  if (figures.has(figure_wake_ups)) {
    out << "  wake-ups    " << figures.median(figure_wake_ups) << " per operation" << figures.range(figure_wake_ups)
        << ", all threads together\n";
  }
  if (figures.has(figure_other_cores)) {
    out << "  others      other processes took " << figures.median(figure_other_cores) << " of " << result.machine.cores
        << " cores" << figures.range(figure_other_cores) << "\n";
  }
  const auto& first = result.repeats.front().figures[figure_memory_start];
  const auto& last = result.repeats.back().figures[figure_memory];
  if (first && last) {
    out << "  memory      " << fixed(*last, 1) << " MB anonymous in the largest replica at the end, "
        << fixed(*first, 1) << " at the start\n";
  }
  out << "  durability  " << result.durability << std::endl;
  for (const auto& note : notes_on(options, result)) out << "note: " << note << "\n";
  out << std::flush;
}

}  // namespace tagma::cli
