// tagma diff: whether replicas have the same state, which keys differ, and since which slot.
#pragma once

#include "client_lib/cli/command.h"

namespace tagma::cli {

[[nodiscard]] std::shared_ptr<CLI::App> describe_diff();
[[nodiscard]] int run_diff(const Arguments& arguments, const Streams& streams, const Program& program);

}  // namespace tagma::cli
