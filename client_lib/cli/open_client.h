// A client of a cluster folder, with errors that say what to do.
#pragma once

#include <memory>
#include <string>

#include "tagma/client.h"

namespace tagma::cli {

/// Opens client `id` of the folder.
[[nodiscard]] Result<std::unique_ptr<Client>> open_client(const std::string& directory, ClientId id,
                                                          std::chrono::milliseconds timeout, std::uint32_t window);

/// The operation of a bundled service: `words` are the service's name, the verb and its arguments. Refuses what the
/// format or the limits do not allow.
[[nodiscard]] Result<Bytes> operation_of(const Words& words);

}  // namespace tagma::cli
