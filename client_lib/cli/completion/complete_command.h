// tagma complete: what bash and zsh ask at every TAB. Not among the commands that users see.
#pragma once

#include "client_lib/cli/command.h"

namespace tagma::cli {

/// complete [--also NAME=SUMMARY]... -- WORDS...   WORDS are those behind the program's name as they were typed, quotes
/// and all; the last one is the one being typed. --also names commands of whoever calls us. Answers in the lines of
/// print_completion(); says nothing where it knows nothing.
[[nodiscard]] int run_complete(const Arguments& arguments, const Streams& streams, const Program& program);

}  // namespace tagma::cli
