// Where and with what a measurement was made, so that a result says what it is.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace tagma::cli {

struct MachineFacts {
  std::uint32_t cores = 0;  ///< that this process may run on
  std::string cpu_model;
  std::string kernel;
};

/// All but `executable_sha256` is known when this is compiled.
struct BuildFacts {
  std::string version;
  std::string compiler;
  std::string type;
  std::string flags;       ///< those that tell build types apart
  std::string sanitizers;  ///< empty without
  std::string executable_sha256;
};

[[nodiscard]] MachineFacts machine_facts();
[[nodiscard]] BuildFacts build_facts();
/// The time now, in UTC: "2026-11-20T09:30:00Z".
[[nodiscard]] std::string date_text();
/// "model name" in the text of /proc/cpuinfo; "unknown" where it has none.
[[nodiscard]] std::string cpu_model_of(std::string_view cpuinfo);

[[nodiscard]] nlohmann::json to_json(const MachineFacts& facts);
[[nodiscard]] nlohmann::json to_json(const BuildFacts& facts);

}  // namespace tagma::cli
