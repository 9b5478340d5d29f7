// tagma inspect: what a stopped replica has on its disk, verified.
#pragma once

#include "client_lib/cli/command.h"

namespace tagma::cli {

[[nodiscard]] std::shared_ptr<CLI::App> describe_inspect();
[[nodiscard]] int run_inspect(const Arguments& arguments, const Streams& streams, const Program& program);

}  // namespace tagma::cli
