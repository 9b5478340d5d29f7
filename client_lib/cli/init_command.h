// tagma init: writes a cluster folder, starts nothing.
#pragma once

#include "client_lib/cli/command.h"

namespace tagma::cli {

[[nodiscard]] std::shared_ptr<CLI::App> describe_init();
[[nodiscard]] int run_init(const Arguments& arguments, const Streams& streams, const Program& program);

}  // namespace tagma::cli
