// tagma shell: operations one after the other on one open session, typed or piped in.
#pragma once

#include "client_lib/cli/command.h"

namespace tagma::cli {

[[nodiscard]] std::shared_ptr<CLI::App> describe_shell();
[[nodiscard]] int run_shell(const Arguments& arguments, const Streams& streams, const Program& program);

}  // namespace tagma::cli
