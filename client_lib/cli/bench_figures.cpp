#include "client_lib/cli/bench_figures.h"

#include <algorithm>

namespace tagma::cli {

const std::array<FigureRule, figure_count> figure_rules{{
    {"operations_per_second", Better::higher, true, false, 0},
    {"latency_us/p50", Better::lower, true, true, 0},
    {"latency_us/p90", Better::lower, true, true, 0},
    {"latency_us/p99", Better::lower, true, true, 0},
    {"latency_us/p999", Better::lower, true, true, 0},
    // One operation decides the largest latency, so it is shown and not judged.
    {"latency_us/max", Better::lower, false, true, 0},
    {"batch_mean", Better::neither, false, false, 1},
    {"bundle_mean", Better::neither, false, false, 1},
    {"cpu_us_per_operation", Better::lower, true, false, 1},
    {"bench_cpu_us_per_operation", Better::lower, false, false, 1},
    {"other_processes_cores", Better::neither, false, false, 2},
    {"wake_ups_per_operation", Better::lower, true, false, 2},
    {"replica_rss_anon_start_mb", Better::lower, false, false, 1},
    {"replica_rss_anon_mb", Better::lower, true, false, 1},
}};

std::optional<double> median_of(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle];
  return values[middle - 1] + (values[middle] - values[middle - 1]) / 2;
}

std::optional<Spread> spread_of(const std::vector<double>& values) {
  const auto median = median_of(values);
  if (!median) return std::nullopt;
  const auto [min, max] = std::minmax_element(values.begin(), values.end());
  return Spread{*min, *max, *median > 0 ? (*max - *min) / *median * 100 : 0};
}

Summary summarise(const std::vector<Figures>& repeats) {
  Summary summary;
  for (std::size_t figure = 0; figure < figure_count; ++figure) {
    std::vector<double> values;
    for (const auto& repeat : repeats) {
      if (repeat[figure]) values.push_back(*repeat[figure]);
    }
    summary.medians[figure] = median_of(values);
    summary.spreads[figure] = spread_of(values);
  }
  return summary;
}

}  // namespace tagma::cli
