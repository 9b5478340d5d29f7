// Runs a program to its end, for what the drills leave to others: docker, tagma init.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace tagma::drills {

struct CommandResult {
  int status = -1;     ///< its exit status; -1: a signal ended it, or it was killed for taking too long
  std::string output;  ///< standard output and error
};

/// `words` starts with a path, or a name that is looked for in PATH. Throws std::runtime_error where it cannot start.
[[nodiscard]] CommandResult run_command(const std::vector<std::string>& words,
                                        std::chrono::seconds limit = std::chrono::seconds(60));

/// The same, and throws where the status is not 0. Returns the output without its last line feed.
std::string run_or_throw(const std::vector<std::string>& words, std::chrono::seconds limit = std::chrono::seconds(60));

}  // namespace tagma::drills
