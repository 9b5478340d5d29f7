// The figures of `tagma bench`: what each is called, which way is better, and how repeats of one measurement become one
// figure with a spread. Reports and comparisons speak of the same list.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace tagma::cli {

enum class Better { higher, lower, neither };

enum Figure : std::size_t {
  figure_operations_per_second,
  figure_latency_p50,
  figure_latency_p90,
  figure_latency_p99,
  figure_latency_p999,
  figure_latency_max,
  figure_batch_mean,
  figure_bundle_mean,
  figure_cpu,
  figure_bench_cpu,
  figure_other_cores,
  figure_wake_ups,
  figure_memory_start,
  figure_memory,
  figure_count
};

/// What is known of a figure but its value.
struct FigureRule {
  std::string_view name;  ///< in the JSON; "a/b" is the field b of the object a
  Better better = Better::neither;
  bool judged = false;  ///< a comparison says "faster" or "slower" of it
  bool whole = false;   ///< an integer
  int digits = 1;       ///< behind the point, where people read it
};

/// By Figure.
extern const std::array<FigureRule, figure_count> figure_rules;

/// Values by Figure; nothing where a figure could not be measured.
using Figures = std::array<std::optional<double>, figure_count>;

/// How far the repeats lie apart.
struct Spread {
  double min = 0;
  double max = 0;
  double relative_percent = 0;  ///< (max - min) / median; 0 where the median is 0
};

struct Summary {
  Figures medians;
  std::array<std::optional<Spread>, figure_count> spreads;
};

/// The middle value, or the mean of the two middle ones; nothing where there are no values.
[[nodiscard]] std::optional<double> median_of(std::vector<double> values);
/// Nothing where there are no values.
[[nodiscard]] std::optional<Spread> spread_of(const std::vector<double>& values);
/// Of each figure over the repeats that have it.
[[nodiscard]] Summary summarise(const std::vector<Figures>& repeats);

}  // namespace tagma::cli
