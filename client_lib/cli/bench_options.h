// What `tagma bench` is asked to do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client_lib/cli/bench_load.h"

namespace tagma::cli {

struct BenchOptions {
  std::string directory;
  bool local = false;
  std::uint32_t replicas = 4;  ///< of the cluster that is measured
  std::optional<std::string> durability;
  double seconds = 10;  ///< of each repeat
  double warmup = 2;
  std::uint32_t repeats = 1;
  bool fill = false;
  std::int64_t timeout_ms = 10'000;
  bool json = false;
  std::string output;  ///< a file for the JSON; empty for none
  std::string command_line;
  LoadShape shape;
};

}  // namespace tagma::cli
