// What a user does first: start a cluster, use it, look at it, stop it.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "test/end_to_end/harness/cluster.h"
#include "test/end_to_end/harness/terminal.h"

namespace tagma::end_to_end {

using nlohmann::json;

namespace {

/// A command's end with what it printed, as doctest's INFO wants it.
void check_status(const Finished& finished, int expected) {
  INFO(finished.all());
  CHECK(finished.exit_status == expected);
}

json parsed(const Finished& finished) {
  INFO(finished.all());
  REQUIRE(json::accept(finished.output));
  return json::parse(finished.output);
}

}  // namespace

TEST_SUITE("commands") {
  TEST_CASE("up comes to ready and every verb of kv answers with its exit status") {
    Cluster cluster;
    REQUIRE(cluster.up());

    check_status(cluster.tagma({"call", "kv", "put", "city", "Nicaea"}), 0);
    const Finished got = cluster.tagma({"call", "kv", "get", "city"});
    check_status(got, 0);
    CHECK(got.output == "Nicaea\n");

    check_status(cluster.tagma({"call", "kv", "cas", "city", "Nicaea", "Smyrna"}), 0);
    check_status(cluster.tagma({"call", "kv", "cas", "city", "Nicaea", "Tyre"}), 1);
    CHECK(cluster.tagma({"call", "kv", "get", "city"}).output == "Smyrna\n");

    check_status(cluster.tagma({"call", "kv", "put", "capital", "Byzantium"}), 0);
    const Finished scanned = cluster.tagma({"call", "kv", "scan", "a", "z"});
    check_status(scanned, 0);
    const auto capital = scanned.output.find("capital");
    const auto city = scanned.output.find("city");
    INFO(scanned.output);
    CHECK(capital != std::string::npos);
    CHECK(city != std::string::npos);
    CHECK(capital < city);

    check_status(cluster.tagma({"call", "kv", "delete", "city"}), 0);
    const Finished absent = cluster.tagma({"call", "kv", "get", "city"});
    check_status(absent, 1);
    CHECK(absent.output.empty());
    check_status(cluster.tagma({"call", "kv", "delete", "city"}), 1);

    check_status(cluster.tagma({"call", "memory", "write", "3", "42"}), 0);
    CHECK(cluster.tagma({"call", "memory", "read", "3"}).output == "42\n");
  }

  TEST_CASE("a wrong command line ends with status 2 and says so on standard error alone") {
    Cluster cluster;
    REQUIRE(cluster.up());
    const std::vector<std::vector<std::string>> wrong{
        {"call"},
        {"call", "--no-such-option", "kv", "get", "k"},
        {"call", "--client", "4711", "kv", "get", "k"},
        {"call", "--timeout-ms", "soon", "kv", "get", "k"},
        {"status", "surplus"},
    };
    for (const auto& words : wrong) {
      const Finished finished = cluster.tagma(words);
      INFO(finished.all());
      CHECK(finished.exit_status == 2);
      CHECK(finished.output.empty());
      CHECK_FALSE(finished.errors.empty());
    }
    CHECK(run({tagma_binary(), "no-such-command"}).exit_status == 2);
  }

  TEST_CASE("an output that cannot be written is no success") {
    for (const std::string where : {"> /dev/full", ">&-"}) {
      const Finished lost = run({"/bin/sh", "-c", "\"$0\" --help " + where, tagma_binary()});
      CHECK(lost.exit_status == 1);
      CHECK(lost.errors.find("standard output could not be written") != std::string::npos);
    }
  }

  TEST_CASE("what a service refuses ends with status 1") {
    Cluster cluster;
    REQUIRE(cluster.up());
    check_status(cluster.tagma({"call", "kv", "no-such-verb"}), 1);
    check_status(cluster.tagma({"call", "no-such-service", "get"}), 1);
    check_status(cluster.tagma({"call", "memory", "write", "three", "42"}), 1);
  }

  TEST_CASE("a service that is not hosted: the services that are") {
    Cluster cluster({"--service", "kv", "--service", "counter"});
    REQUIRE(cluster.up());
    const Finished refused = cluster.tagma({"call", "memory", "read", "3"});
    INFO(refused.all());
    CHECK(refused.exit_status == 1);
    CHECK(refused.errors.find("no such service here: memory; there are counter kv\n") != std::string::npos);
  }

  TEST_CASE("a value reaches a terminal without what could control it, and a pipe as it is") {
    Cluster cluster;
    REQUIRE(cluster.up());
    const std::string value = "a\x1b[31mred\x1b]0;title\x07\r\xc2\x9b\x9b\x7f\tb\n\xce\x9a";
    check_status(cluster.tagma({"call", "kv", "put", "k", value}), 0);
    CHECK(cluster.tagma({"call", "kv", "get", "k"}).output == value + "\n");
    Terminal terminal(cluster.command({"call", "kv", "get", "k"}), {});
    CHECK(terminal.await_text("a\\x1b[31mred\\x1b]0;title\\x07\\x0d\\xc2\\x9b\\x9b\\x7f"));
    CHECK(terminal.await_text("b\r\n\xce\x9a"));
    CHECK(terminal.finish() == 0);
    // What goes to standard error: a refusal that quotes what was asked for.
    Terminal refusal(cluster.command({"call", "counter", "add",
                                      "\xc2\x9b"
                                      "2J"}),
                     {});
    CHECK(refusal.finish() == 1);
    CHECK(refusal.shown().find("\xc2\x9b") == std::string::npos);
  }

  TEST_CASE("without any replica call, load and bench say so long before their time is up, and end at Ctrl-C") {
    Cluster cluster;
    REQUIRE(cluster.init().exit_status == 0);
    const std::vector<std::vector<std::string>> commands = {
        {"call", "kv", "get", "k"},
        {"load", cluster.directory() + "/cluster.toml"},
        {"bench", "--clients", "1"},
    };
    for (const auto& words : commands) {
      Process command(cluster.command(words));
      CHECK(command.await_text(words.front() + ": no replica answers; is the cluster running? start it with `" +
                                   tagma_binary() + " up --dir " + cluster.directory() + "`",
                               in(seconds(5))));
      CHECK(command.running());
      command.signal(SIGINT);
      const Finished ended = command.finish(in(seconds(3)));
      INFO(ended.all());
      CHECK(ended.exit_status == (words.front() == "call" ? -1 : 1));
    }
  }

  TEST_CASE("status says that the primary does not answer, and whom the next request has brought in its place") {
    Cluster cluster;
    REQUIRE(cluster.up());
    check_status(cluster.tagma({"status"}), 0);
    REQUIRE(cluster.signal_replica(0, SIGSTOP));
    const Finished status = cluster.tagma({"status"});
    check_status(status, 0);
    CHECK(status.output.find("the primary (replica 0) does not answer: the next request brings another\n") !=
          std::string::npos);
    std::istringstream lines(status.output);
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("Cluster ")) CHECK_MESSAGE(line.size() <= 80, line);  // that line has the folder's name
    }
    const Finished as_json = cluster.tagma({"status", "--json"});
    check_status(as_json, 0);
    CHECK(parsed(as_json).at("primary_answers") == false);
    CHECK(cluster.tagma({"call", "kv", "put", "city", "Nicaea"}).exit_status == 0);
    const auto after = parsed(cluster.tagma({"status", "--json"}));
    CHECK(after.at("primary_answers") == true);
    CHECK(after.at("replicas").at(1).at("role") == "primary");
    // Without a quorum no request brings another.
    REQUIRE(cluster.signal_replica(1, SIGSTOP));
    const Finished none = cluster.tagma({"status"});
    check_status(none, 3);
    CHECK(none.output.find("the primary (replica 1) does not answer\n") != std::string::npos);
    REQUIRE(cluster.signal_replica(1, SIGCONT));
    REQUIRE(cluster.signal_replica(0, SIGCONT));
    CHECK(await(
        [&] {
          return parsed(cluster.tagma({"status", "--json"})).at("replicas").at(0).at("role") == "backup";
        },
        in(seconds(20))));
  }

  TEST_CASE("clusters that start at the same moment in different folders take different ports") {
    const TemporaryFolder folder;
    std::vector<std::unique_ptr<Process>> clusters;
    for (const std::string name : {"a", "b", "c"}) {
      clusters.push_back(
          std::make_unique<Process>(std::vector<std::string>{tagma_binary(), "up", "--dir", folder.file(name)}));
    }
    for (const auto& cluster : clusters) {
      CHECK_MESSAGE(cluster->await_text("ready: ", in(seconds(30))), (cluster->output() + cluster->errors()));
    }
    for (const auto& cluster : clusters) cluster->signal(SIGTERM);
    for (const auto& cluster : clusters) check_status(cluster->finish(in(seconds(15))), 0);
  }

  TEST_CASE("replica finds in the cluster folder what is not given") {
    Cluster cluster;
    REQUIRE(cluster.init().exit_status == 0);
    Process replica(cluster.command({"replica", "--id", "2"}));
    CHECK(replica.await_text("data in " + cluster.directory() + "/replica-2/data", in(seconds(20))));
    replica.signal(SIGTERM);
    check_status(replica.finish(in(seconds(15))), 0);
  }

  TEST_CASE("call --json has the contract's fields") {
    Cluster cluster;
    REQUIRE(cluster.up());
    check_status(cluster.tagma({"call", "kv", "put", "city", "Nicaea"}), 0);
    const json reply = parsed(cluster.tagma({"call", "--json", "kv", "get", "city"}));
    CHECK(reply.at("reply") == "Nicaea");
    CHECK(reply.at("seq").get<std::uint64_t>() >= 2);
    CHECK(reply.at("view") == 0);
    CHECK(reply.at("matching").get<int>() >= 2);
    CHECK(reply.at("latency_us").get<std::int64_t>() > 0);
  }

  TEST_CASE("status --json has the contract's fields, and equal digests at equal checkpoints") {
    Cluster cluster;
    REQUIRE(cluster.init().exit_status == 0);
    REQUIRE(edit_file(cluster.cluster_file(), "checkpoint_interval = 256", "checkpoint_interval = 4"));
    REQUIRE(cluster.up());
    for (int i = 0; i < 8; ++i) {
      check_status(cluster.tagma({"call", "kv", "put", "key" + std::to_string(i), "value"}), 0);
    }
    json status;
    const bool stable = await(
        [&] {
          status = parsed(cluster.tagma({"status", "--json"}));
          const auto& replicas = status.at("replicas");
          return replicas.size() == 4 && std::all_of(replicas.begin(), replicas.end(), [](const json& replica) {
                   return replica.at("answered") == true && replica.at("stable_checkpoint") >= 8;
                 });
        },
        in(seconds(20)));
    INFO(status.dump(2));
    REQUIRE(stable);
    std::set<std::string> digests;
    for (const auto& replica : status.at("replicas")) {
      CHECK(replica.at("id").is_number_unsigned());
      CHECK(replica.at("role") == (replica.at("id") == 0 ? "primary" : "backup"));
      CHECK(replica.at("view") == 0);
      CHECK(replica.at("last_executed") >= 8);
      CHECK(replica.at("epoch").is_number_unsigned());
      CHECK(replica.at("incarnation") == 0);
      CHECK(replica.at("voting") == true);
      CHECK(replica.at("state_digest_seq") >= 8);
      digests.insert(replica.at("state_digest_seq").dump() + " " + replica.at("state_digest").get<std::string>());
    }
    CHECK(digests.size() == 1);
  }

  TEST_CASE("SIGTERM stops everything cleanly; with durability memory a second up works and starts empty") {
    Cluster cluster({"--durability", "memory"});
    REQUIRE(cluster.up());
    check_status(cluster.tagma({"call", "kv", "put", "city", "Nicaea"}), 0);
    const Finished stopped = cluster.stop();
    check_status(stopped, 0);
    CHECK(processes_naming(cluster.directory()).empty());

    REQUIRE(cluster.up());
    check_status(cluster.tagma({"call", "kv", "get", "city"}), 1);
    check_status(cluster.tagma({"call", "kv", "put", "city", "Smyrna"}), 0);
    check_status(cluster.stop(), 0);
    CHECK(processes_naming(cluster.directory()).empty());
  }

  TEST_CASE("up --fresh empties a folder of ours and refuses any other") {
    Cluster cluster;
    REQUIRE(cluster.init().exit_status == 0);
    const std::string before = read_file(cluster.cluster_file());
    Process fresh(cluster.command({"up", "--fresh", "--base-port", std::to_string(cluster.base_port())}));
    CHECK(fresh.await_text("ready", in(seconds(30))));
    CHECK(read_file(cluster.cluster_file()) != before);
    fresh.signal(SIGTERM);
    check_status(fresh.finish(in(seconds(15))), 0);

    TemporaryFolder other;
    write_file(other.file("letter.txt"), "not ours");
    const Finished refused = run({tagma_binary(), "up", "--dir", other.path(), "--fresh"});
    check_status(refused, 2);
    CHECK(read_file(other.file("letter.txt")) == "not ours");
  }
}

}  // namespace tagma::end_to_end
