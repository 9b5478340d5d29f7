// `tagma admin`: changes that more than half of the administrators must want.
#pragma once

#include "client_lib/cli/command.h"

namespace tagma::cli {

[[nodiscard]] std::shared_ptr<CLI::App> describe_admin();
[[nodiscard]] int run_admin(const Arguments& arguments, const Streams& streams, const Program& program);

}  // namespace tagma::cli
