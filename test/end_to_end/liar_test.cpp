// A lying replica in front of a real one, where it hurts most: at the primary's client port. Every request reaches the
// liar first, it answers at once; the client must wait for the f+1 that agree.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "messages/cluster_file/cluster_file.h"
#include "test/end_to_end/harness/cluster.h"

namespace tagma::end_to_end {
namespace {

std::size_t occurrences(const std::string& text, const std::string& word) {
  std::size_t count = 0;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + word.size())) ++count;
  return count;
}

/// Four real replicas; what clients take for replica `masked` is the liar, which holds that replica's key and address.
/// The real one behind it takes part in the agreement as before and listens for clients elsewhere.
class MaskedCluster {
 public:
  MaskedCluster(std::uint32_t masked, const std::string& lie) {
    REQUIRE(cluster_.init().exit_status == 0);
    auto file = read_cluster_file(cluster_.cluster_file());
    REQUIRE(file.ok());
    file->membership.replicas.at(masked).client_address =
        "tcp://127.0.0.1:" + std::to_string(cluster_.base_port() + Ports::count - 1);
    std::filesystem::create_directory(cluster_.directory() + "/masked");
    const std::string masked_file = cluster_.directory() + "/masked/cluster.toml";
    REQUIRE_FALSE(write_cluster_file(masked_file, *file).has_value());

    for (std::uint32_t id = 0; id < 4; ++id) {
      const std::string own = std::to_string(id);
      replicas_.push_back(std::make_unique<Process>(std::vector<std::string>{
          tagma_binary(), "replica", "--cluster", id == masked ? masked_file : cluster_.cluster_file(), "--id", own,
          "--data", cluster_.directory() + "/data-" + own, "--identity",
          secret_path(cluster_.directory(), {PrincipalKind::replica, id})}));
    }
    for (const auto& replica : replicas_) REQUIRE(replica->await_text("ready", in(seconds(20))));
    liar_ = std::make_unique<Process>(
        std::vector<std::string>{TAGMA_LIAR_BINARY, cluster_.cluster_file(), std::to_string(masked), lie});
    REQUIRE(liar_->await_text("serves", in(seconds(20))));
  }

  [[nodiscard]] Finished call(std::vector<std::string> words) const {
    words.insert(words.begin(), "call");
    return cluster_.tagma(words);
  }
  [[nodiscard]] const Cluster& cluster() const { return cluster_; }

  /// Requests that the liar has answered so far.
  [[nodiscard]] std::size_t lies() {
    static_cast<void>(liar_->await_text("never said: this only reads on", in(milliseconds(10))));
    return occurrences(liar_->output(), "lied");
  }

 private:
  Cluster cluster_;
  std::vector<std::unique_ptr<Process>> replicas_;
  std::unique_ptr<Process> liar_;
};

}  // namespace

TEST_SUITE("liar") {
  TEST_CASE("B1: a liar at the primary's client port never fools the client") {
    for (const std::string lie : {"value", "ok", "absent", "garbage"}) {
      CAPTURE(lie);
      MaskedCluster masked(0, lie);
      const Finished put = masked.call({"kv", "put", "city", "Nicaea"});
      INFO(put.all());
      CHECK(put.exit_status == 0);
      const Finished got = masked.call({"kv", "get", "city"});
      CHECK(got.exit_status == 0);
      CHECK(got.output == "Nicaea\n");
      const Finished absent = masked.call({"kv", "get", "no-such-key"});
      CHECK(absent.exit_status == 1);
      CHECK(absent.output.empty());
      CHECK(masked.call({"kv", "cas", "city", "Tyre", "Smyrna"}).exit_status == 1);
      CHECK(masked.call({"kv", "get", "city"}).output == "Nicaea\n");
      // A call may be over before its request has reached the liar; go on until the attack has taken place often
      // enough.
      const bool attacked = await(
          [&] {
            CHECK(masked.call({"kv", "get", "city"}).output == "Nicaea\n");
            return masked.lies() >= 5;
          },
          in(seconds(30)));
      CHECK(attacked);
    }
  }

  TEST_CASE("a liar at a backup's client port changes nothing") {
    MaskedCluster masked(2, "value");
    CHECK(masked.call({"kv", "put", "city", "Nicaea"}).exit_status == 0);
    CHECK(masked.call({"kv", "get", "city"}).output == "Nicaea\n");
  }

  TEST_CASE("a whole load through the liar reads back equal") {
    MaskedCluster masked(0, "value");
    const std::string words = masked.cluster().directory() + "/words";
    std::string lines;
    for (int i = 0; i < 2000; ++i) lines += "word-" + std::to_string(i) + "\n";
    write_file(words, lines);
    const Finished loaded = masked.cluster().tagma({"load", words}, seconds(90));
    INFO(loaded.all());
    CHECK(loaded.exit_status == 0);
    CHECK(await([&] { return masked.lies() >= 1; }, in(seconds(10))));
  }
}

}  // namespace tagma::end_to_end
