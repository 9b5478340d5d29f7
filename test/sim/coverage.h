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

  /// A correct replica has executed a slot that none had executed before.
  void slot_committed() { ++slots_; }
  /// Whether one was after the first time that this was reached.
  [[nodiscard]] bool committed_after(std::string_view name) const;

 private:
  std::map<std::string, std::uint64_t, std::less<>> counts_;
  std::map<std::string, std::uint64_t, std::less<>> first_;  ///< slots_ when it was reached first
  std::uint64_t slots_ = 0;
};

/// The same over many runs.
class CoverageTable {
 public:
  void add(const Coverage& run);

  struct Row {
    std::string name;
    std::uint64_t seeds = 0;      ///< in how many runs it was reached
    std::uint64_t committed = 0;  ///< of those, in how many a slot was committed afterwards
    std::uint64_t total = 0;
  };
  [[nodiscard]] std::vector<Row> rows() const;
  [[nodiscard]] std::uint64_t runs() const { return runs_; }
  /// The rows of the catalogue that lies of replicas and clients play, by their names (SECURITY.md).
  [[nodiscard]] std::vector<Row> attacks() const;
  /// Branches that the profile is known to be able to reach and that no run reached.
  [[nodiscard]] std::vector<std::string> unreached(std::string_view profile) const;

 private:
  std::uint64_t runs_ = 0;
  std::map<std::string, Row, std::less<>> rows_;
  std::map<std::string, Row, std::less<>> attacks_;
};

}  // namespace tagma::sim
