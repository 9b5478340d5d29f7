// What `tagma bench` has measured, and how it is shown: to people, and as the JSON that comparisons read.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "client_lib/cli/bench_facts.h"
#include "client_lib/cli/bench_figures.h"
#include "client_lib/cli/bench_options.h"

namespace tagma::cli {

/// One measurement of --seconds.
struct Repeat {
  double seconds = 0;
  std::uint64_t operations = 0;
  std::uint64_t errors = 0;
  Figures figures;
  std::vector<std::string> disturbed;  ///< why it is not to be trusted, one line each; empty for a good one
};

struct BenchResult {
  std::string durability;
  std::vector<Repeat> repeats;  ///< at least one
  std::string first_error;
  std::uint64_t warmup_errors = 0;
  double keys_written_percent = 0;  ///< of all keys, expected, when measuring began; what others wrote aside
  bool interrupted = false;
  std::string date;  ///< when it began
  MachineFacts machine;
  BuildFacts build;

  [[nodiscard]] std::uint64_t operations() const;
  [[nodiscard]] std::uint64_t errors() const;
};

/// What a reader should know before believing the figures, one line each.
[[nodiscard]] std::vector<std::string> notes_on(const BenchOptions& options, const BenchResult& result);

[[nodiscard]] nlohmann::json to_json(const BenchOptions& options, const BenchResult& result);
void print_text(const BenchOptions& options, const BenchResult& result, std::ostream& out);

/// A figure as people read it, with its unit where the number alone would not tell.
[[nodiscard]] std::string figure_text(Figure figure, double value);

}  // namespace tagma::cli
