// tagma recover: a new cluster with what the replicas of one that nobody can bring back together know.
#pragma once

#include "client_lib/cli/command.h"

namespace tagma::cli {

[[nodiscard]] std::shared_ptr<CLI::App> describe_recover();
[[nodiscard]] int run_recover(const Arguments& arguments, const Streams& streams, const Program& program);

}  // namespace tagma::cli
