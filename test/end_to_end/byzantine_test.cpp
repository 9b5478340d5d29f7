// Clusters with an adversary in them, a replica or a client: its attack takes place, calls are answered rightly
// meanwhile, and afterwards all replicas have the same state.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>

#include "messages/cluster_file/cluster_file.h"
#include "test/end_to_end/harness/cluster.h"

namespace tagma::end_to_end {
namespace {

/// The newest count that an adversary has told of this attack; 0 before the first.
std::uint64_t fired(Process& process, const std::string& name) {
  static_cast<void>(process.await_text("never said: this only reads on", in(milliseconds(10))));
  const std::string mark = "fired " + name + " ";
  const auto at = process.errors().rfind(mark);
  // A line that is not whole yet would tell too little.
  if (at == std::string::npos || process.errors().find('\n', at) == std::string::npos) return 0;
  return std::stoull(process.errors().substr(at + mark.size()));
}

/// Four replicas, of which one may be an adversary. A checkpoint every 16 slots, so that states are soon compared.
class AttackedCluster {
 public:
  explicit AttackedCluster(const std::optional<std::uint32_t>& adversary = {},
                           const std::vector<std::string>& attack = {}) {
    REQUIRE(cluster_.init().exit_status == 0);
    REQUIRE(edit_file(cluster_.cluster_file(), "checkpoint_interval = 256", "checkpoint_interval = 16"));
    for (std::uint32_t id = 0; id < 4; ++id) {
      const std::string own = std::to_string(id);
      std::vector<std::string> command{tagma_binary(), "replica"};
      if (adversary == id) {
        command = {TAGMA_BYZANTINE_REPLICA_BINARY};
        command.insert(command.end(), attack.begin(), attack.end());
      }
      for (const auto& word : {std::string("--cluster"), cluster_.cluster_file(), std::string("--id"), own,
                               std::string("--data"), cluster_.directory() + "/data-" + own, std::string("--identity"),
                               secret_path(cluster_.directory(), {PrincipalKind::replica, id})}) {
        command.push_back(word);
      }
      replicas_.push_back(std::make_unique<Process>(command));
    }
    for (const auto& replica : replicas_) REQUIRE(replica->await_text("ready", in(seconds(20))));
  }

  [[nodiscard]] const Cluster& cluster() const { return cluster_; }
  [[nodiscard]] Process& replica(std::uint32_t id) { return *replicas_[id]; }

  /// Writes and reads what only this call knows.
  void call() {
    const std::string value = "value-" + std::to_string(++calls_);
    const Finished put = cluster_.tagma({"call", "kv", "put", "key", value});
    INFO(put.all());
    REQUIRE(put.exit_status == 0);
    const Finished got = cluster_.tagma({"call", "kv", "get", "key"});
    INFO(got.all());
    REQUIRE(got.output == value + "\n");
  }

  /// Goes on calling until all have one state, with all that was answered before in it.
  void await_agreement() {
    const auto executed = [](const nlohmann::json& replica) {
      return replica.at("answered") == true ? replica.at("last_executed").get<Seq>() : 0;
    };
    Seq above = 0;
    for (const auto& replica : status()) above = std::max(above, executed(replica));
    const bool agree = await(
        [&] {
          call();
          const auto now = status();
          return std::all_of(now.begin(), now.end(), [&](const nlohmann::json& replica) {
            return replica.at("answered") == true && replica.at("voting") == true &&
                   replica.at("state_digest_seq") >= above &&
                   replica.at("state_digest") == now.at(0).at("state_digest");
          });
        },
        in(seconds(60)));
    INFO(status().dump(1));
    CHECK(agree);
  }

 private:
  /// What each replica says of itself.
  [[nodiscard]] nlohmann::json status() const {
    return nlohmann::json::parse(cluster_.tagma({"status", "--json"}).output).at("replicas");
  }

  Cluster cluster_;
  std::vector<std::unique_ptr<Process>> replicas_;
  std::uint64_t calls_ = 0;
};

void survives_replica(const std::string& name, std::uint32_t adversary, const std::vector<std::string>& options = {}) {
  CAPTURE(name);
  std::vector<std::string> attack{name};
  attack.insert(attack.end(), options.begin(), options.end());
  AttackedCluster attacked(adversary, attack);
  auto& process = attacked.replica(adversary);
  attacked.call();
  CHECK(fired(process, name) == 0);

  process.signal(SIGUSR1);
  std::uint64_t seen = 0;
  int rises = 0;
  const bool rose = await(
      [&] {
        attacked.call();
        const auto now = fired(process, name);
        if (now > seen) ++rises;
        seen = std::max(seen, now);
        // Some lose their office by it, and with it the power.
        return rises >= 2 || ((name == "censor" || name == "equivocate") && rises >= 1);
      },
      in(seconds(60)));
  CHECK(rose);
  process.signal(SIGUSR2);
  attacked.await_agreement();
  process.signal(SIGTERM);
  CHECK(process.finish(in(seconds(20))).exit_status == 0);
}

}  // namespace

TEST_SUITE("byzantine") {
  TEST_CASE("P1: a primary that shows half of the backups another batch") { survives_replica("equivocate", 0); }
  TEST_CASE("P2: a primary that starves one backup") { survives_replica("starve", 0, {"--victim", "3"}); }
  TEST_CASE("P5: a primary that censors a client") { survives_replica("censor", 0, {"--victim", "0"}); }
  TEST_CASE("B1: a primary that tells clients lies") { survives_replica("wrong_replies", 0); }
  TEST_CASE("B2: a backup that wants far views") { survives_replica("far_views", 2); }
  TEST_CASE("B11: a backup that floods") { survives_replica("flood", 1, {"--rate", "500", "--core-percent", "20"}); }

  TEST_CASE("an unknown attack is refused, with those that there are in --help") {
    const Finished refused =
        run({TAGMA_BYZANTINE_REPLICA_BINARY, "nonsense", "--cluster", "none", "--id", "0", "--data", "none"});
    CHECK(refused.exit_status == 2);
    CHECK(run({TAGMA_BYZANTINE_REPLICA_BINARY, "--help"}).output.find("withhold_new_view") != std::string::npos);
  }

  TEST_CASE("clients that sign for some, skip the primary, say different things, or send hostile operations") {
    AttackedCluster attacked;
    for (const std::string name : {"partial", "skip_primary", "payloads", "oversized"}) {
      CAPTURE(name);
      Process client({TAGMA_BYZANTINE_CLIENT_BINARY, name, "--cluster", attacked.cluster().cluster_file(), "--id", "7",
                      "--identity", secret_path(attacked.cluster().directory(), {PrincipalKind::client, 7}), "--rate",
                      "50", "--core-percent", "20"});
      REQUIRE(client.await_text("serves", in(seconds(20))));
      // Every subset of four replicas, or every way to be hostile.
      const bool enough = await(
          [&] {
            attacked.call();
            return fired(client, name) >= 16;
          },
          in(seconds(60)));
      CHECK(enough);
      client.signal(SIGTERM);
      const Finished ended = client.finish(in(seconds(20)));
      CHECK(ended.exit_status == 0);
      if (name == "partial") CHECK(ended.errors.find("counted partial_subsets 16") != std::string::npos);
    }
    attacked.await_agreement();
  }
}

}  // namespace tagma::end_to_end
