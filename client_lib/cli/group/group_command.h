// tagma group: what groups there are, what they have decided, what is known of their members.
#pragma once

#include "client_lib/cli/command.h"

namespace tagma::cli {

[[nodiscard]] std::shared_ptr<CLI::App> describe_group();
[[nodiscard]] int run_group(const Arguments& arguments, const Streams& streams, const Program& program);

}  // namespace tagma::cli
