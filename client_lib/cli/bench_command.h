// tagma bench: closed-loop load, measured.
#pragma once

#include "client_lib/cli/command.h"

namespace tagma::cli {

[[nodiscard]] std::shared_ptr<CLI::App> describe_bench();
[[nodiscard]] int run_bench(const Arguments& arguments, const Streams& streams, const Program& program);

}  // namespace tagma::cli
