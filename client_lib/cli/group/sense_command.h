// tagma sense: a member of a group that votes with the readings of a program or a file.
#pragma once

#include "client_lib/cli/command.h"

namespace tagma::cli {

[[nodiscard]] std::shared_ptr<CLI::App> describe_sense();
[[nodiscard]] int run_sense(const Arguments& arguments, const Streams& streams, const Program& program);

}  // namespace tagma::cli
