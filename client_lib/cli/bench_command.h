// tagma bench: closed-loop load, measured.
#pragma once

#include "client_lib/cli/command.h"

namespace tagma::cli {

[[nodiscard]] int run_bench(const Arguments& arguments, const Streams& streams);
/// Only reads the arguments: the exit status where the command ends with them (help, bad usage), nothing where it would
/// go on. Performs nothing.
[[nodiscard]] std::optional<int> check_bench(const Arguments& arguments, const Streams& streams);

}  // namespace tagma::cli
