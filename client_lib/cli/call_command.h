// tagma call: one operation, its voted reply on standard output.
#pragma once

#include "client_lib/cli/command.h"

namespace tagma::cli {

[[nodiscard]] int run_call(const Arguments& arguments, const Streams& streams);

}  // namespace tagma::cli
