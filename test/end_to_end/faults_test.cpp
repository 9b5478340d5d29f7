// Up to f replicas fail and nobody notices; more than f fail and the caller is told.
#include <doctest/doctest.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "test/end_to_end/harness/cluster.h"

namespace tagma::end_to_end {

using nlohmann::json;

namespace {

/// The highest executed slot that any replica reports; 0 if none answers.
std::uint64_t executed(const Cluster& cluster) {
  const Finished status = cluster.tagma({"status", "--json"});
  if (!json::accept(status.output)) return 0;
  const json parsed = json::parse(status.output);
  std::uint64_t highest = 0;
  for (const auto& replica : parsed.at("replicas")) {
    if (replica.at("answered") == true) highest = std::max(highest, replica.at("last_executed").get<std::uint64_t>());
  }
  return highest;
}

std::string many_words(int count) {
  std::string lines;
  for (int i = 0; i < count; ++i) lines += "word-" + std::to_string(i) + "\n";
  return lines;
}

}  // namespace

TEST_SUITE("faults") {
  TEST_CASE("a replica, the primary too, is killed -9 in the middle of a load: no error, everything reads back equal") {
    std::uint32_t victim = 0;
    SUBCASE("a backup") { victim = 3; }
    SUBCASE("the primary") {}
    Cluster cluster;
    TemporaryFolder folder;
    write_file(folder.file("words"), many_words(40'000));
    REQUIRE(cluster.up());
    Process load(cluster.command({"load", folder.file("words")}));
    REQUIRE(await([&] { return executed(cluster) > 3; }, in(seconds(30))));
    load.signal(SIGSTOP);
    REQUIRE(load.running());  // otherwise it was over before anything was killed, and the file is too short
    REQUIRE(cluster.kill_replica(victim));
    load.signal(SIGCONT);
    const Finished loaded = load.finish(in(seconds(120)));
    INFO(loaded.all());
    CHECK(loaded.exit_status == 0);
    CHECK(loaded.all().find("40,000") != std::string::npos);

    const Finished status = cluster.tagma({"status", "--json"});
    INFO(status.all());
    REQUIRE(json::accept(status.output));
    const json replicas = json::parse(status.output).at("replicas");
    REQUIRE(replicas.size() == 4);
    CHECK(replicas.at(victim).at("answered") == false);
    CHECK(replicas.at(1).at("answered") == true);
    CHECK(cluster.tagma({"call", "kv", "get", "word-39999"}).exit_status == 0);

    auto& up = cluster.process();
    CHECK(up.await_text("--id " + std::to_string(victim) + " starts it again", in(seconds(10))));
    REQUIRE(cluster.kill_replica(1));
    CHECK(up.await_text("fewer than 3 of the replicas that were started here are left", in(seconds(10))));
  }

  TEST_CASE("a load that finds a difference would say so: the file's own words are there afterwards") {
    Cluster cluster;
    TemporaryFolder folder;
    write_file(folder.file("words"), "alpha\nbeta\n\nbeta\nwith blanks and \xc3\xa4\n");
    REQUIRE(cluster.up());
    const Finished loaded = cluster.tagma({"load", folder.file("words")});
    INFO(loaded.all());
    CHECK(loaded.exit_status == 0);
    CHECK(cluster.tagma({"call", "kv", "get", "alpha"}).exit_status == 0);
    CHECK(cluster.tagma({"call", "kv", "get", "with blanks and \xc3\xa4"}).exit_status == 0);
    CHECK(cluster.tagma({"load", folder.file("no-such-file")}).exit_status == 2);
    write_file(folder.file("empty"), "");
    const Finished empty = cluster.tagma({"load", folder.file("empty")});
    INFO(empty.all());
    CHECK(empty.exit_status == 0);
    CHECK(empty.output.find("nothing was written") != std::string::npos);
    CHECK(empty.output.find("read back equal") == std::string::npos);
    write_file(folder.file("long"), std::string(2'000, 'x') + "\n");
    const Finished too_long = cluster.tagma({"load", folder.file("long")});
    CHECK(too_long.exit_status == 1);
    CHECK(too_long.output.find("nothing was written") != std::string::npos);
  }

  TEST_CASE("with f+1 replicas stopped a call ends with status 3; when they go on, so does the cluster") {
    Cluster cluster;
    REQUIRE(cluster.up());
    REQUIRE(cluster.tagma({"call", "kv", "put", "city", "Nicaea"}).exit_status == 0);
    REQUIRE(cluster.signal_replica(2, SIGSTOP));
    REQUIRE(cluster.signal_replica(3, SIGSTOP));
    const Finished unknown = cluster.tagma({"call", "--timeout-ms", "1500", "kv", "put", "city", "Tyre"});
    INFO(unknown.all());
    CHECK(unknown.exit_status == 3);
    CHECK(unknown.output.empty());
    CHECK(unknown.errors.find("unknown") != std::string::npos);

    REQUIRE(cluster.signal_replica(2, SIGCONT));
    REQUIRE(cluster.signal_replica(3, SIGCONT));
    const Finished after = cluster.tagma({"call", "kv", "put", "city", "Smyrna"});
    INFO(after.all());
    CHECK(after.exit_status == 0);
  }

  TEST_CASE("with f+1 replicas killed a call ends with status 3, and status shows who does not answer") {
    Cluster cluster;
    REQUIRE(cluster.up());
    REQUIRE(cluster.kill_replica(1));
    REQUIRE(cluster.kill_replica(2));
    const Finished unknown = cluster.tagma({"call", "--json", "--timeout-ms", "1500", "kv", "get", "city"});
    INFO(unknown.all());
    CHECK(unknown.exit_status == 3);
    const Finished status = cluster.tagma({"status", "--json"});
    REQUIRE(json::accept(status.output));
    const json replicas = json::parse(status.output).at("replicas");
    CHECK(replicas.at(0).at("answered") == true);
    CHECK(replicas.at(1).at("answered") == false);
    CHECK(replicas.at(2).at("answered") == false);
    CHECK(replicas.at(3).at("answered") == true);
  }

  TEST_CASE("no replica at all: status 3, not a hang") {
    Cluster cluster;
    REQUIRE(cluster.init().exit_status == 0);
    CHECK(cluster.tagma({"call", "--timeout-ms", "800", "kv", "get", "city"}).exit_status == 3);
  }

  TEST_CASE("one backup stopped from the start: the others serve without it") {
    Cluster cluster;
    REQUIRE(cluster.up());
    REQUIRE(cluster.signal_replica(1, SIGSTOP));
    CHECK(cluster.tagma({"call", "kv", "put", "city", "Nicaea"}).exit_status == 0);
    CHECK(cluster.tagma({"call", "kv", "get", "city"}).output == "Nicaea\n");
    REQUIRE(cluster.signal_replica(1, SIGCONT));
  }
}

}  // namespace tagma::end_to_end
