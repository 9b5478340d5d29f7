// What several tests of the runtime need: a folder, a cluster in it, a client that speaks the wire by hand.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "crypto/channel.h"
#include "crypto/identity.h"
#include "messages/cluster_file/cluster_file.h"
#include "messages/messages.h"
#include "replica/core/config.h"
#include "test/fakes/temporary_folder.h"

namespace tagma::runtime_test {

using Folder = test::TemporaryFolder;

[[nodiscard]] MonotonicUs monotonic_us();

/// Repeats `act` until it returns true; false if that takes longer than anything healthy would.
[[nodiscard]] bool eventually(const std::function<bool()>& act);

/// A cluster whose replicas listen on ipc endpoints in the folder.
struct TestCluster {
  ClusterFile file;
  std::vector<crypto::Identity> replicas;
  std::vector<crypto::Identity> clients;
  [[nodiscard]] crypto::ChannelScope scope() const { return {file.membership.cluster, file.membership.epoch}; }
};
[[nodiscard]] TestCluster make_cluster(const Folder& folder, std::uint32_t n, std::uint32_t clients);

/// Writes cluster.toml, the secrets and the permissions to begin into the folder; returns the path of cluster.toml.
[[nodiscard]] std::string write_cluster(const Folder& folder, const TestCluster& cluster);

/// A client's connection to one replica, driven by hand.
class HandClient {
 public:
  HandClient(zmq::context_t& context, const TestCluster& cluster, ClientId client, ReplicaId replica);
  /// Anybody's connection. `identity` outlives this object.
  HandClient(zmq::context_t& context, const TestCluster& cluster, const Principal& who,
             const crypto::Identity& identity, ReplicaId replica);

  /// Shakes hands as needed and reads what waits. Call it again and again.
  void poll();
  [[nodiscard]] bool established() const { return channel_.established(); }
  void send(const std::vector<Message>& messages);
  void send_raw(ByteView record);
  /// Messages that came so far.
  [[nodiscard]] std::vector<Message>& received() { return received_; }
  [[nodiscard]] std::size_t resets() const { return resets_; }

 private:
  crypto::ChannelInitiator channel_;
  zmq::socket_t socket_;
  MonotonicUs next_hello_us_ = 0;
  std::vector<Message> received_;
  std::size_t resets_ = 0;
};

/// A signed bundle of a client.
[[nodiscard]] Submit make_submit(const TestCluster& cluster, ClientId client, SessionId session, RequestNumber first,
                                 std::vector<Bytes> operations);

}  // namespace tagma::runtime_test
