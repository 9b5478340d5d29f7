// tagma bench compare: two result files, figure by figure, by a stated rule.
//
// The rule: a figure differs if the ranges of its repeats do not overlap AND its medians differ by more than the
// threshold, measured from the smaller one. Ranges that overlap are "within the spread", whatever the medians say; a
// clear difference that is below the threshold is "below the threshold". With five repeats on both sides, equal
// programs keep apart by chance in 2 of 252 cases for each figure, with three in 2 of 20: hence repeats_min.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "client_lib/cli/bench_figures.h"
#include "client_lib/cli/command.h"
#include "tagma/result.h"

namespace tagma::cli {

/// What a comparison needs of a result file.
struct BenchFile {
  std::string path;
  std::vector<std::pair<std::string, std::string>> shape;  ///< what must be equal, by field, as JSON text
  std::vector<std::pair<std::string, std::string>> facts;  ///< machine and build, which should be
  std::string executable;                                  ///< its digest; empty if the file has none
  std::vector<Figures> repeats;
  std::size_t disturbed = 0;  ///< repeats that were
  std::uint64_t errors = 0;
};

/// Reads a result; the reason names the field. `path` is for messages.
[[nodiscard]] Result<BenchFile> read_bench_result(const std::string& path, const nlohmann::json& result);

enum class Verdict { not_judged, missing, within_spread, below_threshold, better, worse };

struct FigureComparison {
  Figure figure = figure_operations_per_second;
  std::optional<double> old_median;
  std::optional<double> new_median;
  std::optional<Spread> old_spread;
  std::optional<Spread> new_spread;
  std::optional<double> ratio;  ///< new / old; nothing where the old one is 0 or one is missing
  Verdict verdict = Verdict::missing;
};

/// The rule above. `figure` tells which way is better and whether it is judged at all.
[[nodiscard]] FigureComparison compare_figure(Figure figure, const Summary& old_summary, const Summary& new_summary,
                                              double threshold_percent);
/// The word for the verdict: "faster", "slower", "less", "more" ...
[[nodiscard]] std::string_view verdict_text(const FigureComparison& comparison);

/// Below it a comparison is refused unless forced.
inline constexpr std::size_t compare_repeats_min = 3;

/// Why the two should not be compared, one line each: another shape, too few repeats.
[[nodiscard]] std::vector<std::string> reasons_against(const BenchFile& old_file, const BenchFile& new_file);

/// Its options, for whoever reads them.
[[nodiscard]] std::shared_ptr<CLI::App> describe_bench_compare();
/// `arguments` are those behind "compare".
[[nodiscard]] int run_bench_compare(const Arguments& arguments, const Streams& streams);

}  // namespace tagma::cli
