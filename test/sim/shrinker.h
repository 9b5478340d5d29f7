// Makes a failing run short: the options that the seed drew are simplified one after the other as long as the run still
// fails in the same way.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "test/sim/runner.h"

namespace tagma::sim {

/// The names of the simplifications, in the order in which they are tried.
[[nodiscard]] std::vector<std::string_view> simplification_names();

/// What is left of the options without what the name says, which they remember. Returns false, and changes nothing, if
/// there is nothing of it or no simplification of this name.
bool simplify(SimOptions& options, std::string_view name);

/// How a run ended.
struct Ending {
  bool violated = false;
  bool aborted = false;  ///< an assertion of the code under test failed
  checkers::Oracle oracle{};
  std::string kind;  ///< kind_of what the oracle said; what the assertion said
  std::uint64_t events = 0;
};
/// What an oracle said without the numbers in it, which differ between two runs that fail alike.
[[nodiscard]] std::string kind_of(std::string_view what);
/// One oracle finds many bugs: what it said must be of the same kind, too.
[[nodiscard]] bool same_failure(const Ending& left, const Ending& right);
/// Runs in a process of its own, so that an abort is an ending like another.
[[nodiscard]] Ending ending_of(const SimOptions& options, const RunSwitches& switches);

struct Shrunk {
  SimOptions options;  ///< with the simplifications that hold in `without`; one may stand there several times
  Ending before;
  Ending after;
  std::uint64_t runs = 0;
};
/// `progress` is told of each simplification that is kept. Without a violation nothing is simplified.
[[nodiscard]] Shrunk shrink(const SimOptions& options, const RunSwitches& switches,
                            const std::function<void(std::string_view name, const Ending&)>& progress);

}  // namespace tagma::sim
