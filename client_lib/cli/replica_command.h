// tagma replica: one replica in the foreground.
#pragma once

#include "client_lib/cli/command.h"

namespace tagma::cli {

[[nodiscard]] std::shared_ptr<CLI::App> describe_replica();
[[nodiscard]] int run_replica_command(const Arguments& arguments, const Streams& streams, const Program& program);

}  // namespace tagma::cli
