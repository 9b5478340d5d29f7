#include "client_lib/cli/bench_compare.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <exception>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>

#include "client_lib/cli/bench_result.h"
#include "client_lib/cli/description.h"
#include "client_lib/cli/text_format.h"

namespace tagma::cli {
namespace {

using nlohmann::json;

constexpr std::uintmax_t file_bytes_max = 16UL * 1024 * 1024;
constexpr std::size_t repeats_max = 10'000;

// What makes two runs the same measurement. A field that a file lacks (one of an older version) equals only itself.
constexpr std::array<std::string_view, 9> shape_fields{"clients",    "window",   "value_bytes", "keys",  "read_percent",
                                                       "durability", "replicas", "local",       "filled"};
constexpr std::array<std::string_view, 8> fact_fields{"warmup_seconds", "machine/cores",   "machine/cpu_model",
                                                      "machine/kernel", "build/compiler",  "build/type",
                                                      "build/flags",    "build/sanitizers"};
constexpr std::size_t shape_fields_required = 6;  ///< that every version writes

std::string dotted(std::string_view name) {
  std::string text(name);
  std::replace(text.begin(), text.end(), '/', '.');
  return text;
}

std::string text_of(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

/// Null where the field, or an object on the way to it, is missing.
const json* find(const json& object, std::string_view name) {
  const json* place = &object;
  while (true) {
    const std::size_t slash = name.find('/');
    if (!place->is_object()) return nullptr;
    const auto field = place->find(std::string(name.substr(0, slash)));
    if (field == place->end()) return nullptr;
    place = &*field;
    if (slash == std::string_view::npos) return place;
    name.remove_prefix(slash + 1);
  }
}

/// Figures that an older version did not write are missing, as are those that could not be measured; the first of the
/// list, and latencies, everybody writes.
Result<Figures> read_figures(const json& object, const std::string& where) {
  Figures figures;
  for (std::size_t figure = 0; figure < figure_count; ++figure) {
    const auto& rule = figure_rules[figure];
    const bool required = figure <= figure_latency_max;
    const json* value = find(object, rule.name);
    if (value == nullptr || value->is_null()) {
      if (required) return Refused{where + dotted(rule.name) + ": is missing"};
      continue;
    }
    if (!value->is_number() || value->get<double>() < 0) {
      return Refused{where + dotted(rule.name) + ": is not a number from 0 on"};
    }
    figures[figure] = value->get<double>();
  }
  return figures;
}

Result<std::vector<std::pair<std::string, std::string>>> read_shape(const json& result) {
  std::vector<std::pair<std::string, std::string>> shape;
  for (std::size_t i = 0; i < shape_fields.size(); ++i) {
    const json* value = find(result, shape_fields[i]);
    if (value == nullptr && i < shape_fields_required) return Refused{std::string(shape_fields[i]) + ": is missing"};
    if (value != nullptr && value->is_structured()) {
      return Refused{std::string(shape_fields[i]) + ": is not a single value"};
    }
    shape.emplace_back(shape_fields[i], value == nullptr ? "unknown" : text_of(*value));
  }
  return shape;
}

Result<BenchFile> parsed_file(const std::string& path, const ProgramName& program) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) return Refused{path + ": cannot be read: " + error.message()};
  if (size > file_bytes_max) return Refused{path + ": is too large for a result of tagma bench"};
  std::ifstream file(path, std::ios::binary);
  if (!file) return Refused{path + ": cannot be read"};
  const json result = json::parse(file, nullptr, false);
  if (result.is_discarded()) {
    return Refused{path + ": is not JSON; " + program.word + " bench --output FILE writes such a file"};
  }
  return read_bench_result(path, result);
}

/// Whatever is wrong with a file is bad input, also where reading or JSON throws.
Result<BenchFile> load_file(const std::string& path, const ProgramName& program) {
  try {
    return parsed_file(path, program);
  } catch (const std::exception& error) {
    return Refused{path + ": cannot be read as a result: " + error.what()};
  }
}

}  // namespace

Result<BenchFile> read_bench_result(const std::string& path, const json& result) {
  BenchFile file;
  file.path = path;
  if (!result.is_object()) return Refused{path + ": is not a result of tagma bench: no JSON object"};
  auto shape = read_shape(result);
  if (!shape) return Refused{path + ": " + shape.reason()};
  file.shape = std::move(*shape);
  const json* errors = find(result, "errors");
  if (errors == nullptr || !errors->is_number_unsigned()) return Refused{path + ": errors: is not a count"};
  file.errors = errors->get<std::uint64_t>();
  for (const auto field : fact_fields) {
    const json* value = find(result, field);
    if (value != nullptr && value->is_structured()) {
      return Refused{path + ": " + dotted(field) + ": is not a single value"};
    }
    file.facts.emplace_back(dotted(field), value == nullptr ? "unknown" : text_of(*value));
  }
  const json* executable = find(result, "build/executable_sha256");
  if (executable != nullptr && executable->is_string()) file.executable = executable->get<std::string>();
  const json* repeats = find(result, "repeats");
  if (repeats == nullptr) {  // of a version without them: the whole was one
    auto figures = read_figures(result, path + ": ");
    if (!figures) return Refused{figures.reason()};
    file.repeats.push_back(*figures);
    return file;
  }
  if (!repeats->is_array() || repeats->empty() || repeats->size() > repeats_max) {
    return Refused{path + ": repeats: is not a list of 1 to " + with_commas(repeats_max) + " repeats"};
  }
  for (std::size_t i = 0; i < repeats->size(); ++i) {
    const json& one = (*repeats)[i];
    auto figures = read_figures(one, path + ": repeats[" + std::to_string(i) + "].");
    if (!figures) return Refused{figures.reason()};
    file.repeats.push_back(*figures);
    const json* disturbed = find(one, "disturbed");
    if (disturbed != nullptr && !disturbed->empty()) ++file.disturbed;
  }
  return file;
}

FigureComparison compare_figure(Figure figure, const Summary& old_summary, const Summary& new_summary,
                                double threshold_percent) {
  FigureComparison comparison{figure,
                              old_summary.medians[figure],
                              new_summary.medians[figure],
                              old_summary.spreads[figure],
                              new_summary.spreads[figure],
                              std::nullopt,
                              Verdict::missing};
  if (!comparison.old_median || !comparison.new_median) return comparison;
  const double old_median = *comparison.old_median;
  const double new_median = *comparison.new_median;
  if (old_median > 0) comparison.ratio = new_median / old_median;
  const auto& rule = figure_rules[figure];
  if (!rule.judged) {
    comparison.verdict = Verdict::not_judged;
    return comparison;
  }
  const bool overlap = comparison.old_spread->min <= comparison.new_spread->max &&
                       comparison.new_spread->min <= comparison.old_spread->max;
  const double smaller = std::min(old_median, new_median);
  const double larger = std::max(old_median, new_median);
  if (overlap) {
    comparison.verdict = Verdict::within_spread;
  } else if (larger <= smaller * (1 + threshold_percent / 100)) {
    comparison.verdict = Verdict::below_threshold;
  } else {
    comparison.verdict =
        (new_median > old_median) == (rule.better == Better::higher) ? Verdict::better : Verdict::worse;
  }
  return comparison;
}

std::string_view verdict_text(const FigureComparison& comparison) {
  const bool is_time = comparison.figure <= figure_latency_max;
  switch (comparison.verdict) {
    case Verdict::not_judged: return "not judged";
    case Verdict::missing: return "not in both";
    case Verdict::within_spread: return "within the spread";
    case Verdict::below_threshold: return "below the threshold";
    case Verdict::better: return is_time ? "faster" : "less";
    case Verdict::worse: return is_time ? "slower" : "more";
  }
  return "";
}

std::vector<std::string> reasons_against(const BenchFile& old_file, const BenchFile& new_file) {
  std::vector<std::string> reasons;
  for (std::size_t i = 0; i < old_file.shape.size(); ++i) {
    const auto& [field, value] = old_file.shape[i];
    if (value == new_file.shape[i].second) continue;
    std::string reason = field;
    reason.append(": ").append(value).append(" in ").append(old_file.path);
    reason.append(", ").append(new_file.shape[i].second).append(" in ").append(new_file.path);
    reasons.push_back(std::move(reason));
  }
  for (const auto* file : {&old_file, &new_file}) {
    if (file->repeats.size() >= compare_repeats_min) continue;
    reasons.push_back("repeats: " + std::to_string(file->repeats.size()) + " in " + file->path +
                      ", which shows no spread; measure with --repeat 5");
  }
  return reasons;
}

namespace {

struct CompareOptions {
  std::string old_path;
  std::string new_path;
  double threshold_percent = 5;
  bool force = false;
  bool json = false;
};

std::vector<std::string> warnings_on(const BenchFile& old_file, const BenchFile& new_file) {
  std::vector<std::string> warnings;
  for (std::size_t i = 0; i < old_file.facts.size(); ++i) {
    const auto& [field, value] = old_file.facts[i];
    if (value == new_file.facts[i].second) continue;
    std::string warning = "measured differently: ";
    warning.append(field).append(" was ").append(value).append(", is ").append(new_file.facts[i].second);
    warnings.push_back(std::move(warning));
  }
  if (!old_file.executable.empty() && old_file.executable == new_file.executable) {
    warnings.emplace_back("both sides ran the same executable: what differs is noise, or the machine");
  }
  for (const auto* file : {&old_file, &new_file}) {
    if (file->disturbed > 0) {
      warnings.push_back(file->path + ": " + std::to_string(file->disturbed) + " of " +
                         counted(file->repeats.size(), "repeat") + " were disturbed");
    }
    if (file->errors > 0) warnings.push_back(file->path + ": has " + counted(file->errors, "error"));
  }
  return warnings;
}

json side_json(const std::optional<double>& median, const std::optional<Spread>& spread) {
  if (!median) return nullptr;
  return {
      {"median", *median}, {"min", spread->min}, {"max", spread->max}, {"relative_percent", spread->relative_percent}};
}

void print_compare_json(const CompareOptions& options, const std::vector<FigureComparison>& comparisons, bool slower,
                        const std::vector<std::string>& warnings, std::ostream& out) {
  json figures = json::array();
  for (const auto& one : comparisons) {
    figures.push_back({{"figure", dotted(figure_rules[one.figure].name)},
                       {"old", side_json(one.old_median, one.old_spread)},
                       {"new", side_json(one.new_median, one.new_spread)},
                       {"ratio", one.ratio ? json(*one.ratio) : json(nullptr)},
                       {"verdict", verdict_text(one)},
                       {"worse", one.verdict == Verdict::worse}});
  }
  const json whole = {
      {"old", options.old_path}, {"new", options.new_path}, {"threshold_percent", options.threshold_percent},
      {"figures", figures},      {"worse", slower},         {"forced", options.force},
      {"warnings", warnings}};
  out << whole.dump(2, ' ', false, json::error_handler_t::replace) << std::endl;
}

std::string side_text(Figure figure, const std::optional<double>& median, const std::optional<Spread>& spread) {
  if (!median) return "-";
  return figure_text(figure, *median) + " (" + figure_text(figure, spread->min) + " to " +
         figure_text(figure, spread->max) + ")";
}

void print_compare_text(const CompareOptions& options, const std::vector<FigureComparison>& comparisons,
                        const std::vector<std::string>& warnings, std::ostream& out) {
  std::size_t name_width = 0;
  std::size_t old_width = 0;
  std::size_t new_width = 0;
  for (const auto& one : comparisons) {
    name_width = std::max(name_width, figure_rules[one.figure].name.size());
    old_width = std::max(old_width, side_text(one.figure, one.old_median, one.old_spread).size());
    new_width = std::max(new_width, side_text(one.figure, one.new_median, one.new_spread).size());
  }
  out << "old: " << options.old_path << "\nnew: " << options.new_path << "\n"
      << "medians (smallest to largest repeat); a figure differs if the ranges do not overlap\n"
      << "and the medians differ by more than " << fixed(options.threshold_percent, 1) << "%\n\n"
      << left_aligned("figure", name_width) << "  " << left_aligned("old", old_width) << "  "
      << left_aligned("new", new_width) << "  new/old\n";
  for (const auto& one : comparisons) {
    out << left_aligned(dotted(figure_rules[one.figure].name), name_width) << "  "
        << left_aligned(side_text(one.figure, one.old_median, one.old_spread), old_width) << "  "
        << left_aligned(side_text(one.figure, one.new_median, one.new_spread), new_width) << "  "
        << right_aligned(one.ratio ? fixed(*one.ratio, 3) : "-", 7) << "  " << verdict_text(one) << "\n";
  }
  for (const auto& warning : warnings) out << "warning: " << warning << "\n";
  out << std::flush;
}

void describe_compare(CLI::App& app, CompareOptions& options) {
  app.add_option("OLD", options.old_path, "A result that tagma bench wrote with --output")
      ->required()
      ->type_name("FILE");
  app.add_option("NEW", options.new_path, "Another of the same shape")->required()->type_name("FILE");
  app.add_option("--threshold", options.threshold_percent, "Differences up to it do not count (default 5)")
      ->check(CLI::Range(0.0, 1e6).description(""))
      ->type_name("PERCENT");
  app.add_flag("--force", options.force, "Compare other shapes and too few repeats too");
  app.add_flag("--json", options.json, "The comparison as JSON");
  app.footer(
      "A figure differs if the ranges of its repeats do not overlap and its medians\n"
      "differ by more than the threshold. The largest latency, the grouping and what\n"
      "the machine did otherwise are shown and not judged.\n\n"
      "Examples:\n"
      "  tagma bench --local --fill --repeat 5 --output old.json\n"
      "  tagma bench --local --fill --repeat 5 --output new.json\n"
      "  tagma bench compare old.json new.json --threshold 10\n\n"
      "Exit status: 0 nothing is worse, 1 something is slower or takes more,\n"
      "2 usage, bad files or files that should not be compared.");
}

}  // namespace

std::shared_ptr<CLI::App> describe_bench_compare() {
  auto app = described<CompareOptions>(describe_compare);
  app->name("compare");
  app->description("Compares two results of tagma bench, figure by figure.");
  return app;
}

int run_bench_compare(const Arguments& arguments, const Streams& streams) {
  constexpr std::string_view name = "bench compare";
  CLI::App app("Compares two results of tagma bench, figure by figure.", "tagma bench compare");
  CompareOptions options;
  describe_compare(app, options);
  if (const auto status = parse_arguments(app, arguments, streams)) return *status;
  const auto old_file = load_file(options.old_path, streams.program);
  if (!old_file) return fail(streams, name, old_file.reason());
  const auto new_file = load_file(options.new_path, streams.program);
  if (!new_file) return fail(streams, name, new_file.reason());
  auto warnings = warnings_on(*old_file, *new_file);
  const auto reasons = reasons_against(*old_file, *new_file);
  if (!options.force && !reasons.empty()) {
    for (const auto& reason : reasons) fail(streams, name, reason);
    return fail(streams, name, "these are not comparable; --force compares them all the same");
  }
  for (const auto& reason : reasons) warnings.push_back("compared by force: " + reason);
  const Summary old_summary = summarise(old_file->repeats);
  const Summary new_summary = summarise(new_file->repeats);
  std::vector<FigureComparison> comparisons;
  for (std::size_t figure = 0; figure < figure_count; ++figure) {
    comparisons.push_back(
        compare_figure(static_cast<Figure>(figure), old_summary, new_summary, options.threshold_percent));
  }
  const bool worse = std::any_of(comparisons.begin(), comparisons.end(),
                                 [](const auto& one) { return one.verdict == Verdict::worse; });
  if (options.json) {
    print_compare_json(options, comparisons, worse, warnings, streams.out);
  } else {
    print_compare_text(options, comparisons, warnings, streams.out);
  }
  return worse ? exit_failed : exit_ok;
}

}  // namespace tagma::cli
