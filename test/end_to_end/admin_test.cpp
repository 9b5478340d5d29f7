// Administration as its users do it: one administrator changes nothing, two of three do.
#include <doctest/doctest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "test/end_to_end/harness/cluster.h"

namespace tagma::end_to_end {

using nlohmann::json;

namespace {

constexpr std::string_view groups = R"([[groups]]
name = "motto"
rule = "exact"
value = "bytes"
members = [8, 1, 2]
faulty_max = 1
)";

/// The words of a line, parted by blanks.
std::vector<std::string> words(const std::string& line) {
  std::vector<std::string> made;
  std::istringstream stream(line);
  for (std::string word; stream >> word;) made.push_back(word);
  return made;
}

class Administered {
 public:
  explicit Administered(const std::string& durability) : cluster_({"--durability", durability}) {
    REQUIRE(cluster_.up());
  }

  [[nodiscard]] Finished admin(const std::string& id, const std::string& line) const {
    std::vector<std::string> command{"admin", "--admin", id, "--json"};
    for (auto& word : words(line)) command.push_back(std::move(word));
    return cluster_.tagma(command);
  }
  [[nodiscard]] json proposal(const std::string& id, const std::string& line) const {
    const Finished finished = admin(id, line);
    INFO(finished.all());
    REQUIRE(finished.exit_status == 0);
    return json::parse(finished.output);
  }
  /// The word of two administrators.
  void change(const std::string& line) const {
    CHECK(proposal("0", "propose " + line)["state"] == "open");
    CHECK(proposal("2", "propose " + line)["state"] == "applied");
  }
  [[nodiscard]] Finished call(const std::string& client, const std::string& line) const {
    std::vector<std::string> command{"call", "--client", client, "--timeout-ms", "2000"};
    for (auto& word : words(line)) command.push_back(std::move(word));
    return cluster_.tagma(command);
  }
  [[nodiscard]] const Cluster& cluster() const { return cluster_; }
  /// All replicas end, and return with their disks.
  void restart() {
    CHECK(cluster_.stop().exit_status == 0);
    REQUIRE(cluster_.up());
  }

 private:
  Cluster cluster_;
};

}  // namespace

TEST_SUITE("admin") {
  TEST_CASE(
      "C11: one administrator changes nothing, the word of a second one makes a client, confines it, removes it") {
    const Administered administered("memory");
    const json made = administered.proposal("0", "propose client add 8");
    CHECK(made["state"] == "open");
    CHECK(made["needed"] == 2);
    CHECK(administered.proposal("0", "approve 1")["approved"] == json::array({0}));
    CHECK(administered.call("8", "kv put city Nicaea").exit_status == 3);
    CHECK(administered.proposal("1", "approve 1")["state"] == "applied");
    CHECK(administered.call("8", "kv put city Nicaea").exit_status == 0);
    // Its secret is its own.
    CHECK(read_file(administered.cluster().directory() + "/client-8/identity.key").find("PRIVATE KEY") !=
          std::string::npos);

    administered.change("permission set 8 memory");
    const Finished confined = administered.call("8", "kv get city");
    CHECK(confined.exit_status == 1);
    CHECK(confined.errors.find("client 8 may not call 'kv'") != std::string::npos);
    CHECK(administered.call("8", "memory write 3 42").exit_status == 0);
    CHECK(administered.call("0", "kv get city").output == "Nicaea\n");

    administered.change("client remove 8");
    const Finished gone = administered.call("8", "memory read 3");
    CHECK(gone.exit_status == 3);
    CHECK(gone.errors.find("not know this client") != std::string::npos);
    const Finished again = administered.admin("1", "propose client add 8");
    CHECK(again.exit_status == 1);
    CHECK(again.errors.find("a number is given once") != std::string::npos);
    const json clients = json::parse(administered.admin("1", "clients").output);
    CHECK(clients["removed"].size() == 1);
    CHECK(administered.call("0", "admin list").errors.find("only administrators call admin") != std::string::npos);
    CHECK(administered.admin("7", "list").exit_status == 2);
    CHECK(json::parse(administered.admin("0", "list").output)["proposals"].size() == 3);
  }

  TEST_CASE("a group laid down while the cluster runs has feeders, a new client among them, and outlives a restart") {
    Administered administered("sync");
    const TemporaryFolder folder;
    write_file(folder.file("groups.toml"), std::string(groups));
    administered.change("client add 8");
    const std::vector<std::string> from_file{
        "admin", "propose", "group", "set", "motto", "--groups", folder.file("groups.toml")};
    auto by_one = from_file;
    by_one.insert(by_one.end(), {"--admin", "1"});
    CHECK(administered.cluster().tagma(by_one).exit_status == 0);
    CHECK(administered.call("8", "group vote motto 1 yes").exit_status == 1);
    auto by_two = from_file;
    by_two.insert(by_two.end(), {"--admin", "2"});
    CHECK(administered.cluster().tagma(by_two).output.find("is applied") != std::string::npos);

    administered.restart();
    Process feeder(administered.cluster().command(
        {"sense", "motto", "--member", "0", "--client", "8", "--command", "echo yes", "--rounds", "1", "--json"}));
    Process other(administered.cluster().command(
        {"sense", "motto", "--member", "1", "--client", "1", "--command", "echo yes", "--rounds", "1", "--json"}));
    const Finished sensed = feeder.finish(in(seconds(20)));
    INFO(sensed.all());
    CHECK(sensed.exit_status == 0);
    CHECK(sensed.output.find("\"value\":\"yes\"") != std::string::npos);
    CHECK(other.finish(in(seconds(20))).exit_status == 0);
    const Finished wrong =
        administered.cluster().tagma({"sense", "motto", "--member", "2", "--client", "1", "--command", "echo yes"});
    CHECK(wrong.exit_status == 2);
    CHECK(wrong.errors.find("this one is client 2; say --client 2") != std::string::npos);
  }
}

}  // namespace tagma::end_to_end
