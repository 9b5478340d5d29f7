// tagma diff: a planted divergence is found and named; a healthy cluster is the same; clients may not ask.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>

#include "messages/cluster_file/cluster_file.h"
#include "test/end_to_end/harness/cluster.h"

namespace tagma::end_to_end {
namespace {

constexpr Seq interval = 16;

/// Three real replicas and one double that spoils the puts of the key "city" from the third one on; without a double
/// four real ones. A checkpoint every 16 slots.
class MixedCluster {
 public:
  explicit MixedCluster(std::optional<std::uint32_t> diverging, bool repairs = false) {
    REQUIRE(cluster_.init().exit_status == 0);
    REQUIRE(edit_file(cluster_.cluster_file(), "checkpoint_interval = 256",
                      "checkpoint_interval = " + std::to_string(interval)));
    for (std::uint32_t id = 0; id < 4; ++id) {
      const std::string own = std::to_string(id);
      const std::string data = cluster_.directory() + "/data-" + own;
      const std::string secret = secret_path(cluster_.directory(), {PrincipalKind::replica, id});
      std::vector<std::string> command{tagma_binary(), "replica", "--cluster", cluster_.cluster_file(),
                                       "--id",         own,       "--data",    data,
                                       "--identity",   secret};
      if (diverging == id) {
        command = {TAGMA_DIVERGING_BINARY, cluster_.cluster_file(), own, data, secret, "city", "3"};
        if (repairs) command.emplace_back("repair");
      }
      replicas_.push_back(std::make_unique<Process>(command));
    }
    for (const auto& replica : replicas_) REQUIRE(replica->await_text("ready", in(seconds(20))));
  }

  [[nodiscard]] const Cluster& cluster() const { return cluster_; }
  [[nodiscard]] Process& replica(std::uint32_t id) { return *replicas_[id]; }

  /// One call, one slot: an idle primary proposes at once. Returns its slot.
  [[nodiscard]] Seq put(const std::string& key, const std::string& value) const {
    const Finished put = cluster_.tagma({"call", "--json", "kv", "put", key, value});
    INFO(put.all());
    REQUIRE(put.exit_status == 0);
    return nlohmann::json::parse(put.output).at("seq");
  }

  /// Puts other keys until slot `end` is executed.
  void fill_up_to(Seq end) const {
    for (Seq at = put("filler", "x"); at < end;) at = put("filler-" + std::to_string(at), "x");
  }

  /// `tagma diff` once every replica has its checkpoint of this slot.
  [[nodiscard]] Finished diff_at(Seq seq, const std::vector<std::string>& words) const {
    const auto all_there = [&] {
      const Finished asked = cluster_.tagma({"diff", "--json"});
      const auto json = nlohmann::json::parse(asked.output, nullptr, false);
      if (json.is_discarded()) return false;
      for (const auto& replica : json.at("replicas")) {
        if (replica.at("checkpoint") != seq) return false;
      }
      return true;
    };
    CHECK(await(all_there, in(seconds(20))));
    std::vector<std::string> command{"diff"};
    command.insert(command.end(), words.begin(), words.end());
    return cluster_.tagma(command);
  }

 private:
  Cluster cluster_;
  std::vector<std::unique_ptr<Process>> replicas_;
};

bool has(const Finished& finished, const std::string& text) { return finished.output.find(text) != std::string::npos; }

}  // namespace

TEST_SUITE("diff") {
  TEST_CASE("one byte changed in one replica's state is found: the key, both values and the slot") {
    MixedCluster mixed(2);
    static_cast<void>(mixed.put("city", "Nicaea"));
    static_cast<void>(mixed.put("abbey", "untouched"));
    static_cast<void>(mixed.put("city", "Iznik"));
    const Seq planted = mixed.put("city", "Nicaea");
    REQUIRE(planted < interval);
    mixed.fill_up_to(interval);

    const Finished all = mixed.diff_at(interval, {});
    INFO(all.all());
    CHECK(all.exit_status == 1);
    CHECK(has(all, "majority: replicas 0, 1 and 3 have the same state at slot 16"));
    CHECK(has(all, "replica 0 and replica 2 DIFFER after slot 16, in 1 key"));
    CHECK(has(all, "kv \"city\""));
    CHECK(has(all, "replica 0  \"Nicaea\" (6 bytes)"));
    CHECK(has(all, "replica 2  \"Nicae`\" (6 bytes)"));
    CHECK(has(all, "parted at slot " + std::to_string(planted) + ": executing the same batch wrote different values"));
    CHECK_FALSE(has(all, "abbey"));

    const Finished pair = mixed.cluster().tagma({"diff", "2", "1", "--json"});
    CHECK(pair.exit_status == 1);
    const auto json = nlohmann::json::parse(pair.output).at("comparisons").at(0);
    CHECK(json.at("differing") == 1);
    CHECK(json.at("keys").at(0).at("service") == "kv");
    CHECK(json.at("keys").at(0).at("key").at("text") == "city");
    CHECK(json.at("keys").at(0).at("left").at("text") == "Nicae`");
    CHECK(json.at("keys").at(0).at("right").at("text") == "Nicaea");
    CHECK(json.at("parting").at("kind") == "writes");
    CHECK(json.at("parting").at("slot") == planted);
    CHECK(mixed.cluster().tagma({"diff", "0", "3"}).exit_status == 0);

    // It has no newer checkpoint than that of slot 16 from now on, and status says all the same what became of it.
    const Finished status = mixed.cluster().tagma({"status"});
    INFO(status.all());
    CHECK(status.exit_status == 0);  // a quorum votes
    CHECK(has(status, "ALARM: replica 2 has stopped by itself"));
    CHECK(has(status, "diff whether its state differs"));
    CHECK(nlohmann::json::parse(mixed.cluster().tagma({"status", "--json"}).output).at("alarmed") ==
          nlohmann::json({2}));

    // The cluster goes on without the replica that stopped: its state is still compared, and the slot still named.
    static_cast<void>(mixed.put("later", "value"));
    mixed.fill_up_to(2 * interval);
    CHECK(await(
        [&] {
          return mixed.cluster().tagma({"diff", "0", "1"}).output.find("slot 32") != std::string::npos;
        },
        in(seconds(20))));
    const Finished later = mixed.cluster().tagma({"diff", "0", "2", "--keys", "100"});
    INFO(later.all());
    CHECK(later.exit_status == 1);
    CHECK(has(later, "replica 0's newest checkpoint is of slot 32, replica 2's is of slot 16"));
    CHECK(has(later, "kv \"city\""));
    CHECK(has(later, "kv \"later\""));
    CHECK(has(later, "parted at slot " + std::to_string(planted) + ":"));
  }

  TEST_CASE("a state that differs is repaired from the others, and the log says in which key it did") {
    MixedCluster mixed(2, true);
    for (const std::string value : {"Nicaea", "Iznik", "Nicaea"}) static_cast<void>(mixed.put("city", value));
    mixed.fill_up_to(interval);
    auto& replica = mixed.replica(2);
    CHECK(replica.await_text("DIFFERS: the state after slot 16 differs from what a quorum certified", in(seconds(20))));
    CHECK(
        replica.await_text("DIFFERS: in the key \"city\" of \"kv\", here 6 bytes, certified 6 bytes", in(seconds(20))));
    CHECK(replica.await_text("installed the state after slot", in(seconds(20))));
    mixed.fill_up_to(2 * interval);
    const Finished all = mixed.diff_at(2 * interval, {});
    INFO(all.all());
    CHECK(all.exit_status == 0);
    replica.signal(SIGTERM);
    CHECK(replica.finish(in(seconds(10))).exit_status == 0);
  }

  TEST_CASE("replicas that are the same are called so; before the first checkpoint nothing is claimed") {
    MixedCluster mixed(std::nullopt);
    static_cast<void>(mixed.put("city", "Nicaea"));
    const Finished early = mixed.cluster().tagma({"diff"});
    INFO(early.all());
    CHECK(early.exit_status == 3);
    CHECK(has(early, "there is no checkpoint yet: the first one is of slot 16"));

    mixed.fill_up_to(interval);
    const Finished same = mixed.diff_at(interval, {});
    INFO(same.all());
    CHECK(same.exit_status == 0);
    CHECK(has(same, "majority: replicas 0, 1, 2 and 3 have the same state at slot 16"));
    CHECK_FALSE(has(same, "DIFFER"));
    CHECK(mixed.cluster().tagma({"diff", "--admin", "1", "1", "3"}).exit_status == 0);

    mixed.replica(3).signal(SIGSTOP);
    const Finished silent = mixed.cluster().tagma({"diff", "--timeout-ms", "300"});
    CHECK(silent.exit_status == 3);
    CHECK(has(silent, "replica 3 gave no answer within 300 ms"));
    CHECK(has(silent, "majority: replicas 0, 1 and 2"));
    mixed.replica(3).signal(SIGCONT);
  }

  TEST_CASE("what the command line refuses") {
    Cluster cluster;
    REQUIRE(cluster.init().exit_status == 0);
    CHECK(cluster.tagma({"diff", "0"}).exit_status == 2);
    CHECK(cluster.tagma({"diff", "0", "0"}).exit_status == 2);
    CHECK(cluster.tagma({"diff", "0", "4"}).exit_status == 2);
    const Finished stranger = cluster.tagma({"diff", "--admin", "9"});
    CHECK(stranger.exit_status == 2);
    CHECK(stranger.errors.find("there is no administrator 9") != std::string::npos);
    const Finished nobody = cluster.tagma({"diff", "--timeout-ms", "200"});
    CHECK(nobody.exit_status == 3);
    CHECK(has(nobody, "fewer than two replicas answered"));
    CHECK(cluster.tagma({"diff", "--deadline-s", "0"}).exit_status == 2);
  }

  TEST_CASE("one diff at a time with one administrator's key: the next one waits, and not for ever") {
    Cluster cluster;
    REQUIRE(cluster.init().exit_status == 0);
    const std::string secret = secret_path(cluster.directory(), {PrincipalKind::admin, 0});
    const int held = ::open(secret.c_str(), O_RDONLY | O_CLOEXEC);
    REQUIRE(::flock(held, LOCK_EX) == 0);
    const Finished refused = cluster.tagma({"diff", "--deadline-s", "1"});
    CHECK(refused.exit_status == 2);
    CHECK(refused.errors.find("waiting until another tagma diff of administrator 0 is done") != std::string::npos);
    CHECK(refused.errors.find("administrator 0 has been running for 1 s") != std::string::npos);
    CHECK(cluster.tagma({"diff", "--admin", "1", "--timeout-ms", "200"}).exit_status == 3);
    Process waits({tagma_binary(), "diff", "--dir", cluster.directory(), "--timeout-ms", "200"});
    REQUIRE(waits.await_text("waiting until", in(seconds(20))));
    ::close(held);
    CHECK(waits.await_text("fewer than two replicas answered", in(seconds(20))));
  }
}

}  // namespace tagma::end_to_end
