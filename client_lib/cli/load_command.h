// tagma load: every line of a file becomes a key; all are read back and compared.
#pragma once

#include "client_lib/cli/command.h"

namespace tagma::cli {

[[nodiscard]] std::shared_ptr<CLI::App> describe_load();
[[nodiscard]] int run_load(const Arguments& arguments, const Streams& streams, const Program& program);

}  // namespace tagma::cli
