// tagma status: what every replica says about itself, and whether they agree.
#pragma once

#include "client_lib/cli/command.h"
#include "messages/cluster_file/cluster_file.h"
#include "tagma/client.h"

namespace tagma::cli {

[[nodiscard]] std::shared_ptr<CLI::App> describe_status();
[[nodiscard]] int run_status(const Arguments& arguments, const Streams& streams, const Program& program);

/// The same table through a client that is open already.
[[nodiscard]] int show_status(Client& client, const std::string& directory, const ClusterFile& file,
                              const Streams& streams);

}  // namespace tagma::cli
