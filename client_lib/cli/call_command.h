// tagma call: one operation, its voted reply on standard output.
#pragma once

#include <chrono>

#include "client_lib/cli/command.h"
#include "tagma/client.h"
#include "tagma/operation.h"

namespace tagma::cli {

[[nodiscard]] std::shared_ptr<CLI::App> describe_call();
[[nodiscard]] int run_call(const Arguments& arguments, const Streams& streams, const Program& program);

/// What to say of a reply that is not ok: "absent", "refused: the current value differs".
[[nodiscard]] std::string problem_of(const ServiceReply& reply);
/// Whose reply is awaited, for how long, and in which folder the cluster is, for hints.
struct Awaiting {
  std::string_view command;
  std::string directory;
  std::chrono::milliseconds timeout;
};
/// Says early, and not only when the time is up, that nobody is there, or that it takes long.
[[nodiscard]] CallResult awaited_reply(Client& client, const Bytes& operation, const Awaiting& awaiting,
                                       const Streams& streams);
/// "tagma status shows who answers": where no reply came.
[[nodiscard]] std::string who_answers_hint(const ProgramName& program, std::string_view directory);
/// What "outcome unknown" means.
inline constexpr std::string_view may_be_executed = "the operation may have been executed, or may yet be";

}  // namespace tagma::cli
