// tagma up: a whole cluster on this machine, as child processes in the foreground.
#pragma once

#include "client_lib/cli/command.h"

namespace tagma::cli {

[[nodiscard]] std::shared_ptr<CLI::App> describe_up();
[[nodiscard]] int run_up(const Arguments& arguments, const Streams& streams, const Program& program);

}  // namespace tagma::cli
