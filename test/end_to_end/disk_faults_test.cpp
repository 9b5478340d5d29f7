// Faults of a real disk under one replica: what it says, that the others go on, and that it comes back. Not with
// sanitizers, which must be loaded before everything else themselves.
#include <doctest/doctest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "test/end_to_end/harness/cluster.h"

namespace tagma::end_to_end {

using nlohmann::json;

namespace {

/// A cluster whose replica 2 has a disk that can be made to fail.
class FailingCluster {
 public:
  FailingCluster() {
    ::setenv("LD_PRELOAD", TAGMA_FAILING_DISK_LIBRARY, 1);  // NOLINT(concurrency-mt-unsafe): one thread only
    ::setenv("TAGMA_FAILING_DISK", (cluster.directory() + "/replica-2/data").c_str(), 1);
    ::setenv("TAGMA_DISK_FAULTS", faults_.path().c_str(), 1);
  }
  ~FailingCluster() {
    for (const char* name : {"LD_PRELOAD", "TAGMA_FAILING_DISK", "TAGMA_DISK_FAULTS"}) ::unsetenv(name);
  }
  FailingCluster(const FailingCluster&) = delete;
  FailingCluster& operator=(const FailingCluster&) = delete;

  void begin(const std::string& fault) const { write_file(faults_.file(fault), ""); }
  void end(const std::string& fault) const { std::filesystem::remove(faults_.file(fault)); }

  [[nodiscard]] json replica() const {
    const Finished status = cluster.tagma({"status", "--json"});
    return json::accept(status.output) ? json::parse(status.output).at("replicas").at(2) : json();
  }
  [[nodiscard]] bool puts(int number) const {
    return cluster.tagma({"call", "kv", "put", "key", std::to_string(number)}).exit_status == 0;
  }
  /// More than a segment of the log and some checkpoints.
  [[nodiscard]] bool writes_much() const {
    return cluster
               .tagma({"bench", "--clients", "2", "--window", "16", "--seconds", "4", "--warmup", "0", "--keys", "2000",
                       "--value-bytes", "20000", "--json"},
                      seconds(60))
               .exit_status == 0;
  }

  Cluster cluster;

 private:
  TemporaryFolder faults_;
};

}  // namespace

TEST_SUITE("disk_faults") {
  TEST_CASE("K4: a sync that fails ends the replica with a clear last line; with a whole disk it comes back") {
    FailingCluster failing;
    REQUIRE(failing.cluster.up());
    REQUIRE(failing.puts(1));
    REQUIRE(failing.cluster.kill_replica(2));
    Process replica(failing.cluster.command({"replica", "--id", "2"}));
    REQUIRE(await([&] { return failing.replica().value("voting", json()) == true; }, in(seconds(30))));
    failing.begin("sync-fails");
    CHECK(failing.puts(2));
    const Finished ended = replica.finish(in(seconds(20)));
    INFO(ended.all());
    CHECK(ended.exit_status == 1);
    const std::string said = ended.all();
    const auto last = said.rfind("STOPPED: the disk failed under the log");
    REQUIRE(last != std::string::npos);
    CHECK(said.find("Input/output error", last) != std::string::npos);
    CHECK(failing.puts(3));  // the others go on
    failing.end("sync-fails");
    Process returned(failing.cluster.command({"replica", "--id", "2"}));
    CHECK(await([&] { return failing.replica().value("voting", json()) == true; }, in(seconds(60))));
    returned.signal(SIGTERM);
    CHECK(returned.finish(in(seconds(10))).exit_status == 0);
  }

  TEST_CASE("K5: a full disk stops the replica's voting, it says so, and goes on once there is room") {
    FailingCluster failing;
    REQUIRE(failing.cluster.up());
    REQUIRE(failing.cluster.kill_replica(2));
    Process replica(failing.cluster.command({"replica", "--id", "2"}));
    REQUIRE(await([&] { return failing.replica().value("voting", json()) == true; }, in(seconds(30))));
    failing.begin("disk-full");
    CHECK(failing.writes_much());
    CHECK(replica.await_text("no room for the", in(seconds(30))));
    CHECK(failing.puts(1));
    const auto behind = failing.replica();
    CHECK(behind.at("answered") == true);
    failing.end("disk-full");
    const auto caught_up = [&] {
      const Finished status = failing.cluster.tagma({"status", "--json"});
      if (!json::accept(status.output)) return false;
      const json replicas = json::parse(status.output).at("replicas");
      return replicas.at(2).at("voting") == true &&
             replicas.at(2).at("last_executed") == replicas.at(1).at("last_executed");
    };
    CHECK(await(caught_up, in(seconds(90))));
    replica.signal(SIGTERM);
    const Finished ended = replica.finish(in(seconds(20)));
    INFO(ended.all());
    CHECK(ended.exit_status == 0);
  }
}

}  // namespace tagma::end_to_end
