// tagma load: every line of a file becomes a key; all are read back and compared.
#pragma once

#include "client_lib/cli/command.h"

namespace tagma::cli {

[[nodiscard]] int run_load(const Arguments& arguments, const Streams& streams);
/// Only reads the arguments: the exit status where the command ends with them (help, bad usage), nothing where it would
/// go on. Performs nothing.
[[nodiscard]] std::optional<int> check_load(const Arguments& arguments, const Streams& streams);

}  // namespace tagma::cli
