// tagma call: one operation, its voted reply on standard output.
#pragma once

#include "client_lib/cli/command.h"
#include "tagma/operation.h"

namespace tagma::cli {

[[nodiscard]] std::shared_ptr<CLI::App> describe_call();
[[nodiscard]] int run_call(const Arguments& arguments, const Streams& streams, const Program& program);

/// What to say of a reply that is not ok: "absent", "refused: the current value differs".
[[nodiscard]] std::string problem_of(const ServiceReply& reply);
/// What "outcome unknown" means.
inline constexpr std::string_view may_be_executed = "the operation may have been executed, or may yet be";

}  // namespace tagma::cli
