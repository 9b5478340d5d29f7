#include "docker/drills/site.h"

#include <algorithm>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "docker/drills/command.h"

namespace tagma::drills {
namespace {

namespace files = std::filesystem;

constexpr const char* client_door_host = "127.0.0.1";

void write(const std::string& path, const ClusterFile& file) {
  if (const auto refused = write_cluster_file(path, file)) throw std::runtime_error(refused->reason);
}

std::string folder_of_secret(const std::string& folder, const Principal& principal) {
  return files::path(secret_path(folder, principal)).parent_path();
}

void copy_secret(const std::string& from, const std::string& to, const Principal& principal) {
  files::create_directories(to);
  files::copy(folder_of_secret(from, principal), folder_of_secret(to, principal),
              files::copy_options::recursive | files::copy_options::overwrite_existing);
}

}  // namespace

Site::Site(std::string root, const std::string& tagma, const Scenario& scenario,
           const std::vector<std::string>& services, Backend& backend, FaultProxy& proxy)
    : root_(std::move(root)), load_clients_(scenario.load.clients), backend_(backend), proxy_(proxy) {
  const Place& place = backend.place();
  std::string hosts;
  for (const auto& host : place.hosts) hosts += (hosts.empty() ? "" : ",") + host;
  std::vector<std::string> words{tagma,          "init",
                                 "--dir",        root_ + "/cluster",
                                 "--replicas",   std::to_string(scenario.replicas),
                                 "--clients",    std::to_string(load_clients_ + extra_clients),
                                 "--hosts",      hosts,
                                 "--base-port",  std::to_string(place.base_port),
                                 "--durability", std::string(to_string(scenario.durability))};
  for (const auto& service : services) words.insert(words.end(), {"--service", service});
  run_or_throw(words);
  auto cluster = read_cluster_file(direct_file());
  if (!cluster) throw std::runtime_error(cluster.reason());
  cluster_ = std::move(*cluster);
  files::create_directories(logs());
  for (ReplicaId id = 0; id < scenario.replicas; ++id) make_replica(id);
  for (ClientId id = 0; id < load_clients_; ++id) make_client(id);
  make_attacker();
}

ClusterFile Site::seen_by_replica(ReplicaId id, const std::string& own_address) {
  ClusterFile seen = cluster_;
  for (auto& peer : seen.membership.replicas) {
    if (peer.id == id) {
      if (!own_address.empty()) peer.replica_address = own_address;
      continue;
    }
    const std::string target = cluster_.membership.replicas[peer.id].replica_address;
    peer.replica_address = proxy_.open(replica_party(id), replica_party(peer.id), backend_.place().door_host, target);
  }
  return seen;
}

void Site::make_replica(ReplicaId id) {
  const std::string folder = replica_folder(id);
  copy_secret(root_ + "/cluster", folder, replica_party(id));
  files::create_directories(files::path(data_folder(id)).parent_path());
  files::create_directories(control_folder(id));
  write(folder + "/cluster.toml", seen_by_replica(id, ""));
  backend_.hand_over(folder);
}

std::vector<std::string> Site::words_of(ReplicaId id) const {
  return {"replica", "--cluster",    replica_folder(id) + "/cluster.toml", "--id", std::to_string(id),
          "--data",  data_folder(id)};
}

std::string Site::make_twin(ReplicaId id) {
  const std::string folder = twin_folder(id);
  files::remove_all(folder);
  copy_secret(root_ + "/cluster", folder, replica_party(id));
  // Where no other process of the drill listens: each replica has two ports from base_port on.
  const auto free = backend_.place().base_port + 2 * (cluster_.membership.n() + id);
  const std::string host = "tcp://" + backend_.place().twin_host + ":";
  ClusterFile seen = seen_by_replica(id, host + std::to_string(free));
  seen.membership.replicas[id].client_address = host + std::to_string(free + 1);
  write(folder + "/cluster.toml", seen);
  backend_.hand_over(folder);
  return folder;
}

void Site::make_client(ClientId id) {
  const std::string folder = root_ + "/client-" + std::to_string(id);
  files::create_directories(folder);
  ClusterFile seen = cluster_;
  for (auto& replica : seen.membership.replicas) {
    replica.client_address =
        proxy_.open(client_party(id), replica_party(replica.id), client_door_host, replica.client_address);
  }
  write(folder + "/cluster.toml", seen);
}

void Site::make_attacker() {
  const std::string folder = attacker_folder();
  copy_secret(root_ + "/cluster", folder, client_party(extra(ExtraClient::attacker)));
  write(folder + "/cluster.toml", cluster_);
  backend_.hand_over(folder);
}

std::string Site::client_file(ClientId id) const { return root_ + "/client-" + std::to_string(id) + "/cluster.toml"; }

std::string Site::client_key(ClientId id) const { return secret_path(root_ + "/cluster", client_party(id)); }

}  // namespace tagma::drills
