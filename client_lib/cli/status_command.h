// tagma status: what every replica says about itself, and whether they agree.
#pragma once

#include "client_lib/cli/command.h"

namespace tagma::cli {

[[nodiscard]] int run_status(const Arguments& arguments, const Streams& streams);

}  // namespace tagma::cli
