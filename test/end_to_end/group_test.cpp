// Sensors that may lie: three feeders as a user starts them, one of which says what it likes, and then nothing.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "test/end_to_end/harness/cluster.h"

namespace tagma::end_to_end {

using nlohmann::json;

namespace {

constexpr std::string_view definition = R"([[groups]]
name = "temperature"
rule = "median"
value = "real"
members = [2, 4, 5]
faulty_max = 1
deadline_ms = 3000
operation = ["kv", "put", "temperature", "{value}"]
)";

/// Whole lines of JSON so far.
std::vector<json> lines_of(const std::string& output) {
  std::vector<json> lines;
  std::istringstream stream(output.substr(0, output.rfind('\n') + 1));
  for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line));
  return lines;
}

/// A cluster with the group, and its feeders.
class Sensed {
 public:
  Sensed() {
    write_file(folder_.file("groups.toml"), std::string(definition));
    cluster_ = std::make_unique<Cluster>(std::vector<std::string>{
        "--groups", folder_.file("groups.toml"), "--clock-window-ms", "250", "--durability", "memory"});
    REQUIRE(cluster_->up());
  }

  [[nodiscard]] std::unique_ptr<Process> feeder(const std::string& member, const std::string& program) const {
    return std::make_unique<Process>(
        cluster_->command({"sense", "temperature", "--member", member, "--command", program, "--every", "200ms",
                           "--json", "--record", record(member)}));
  }
  [[nodiscard]] std::string record(const std::string& member) const { return folder_.file("votes-" + member); }
  [[nodiscard]] const Cluster& cluster() const { return *cluster_; }

  [[nodiscard]] json show() const {
    const Finished shown = cluster_->tagma({"group", "show", "temperature", "--json"});
    INFO(shown.all());
    REQUIRE(shown.exit_status == 0);
    return json::parse(shown.output);
  }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<Cluster> cluster_;
};

/// Reads on until some round has this grade; false if none has in time.
bool await_grade(Process& feeder, const std::string& grade) {
  return feeder.await_text("\"grade\":\"" + grade + "\"", in(seconds(30)));
}

void check_honest_values(const std::vector<json>& rounds) {
  for (const auto& round : rounds) {
    CAPTURE(round.dump());
    if (round["value"].is_null()) continue;  // fewer than two had begun
    const double value = std::stod(round["value"].get<std::string>());
    CHECK(value >= 20.1);
    CHECK(value <= 20.5);
  }
}

}  // namespace

TEST_SUITE("group") {
  TEST_CASE("no round decides what a lying sensor says; when it is dead rounds go on, and it is suspected") {
    const Sensed sensed;
    auto hall = sensed.feeder("0", "while :; do echo 20.1; sleep 0.05; done");
    auto kitchen = sensed.feeder("1", "echo 20.5 degrees");
    auto attic = sensed.feeder("2", "echo 900");
    REQUIRE(await_grade(*hall, "unconditional"));
    CHECK(attic->running());
    attic->signal(SIGKILL);
    CHECK(attic->finish(in(seconds(10))).exit_status == -1);
    // The deadline of what it has not voted in passes; the third such round in a row makes it suspected.
    REQUIRE(await_grade(*hall, "timely"));
    const auto attic_suspected = [&] { return sensed.show()["per_member"][2]["suspected"] == true; };
    CHECK(await(attic_suspected, in(seconds(30))));
    const json shown = sensed.show();
    CAPTURE(shown.dump());
    CHECK(shown["per_member"][2]["client"] == 5);
    CHECK(shown["per_member"][0]["suspected"] == false);
    CHECK(shown["per_member"][1]["suspected"] == false);
    const auto status_tells = [&] {
      const Finished status = sensed.cluster().tagma({"status", "--json"});
      const json members = json::parse(status.output)["group_members"];
      return members.size() == 3 && members[2]["client"] == 5 && members[2]["suspected"] == true &&
             members[0]["suspected"] == false && members[0]["votes"] > 0;
    };
    CHECK(await(status_tells, in(seconds(10))));

    hall->signal(SIGTERM);
    kitchen->signal(SIGINT);
    const Finished ended = hall->finish(in(seconds(10)));
    INFO(ended.all());
    CHECK(ended.exit_status == 0);
    CHECK(kitchen->finish(in(seconds(10))).exit_status == 0);
    const auto rounds = lines_of(ended.output);
    check_honest_values(rounds);
    CHECK(std::any_of(rounds.begin(), rounds.end(), [](const json& round) { return round["present"].size() == 3; }));
    CHECK(read_file(sensed.record("2")).find("\t900\t") != std::string::npos);
    const Finished stored = sensed.cluster().tagma({"call", "kv", "get", "temperature"});
    CHECK((stored.output == "20.1\n" || stored.output == "20.5\n"));
    CHECK(sensed.cluster().tagma({"group", "result", "temperature", "1000000"}).exit_status == 1);
  }
}

}  // namespace tagma::end_to_end
