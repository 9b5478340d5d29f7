#include "client_lib/cli/open_client.h"

#include <algorithm>
#include <filesystem>

#include "client_lib/cli/cluster_folder.h"
#include "client_lib/cli/command.h"
#include "client_lib/cli/text_format.h"
#include "tagma/limits.h"

namespace tagma::cli {

Result<std::unique_ptr<Client>> open_client(const std::string& directory, ClientId id,
                                            std::chrono::milliseconds timeout, std::uint32_t window,
                                            const ProgramName& program) {
  const auto file = open_cluster(directory, program);
  if (!file) return Refused{file.reason()};
  const auto& clients = file->membership.clients;
  // A secret of one that is not in the file is that of a client which administrators have added.
  const std::string secret = secret_path(directory, {PrincipalKind::client, id});
  std::error_code error;
  if (file->membership.find_client(id) == nullptr && !std::filesystem::exists(secret, error)) {
    return Refused{directory + ": has no client " + std::to_string(id) + "; it has " +
                   counted(clients.size(), "client") + ", numbered from 0 (" + program.word +
                   " init --clients N makes more, " + program.word +
                   " admin propose client add N in a running cluster)"};
  }
  ClientOptions options;
  options.cluster_file = cluster_file_path(directory);
  options.identity_file = secret;
  options.id = id;
  options.timeout = timeout;
  options.window = window;
  return Client::open(options);
}

Result<std::unique_ptr<Client>> open_administrator(const std::string& directory, AdminId id,
                                                   std::chrono::milliseconds timeout, const ProgramName& program) {
  const auto file = open_cluster(directory, program);
  if (!file) return Refused{file.reason()};
  if (file->membership.find_admin(id) == nullptr) {
    return Refused{directory + ": has no administrator " + std::to_string(id) + "; it has " +
                   counted(file->membership.admins.size(), "administrator") + ", numbered from 0"};
  }
  ClientOptions options;
  options.cluster_file = cluster_file_path(directory);
  options.identity_file = secret_path(directory, {PrincipalKind::admin, id});
  std::error_code error;
  if (!std::filesystem::exists(options.identity_file, error)) {
    return Refused{options.identity_file + ": is not there; say with --admin N whose secret this folder has"};
  }
  options.id = id;
  options.administrator = true;
  options.timeout = timeout;
  options.window = 1;
  return Client::open(options);
}

SilenceWatch::SilenceWatch(Client& client, std::chrono::milliseconds timeout)
    : client_(client),
      patience_(std::clamp(timeout / 4, std::chrono::milliseconds(1), std::chrono::milliseconds(330))),
      look_at_(std::chrono::steady_clock::now() + 2 * patience_) {}

bool SilenceWatch::found() {
  if (looked_ || std::chrono::steady_clock::now() < look_at_) return false;
  looked_ = true;
  return !any_answered(client_.reports(patience_));
}

bool any_answered(const std::vector<ReplicaReport>& reports) {
  return std::any_of(reports.begin(), reports.end(), [](const auto& replica) { return replica.answered; });
}

Result<Bytes> operation_of(const Words& words) {
  if (words.empty()) return Refused{"an operation needs at least the name of its service, such as kv"};
  const Bytes& service = words.front();
  if (service.empty() || service.size() > limits::service_name_bytes_max) {
    return Refused{"a service's name has 1 to " + std::to_string(limits::service_name_bytes_max) +
                   " bytes, this one has " + std::to_string(service.size())};
  }
  const Words arguments(words.begin() + 1, words.end());
  if (arguments.size() > limits::words_max) {
    return Refused{"an operation has at most " + std::to_string(limits::words_max) +
                   " words behind its service, this one has " + std::to_string(arguments.size())};
  }
  Bytes operation = encode_operation(service, encode_words(arguments));
  if (operation.size() > limits::operation_bytes_max) {
    return Refused{"the operation has " + with_commas(operation.size()) + " bytes; at most " +
                   with_commas(limits::operation_bytes_max) + " are allowed"};
  }
  return operation;
}

}  // namespace tagma::cli
