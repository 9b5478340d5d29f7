// Bad input: from the user it is one line that names the file, the field and the mend, and exit status 2; from the
// network it is refused and the cluster serves on.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <zmq.hpp>

#include "crypto/channel.h"
#include "crypto/digest.h"
#include "messages/cluster_file/cluster_file.h"
#include "messages/wire/codec.h"
#include "test/end_to_end/harness/cluster.h"
#include "test/end_to_end/harness/garbage.h"

namespace tagma::end_to_end {
namespace {

namespace fs = std::filesystem;

std::string secret(const Cluster& cluster, PrincipalKind kind, std::uint32_t id) {
  return secret_path(cluster.directory(), {kind, id});
}

/// Runs `words`, which must end with status 2, nothing on standard output, and all of `expected` on standard error.
void check_refused(const Finished& finished, const std::vector<std::string>& expected) {
  INFO(finished.all());
  CHECK(finished.exit_status == 2);
  CHECK(finished.output.empty());
  for (const auto& words : expected) {
    CAPTURE(words);
    CHECK(finished.errors.find(words) != std::string::npos);
  }
}

Finished start_replica(const Cluster& cluster, std::uint32_t id) {
  return run({tagma_binary(), "replica", "--cluster", cluster.cluster_file(), "--id", std::to_string(id), "--data",
              cluster.directory() + "/data-" + std::to_string(id)},
             seconds(20));
}

/// Four replicas answer status, and a value written before is still there.
void check_serves(const Cluster& cluster) {
  const Finished put = cluster.tagma({"call", "kv", "put", "after", "served"});
  INFO(put.all());
  CHECK(put.exit_status == 0);
  CHECK(cluster.tagma({"call", "kv", "get", "after"}).output == "served\n");
  const Finished status = cluster.tagma({"status", "--json"});
  REQUIRE(nlohmann::json::accept(status.output));
  const auto parsed = nlohmann::json::parse(status.output);
  for (const auto& replica : parsed.at("replicas")) {
    CHECK(replica.at("answered") == true);
    CHECK(replica.at("voting") == true);
  }
}

}  // namespace

TEST_SUITE("bad_input") {
  TEST_CASE("keys: wrong, missing, readable by others, damaged") {
    Cluster cluster;
    REQUIRE(cluster.init().exit_status == 0);
    const std::string client = secret(cluster, PrincipalKind::client, 0);
    const std::string good = read_file(client);
    const auto call = [&] { return cluster.tagma({"call", "--timeout-ms", "2000", "kv", "get", "k"}); };

    write_file(client, read_file(secret(cluster, PrincipalKind::client, 1)));
    check_refused(call(), {client, "key"});
    write_file(client, good.substr(0, good.size() / 2));
    check_refused(call(), {client});
    write_file(client, good);
    fs::permissions(client, fs::perms(0644));
    check_refused(call(), {client, "600"});
    fs::remove(client);
    check_refused(call(), {client});

    const std::string replica = secret(cluster, PrincipalKind::replica, 1);
    const std::string good_replica = read_file(replica);
    write_file(replica, read_file(secret(cluster, PrincipalKind::replica, 2)));
    check_refused(start_replica(cluster, 1), {replica, "key"});
    write_file(replica, good_replica);
    fs::permissions(replica, fs::perms(0640));
    check_refused(start_replica(cluster, 1), {replica, "600"});
    fs::remove(replica);
    check_refused(start_replica(cluster, 1), {replica});
  }

  TEST_CASE("cluster.toml: damaged in each of many ways") {
    Cluster cluster;
    REQUIRE(cluster.init().exit_status == 0);
    const std::string path = cluster.cluster_file();
    const std::string good = read_file(path);
    const std::vector<std::pair<std::string, std::string>> damages{
        {"not a table at all", "]]][["},
        {"nothing", ""},
        {"cut in the middle", good.substr(0, good.size() / 2)},
        {"zero bytes", std::string(200, '\0')},
        {"another type",
         [&] {
           std::string bad = good;
           const auto at = bad.find("checkpoint_interval = ");
           REQUIRE(at != std::string::npos);
           return bad.replace(at, std::string("checkpoint_interval = ").size(), "checkpoint_interval = \"many\" # ");
         }()},
    };
    for (const auto& damage : damages) {
      CAPTURE(damage.first);
      write_file(path, damage.second);
      check_refused(cluster.tagma({"call", "kv", "get", "k"}), {"cluster.toml"});
      check_refused(start_replica(cluster, 0), {"cluster.toml"});
      const Finished up = cluster.tagma({"up"});
      INFO(up.all());
      CHECK(up.exit_status == 2);
      CHECK(up.errors.find("cluster.toml") != std::string::npos);
    }
    fs::remove(path);
    check_refused(cluster.tagma({"call", "kv", "get", "k"}), {"cluster.toml"});
    check_refused(start_replica(cluster, 0), {"cluster.toml"});
  }

  TEST_CASE("a replica that is not in the cluster, and a data folder that is taken") {
    Cluster cluster;
    REQUIRE(cluster.up());
    check_refused(start_replica(cluster, 9), {"9"});
    for (const auto& seen : processes_naming(cluster.directory())) {
      const auto data = std::find(seen.arguments.begin(), seen.arguments.end(), "--data");
      if (data == seen.arguments.end() || cluster.replica(1) != seen.pid) continue;
      check_refused(
          run({tagma_binary(), "replica", "--cluster", cluster.cluster_file(), "--id", "1", "--data", *(data + 1)}),
          {*(data + 1)});
    }
    check_serves(cluster);
  }

  TEST_CASE("a port in use") {
    Cluster cluster;
    REQUIRE(cluster.init().exit_status == 0);
    const std::string taken = addresses_of(cluster.cluster_file()).at(2);
    zmq::context_t context;
    zmq::socket_t other(context, zmq::socket_type::router);
    other.bind(taken);
    check_refused(start_replica(cluster, 1), {std::to_string(port_of(taken)), "in use"});
    const Finished up = cluster.tagma({"up"}, seconds(30));
    INFO(up.all());
    CHECK((up.exit_status == 1 || up.exit_status == 2));
    CHECK(up.all().find(std::to_string(port_of(taken))) != std::string::npos);
    CHECK(processes_naming(cluster.directory()).empty());
  }

  TEST_CASE("an operation that is too large is refused before it is sent") {
    Cluster cluster;
    REQUIRE(cluster.up());
    // A single argument of a program is just as long at most, so the surplus comes from the words around it.
    const std::string value(131'068, 'x');
    check_refused(cluster.tagma({"call", "kv", "put", "k", value}), {"131,072"});
    CHECK(cluster.tagma({"call", "kv", "put", "k", std::string(100'000, 'x')}).exit_status == 0);
    CHECK(cluster.tagma({"call", "kv", "get", "k"}).output.size() == 100'001);
    check_serves(cluster);
  }

  TEST_CASE("garbage at every port: raw bytes, records that are none of ours, truncated and altered frames") {
    Cluster cluster;
    REQUIRE(cluster.up());
    std::mt19937 random(5);
    for (const auto& address : addresses_of(cluster.cluster_file())) {
      CAPTURE(address);
      for (const std::size_t size : {1UL, 64UL, 10'000UL}) CHECK(send_raw(address, random_text(random, size)));
      std::vector<Bytes> records{"", Bytes(1, '\0'), Bytes(100'000, 'x')};
      for (std::size_t size = 1; size < 400; size += 7) records.push_back(random_text(random, size));
      send_records(address, records);
    }
    check_serves(cluster);
  }

  TEST_CASE("a client's own channel: frames cut at every byte, altered, repeated, and bodies that are no message") {
    Cluster cluster;
    REQUIRE(cluster.up());
    const auto file = read_cluster_file(cluster.cluster_file());
    REQUIRE(file.ok());
    const auto identity = crypto::Identity::load(secret(cluster, PrincipalKind::client, 3));
    REQUIRE(identity.ok());
    const auto& primary = file->membership.replicas.at(0);
    crypto::ChannelInitiator channel({file->membership.cluster, file->membership.epoch},
                                     {{PrincipalKind::client, 3}, 0},
                                     {{PrincipalKind::replica, 0}, primary.incarnation}, primary.key, *identity);
    zmq::context_t context;
    zmq::socket_t socket(context, zmq::socket_type::dealer);
    socket.set(zmq::sockopt::rcvtimeo, 10'000);
    socket.set(zmq::sockopt::linger, 0);
    socket.connect(primary.client_address);
    const Bytes hello = channel.hello();
    for (std::size_t size = 0; size < hello.size(); ++size) {
      static_cast<void>(socket.send(zmq::buffer(hello.data(), size), zmq::send_flags::none));
    }
    static_cast<void>(socket.send(zmq::buffer(hello), zmq::send_flags::none));
    zmq::message_t answer;
    REQUIRE(socket.recv(answer).has_value());
    REQUIRE_FALSE(channel.accept(answer.to_string()).has_value());

    crypto::Hasher hasher;
    std::mt19937 random(6);
    const auto seal = [&](const Bytes& body) {
      const crypto::Body sealed{body, hasher.digest(body)};
      return channel.seal({&sealed, 1});
    };
    const Bytes query = wire::encode(ReportQuery{77});
    const Bytes frame = seal(query);
    for (std::size_t size = 0; size < frame.size(); ++size) {
      static_cast<void>(socket.send(zmq::buffer(frame.data(), size), zmq::send_flags::none));
      Bytes altered = frame;
      altered[size] = static_cast<char>(altered[size] ^ 0x20);
      static_cast<void>(socket.send(zmq::buffer(altered), zmq::send_flags::none));
    }
    for (std::size_t size = 0; size < query.size(); ++size) {
      static_cast<void>(socket.send(zmq::buffer(seal(query.substr(0, size))), zmq::send_flags::none));
    }
    for (std::size_t size = 1; size < 300; size += 11) {
      static_cast<void>(socket.send(zmq::buffer(seal(random_text(random, size))), zmq::send_flags::none));
    }
    // The same channel still works: a replica answers the next good frame of a peer that sent all this.
    bool reported = false;
    static_cast<void>(await(
        [&] {
          static_cast<void>(socket.send(zmq::buffer(seal(query)), zmq::send_flags::none));
          zmq::message_t record;
          while (!reported && socket.recv(record, zmq::recv_flags::dontwait).has_value()) {
            const auto bytes = record.to_string();
            const auto bodies = channel.open(bytes);
            if (!bodies) continue;
            for (const auto body : *bodies) {
              const auto message = wire::decode(body);
              reported = reported || (message && std::holds_alternative<Report>(*message));
            }
          }
          return reported;
        },
        in(seconds(10))));
    CHECK(reported);
    check_serves(cluster);
  }
}

}  // namespace tagma::end_to_end
