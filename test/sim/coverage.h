// Which branches of the protocol and which faults a run has reached. An oracle that never saw an attack proves nothing.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tagma::sim {

/// Counters of one run by name.
class Coverage {
 public:
  void count(std::string_view name, std::uint64_t by = 1);
  [[nodiscard]] const std::map<std::string, std::uint64_t, std::less<>>& counts() const { return counts_; }
  [[nodiscard]] std::uint64_t of(std::string_view name) const;

 private:
  std::map<std::string, std::uint64_t, std::less<>> counts_;
};

/// The same over many runs.
class CoverageTable {
 public:
  void add(const Coverage& run);

  struct Row {
    std::string name;
    std::uint64_t seeds = 0;  ///< in how many runs it was reached
    std::uint64_t total = 0;
  };
  [[nodiscard]] std::vector<Row> rows() const;
  [[nodiscard]] std::uint64_t runs() const { return runs_; }
  /// Branches that the profile is known to be able to reach and that no run reached.
  [[nodiscard]] std::vector<std::string> unreached(std::string_view profile) const;

 private:
  std::uint64_t runs_ = 0;
  std::map<std::string, Row, std::less<>> rows_;
};

}  // namespace tagma::sim
