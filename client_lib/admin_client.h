// An administrator's questions to replicas: one at a time, each with a deadline. Private to client_lib and the command
// line.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client_lib/state_source.h"
#include "messages/messages.h"

namespace tagma {

struct AdminOptions {
  std::string cluster_file;   ///< path of cluster.toml
  std::string identity_file;  ///< path of this administrator's secret key
  AdminId id = 0;
  std::chrono::milliseconds timeout{2'000};  ///< of one question
};

/// Connects to a replica when it is first asked. For one thread.
class AdminClient {
 public:
  /// Refuses a bad file or key in one line. Connects to nobody yet.
  [[nodiscard]] static Result<std::unique_ptr<AdminClient>> open(const AdminOptions& options);
  ~AdminClient();
  AdminClient(const AdminClient&) = delete;
  AdminClient& operator=(const AdminClient&) = delete;

  /// Asks these replicas the same at the same time. One entry per replica, in their order; nothing where there was no
  /// answer in time. The query's nonce is set here.
  template <typename Answer, typename Query>
  [[nodiscard]] std::vector<std::optional<Answer>> ask(const std::vector<ReplicaId>& replicas, Query query) {
    query.nonce = next_nonce();
    const auto answers = [&query](const Message& message) {
      const auto* answer = std::get_if<Answer>(&message);
      return answer != nullptr && answer->nonce == query.nonce;
    };
    std::vector<std::optional<Answer>> typed;
    for (auto& message : exchange(replicas, Message{query}, answers)) {
      typed.push_back(message ? std::optional<Answer>(std::get<Answer>(*std::move(message))) : std::nullopt);
    }
    return typed;
  }

  [[nodiscard]] const Membership& membership() const;
  [[nodiscard]] std::chrono::milliseconds timeout() const;

 private:
  class Implementation;
  explicit AdminClient(std::unique_ptr<Implementation> implementation);
  [[nodiscard]] std::uint64_t next_nonce();
  [[nodiscard]] std::vector<std::optional<Message>> exchange(const std::vector<ReplicaId>& replicas,
                                                             const Message& query,
                                                             const std::function<bool(const Message&)>& answers);
  std::unique_ptr<Implementation> implementation_;
};

/// A running replica. The client outlives it.
class RunningReplica final : public StateSource {
 public:
  RunningReplica(AdminClient& client, ReplicaId id) : client_(client), id_(id) {}

  [[nodiscard]] std::string name() const override;
  [[nodiscard]] Result<History> history(Seq first, std::uint32_t count) override;
  [[nodiscard]] Result<StateNodes> nodes(Seq seq, const std::vector<NibblePrefix>& prefixes) override;
  [[nodiscard]] Result<StateKeys> keys(Seq seq, const Bytes& from) override;
  [[nodiscard]] Result<StateValues> values(Seq seq, const std::vector<Bytes>& keys) override;

 private:
  template <typename Answer, typename Query>
  [[nodiscard]] Result<Answer> ask(const Query& query);

  AdminClient& client_;
  ReplicaId id_;
};

}  // namespace tagma
