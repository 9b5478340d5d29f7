#include "support.h"

#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "crypto/digest.h"
#include "messages/cluster_file/genesis.h"
#include "messages/wire/codec.h"

namespace tagma::runtime_test {

MonotonicUs monotonic_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool eventually(const std::function<bool()>& act) {
  constexpr MonotonicUs give_up_us = 30'000'000;
  const MonotonicUs end_us = monotonic_us() + give_up_us;
  while (monotonic_us() < end_us) {
    if (act()) return true;
    std::this_thread::sleep_for(std::chrono::microseconds(200));  // leaves the processor to the I/O threads
  }
  return false;
}

TestCluster make_cluster(const Folder& folder, std::uint32_t n, std::uint32_t clients) {
  TestCluster cluster;
  Membership& membership = cluster.file.membership;
  static_cast<void>(digest_from_bytes(crypto::random_bytes(Digest::size_bytes), membership.cluster));
  membership.epoch = 1;
  membership.faults = faults_tolerated(n);
  for (ReplicaId id = 0; id < n; ++id) {
    cluster.replicas.push_back(crypto::Identity::generate(KeyAlgorithm::ecdsa_p256));
    ReplicaMember member;
    member.id = id;
    member.key = cluster.replicas.back().public_key();
    member.replica_address = "ipc://" + folder.file("r" + std::to_string(id));
    member.client_address = "ipc://" + folder.file("c" + std::to_string(id));
    membership.replicas.push_back(member);
  }
  for (ClientId id = 0; id < clients; ++id) {
    cluster.clients.push_back(crypto::Identity::generate(KeyAlgorithm::ecdsa_p256));
    membership.clients.push_back(ClientMember{id, cluster.clients.back().public_key()});
  }
  cluster.file.services = {"kv"};
  cluster.file.durability = Durability::memory;
  return cluster;
}

std::string write_cluster(const Folder& folder, const TestCluster& cluster) {
  std::string path = folder.file("cluster.toml");
  if (auto refused = write_cluster_file(path, cluster.file)) throw std::runtime_error(refused->reason);
  const auto save = [&folder](const crypto::Identity& identity, const Principal& principal) {
    const std::string secret = secret_path(folder.path(), principal);
    std::filesystem::create_directories(std::filesystem::path(secret).parent_path());
    if (auto refused = identity.save(secret)) throw std::runtime_error(refused->reason);
  };
  for (ReplicaId id = 0; id < cluster.replicas.size(); ++id) {
    save(cluster.replicas[id], Principal{PrincipalKind::replica, id});
    if (auto refused = write_genesis(folder.file("replica-" + std::to_string(id)), cluster.file.membership.cluster)) {
      throw std::runtime_error(refused->reason);
    }
  }
  return path;
}

HandClient::HandClient(zmq::context_t& context, const TestCluster& cluster, ClientId client, ReplicaId replica)
    : HandClient(context, cluster, Principal{PrincipalKind::client, client}, cluster.clients[client], replica) {}

HandClient::HandClient(zmq::context_t& context, const TestCluster& cluster, const Principal& who,
                       const crypto::Identity& identity, ReplicaId replica)
    : channel_(cluster.scope(), crypto::ChannelEnd{who, 0},
               crypto::ChannelEnd{Principal{PrincipalKind::replica, replica},
                                  cluster.file.membership.replicas[replica].incarnation},
               cluster.file.membership.replicas[replica].key, identity),
      socket_(context, zmq::socket_type::dealer) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.connect(cluster.file.membership.replicas[replica].client_address);
}

void HandClient::poll() {
  if (!channel_.established() && monotonic_us() >= next_hello_us_) {
    send_raw(channel_.hello());
    next_hello_us_ = monotonic_us() + 200'000;
  }
  zmq::message_t part;
  while (socket_.recv(part, zmq::recv_flags::dontwait)) {
    const ByteView record{static_cast<const char*>(part.data()), part.size()};
    const auto kind = crypto::record_kind(record);
    if (!kind) continue;
    if (*kind == crypto::RecordKind::accept) static_cast<void>(channel_.accept(record));
    if (*kind == crypto::RecordKind::reset) ++resets_;
    if (*kind != crypto::RecordKind::frame) continue;
    const auto bodies = channel_.open(record);
    if (!bodies) continue;
    for (const auto body : *bodies) {
      auto message = wire::decode(body);
      if (message) received_.push_back(std::move(*message));
    }
  }
}

void HandClient::send(const std::vector<Message>& messages) {
  crypto::Hasher hasher;
  std::vector<Bytes> encoded;
  std::vector<crypto::Body> bodies;
  encoded.reserve(messages.size());
  bodies.reserve(messages.size());
  for (const auto& message : messages) encoded.push_back(wire::encode(message));
  for (const auto& each : encoded) bodies.push_back(crypto::Body{each, hasher.digest(each)});
  send_raw(channel_.seal(bodies));
}

void HandClient::send_raw(ByteView record) {
  zmq::message_t message(record.data(), record.size());
  static_cast<void>(socket_.send(message, zmq::send_flags::dontwait));
}

Submit make_submit(const TestCluster& cluster, ClientId client, SessionId session, RequestNumber first,
                   std::vector<Bytes> operations) {
  Bundle bundle;
  bundle.cluster = cluster.file.membership.cluster;
  bundle.epoch = cluster.file.membership.epoch;
  bundle.client = client;
  bundle.session = session;
  bundle.first = first;
  bundle.acknowledged = first - 1;
  bundle.operations = std::move(operations);
  SignedBundle signed_bundle;
  signed_bundle.content = bundle;
  signed_bundle.body = wire::encode_bundle_body(bundle);
  signed_bundle.signature = cluster.clients[client].sign(wire::bundle_statement(signed_bundle.body));
  return Submit{std::make_shared<const SignedBundle>(std::move(signed_bundle))};
}

}  // namespace tagma::runtime_test
