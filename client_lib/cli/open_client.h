// A client of a cluster folder, with errors that say what to do.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "client_lib/cli/program_name.h"
#include "tagma/client.h"

namespace tagma::cli {

/// Opens client `id` of the folder. `program` is for the hints of a refusal.
[[nodiscard]] Result<std::unique_ptr<Client>> open_client(const std::string& directory, ClientId id,
                                                          std::chrono::milliseconds timeout, std::uint32_t window,
                                                          const ProgramName& program);

/// Opens administrator `id` of the folder, for one operation after the other.
[[nodiscard]] Result<std::unique_ptr<Client>> open_administrator(const std::string& directory, AdminId id,
                                                                 std::chrono::milliseconds timeout,
                                                                 const ProgramName& program);

/// Finds out, while a reply is awaited, that nobody is there at all. A cluster that is slow, or has lost its quorum,
/// still has replicas that report.
class SilenceWatch {
 public:
  /// `timeout` is how long the reply is awaited.
  SilenceWatch(Client& client, std::chrono::milliseconds timeout);

  /// To be asked again and again. True once: when a second has passed, or most of a shorter timeout, and no replica
  /// answers. It takes up to a third of that time to find out, once.
  [[nodiscard]] bool found();

 private:
  Client& client_;
  std::chrono::milliseconds patience_;
  std::chrono::steady_clock::time_point look_at_;
  bool looked_ = false;
};

/// Whether any replica answered.
[[nodiscard]] bool any_answered(const std::vector<ReplicaReport>& reports);

/// The operation of a bundled service: `words` are the service's name, the verb and its arguments. Refuses what the
/// format or the limits do not allow.
[[nodiscard]] Result<Bytes> operation_of(const Words& words);

}  // namespace tagma::cli
