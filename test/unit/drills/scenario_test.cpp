// Scenario files: those that are there can be read, and slips of the pen are refused with the field that is meant.
#include "docker/drills/scenario.h"

#include <doctest/doctest.h>

#include <fstream>
#include <set>
#include <string>

#include "docker/drills/random_faults.h"
#include "test/fakes/temporary_folder.h"

using namespace tagma;
using namespace tagma::drills;

namespace {

Result<Scenario> read_text(const std::string& text) {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("one.toml");
  std::ofstream(path) << text;
  return read_scenario(path);
}

std::string reason(const std::string& text) {
  const auto read = read_text(text);
  return read ? "" : read.reason();
}

}  // namespace

TEST_SUITE_BEGIN("scenario");

TEST_CASE("every drill that is shipped can be read, does something and says what") {
  const auto scenarios = read_scenarios(TAGMA_SCENARIOS);
  REQUIRE_MESSAGE(scenarios, scenarios.reason());
  CHECK(scenarios->size() >= 25);
  std::set<std::string> rows;
  for (const auto& scenario : *scenarios) {
    CAPTURE(scenario.name);
    CHECK_FALSE(scenario.about.empty());
    CHECK((scenario.random_faults_s || !scenario.steps.empty()));
    for (std::size_t at = 1; at < scenario.steps.size(); ++at) {
      CHECK(scenario.steps[at].at_s >= scenario.steps[at - 1].at_s);
    }
    if (!scenario.steps.empty()) CHECK(scenario.steps.back().at_s < scenario.seconds);
    rows.insert(scenario.rows.begin(), scenario.rows.end());
  }
  // Those of the catalogue that must be played on real processes.
  for (const auto* const row : {"P2", "P3", "P5", "B1", "B8", "B9", "B11", "C1",  "C3",  "K1",
                                "K3", "K4", "K5", "K6", "K7", "K8", "K9",  "K10", "K11", "K12"}) {
    CAPTURE(row);
    CHECK(rows.contains(row));
  }
}

TEST_CASE("a scenario is what its file says") {
  const auto read = read_text(R"(
title = "A cut"
rows = ["X2"]
seconds = 9
[cluster]
replicas = 7
durability = "async"
[load]
clients = 3
per_second_max = 0
[byzantine]
replica = 6
attack = "flood"
options = ["--rate", "10"]
[[step]]
at_s = 2.5
do = "network"
who = [0, 1]
to = "others"
both = false
delay_ms = 20
loss_percent = 0.5
[[step]]
at_s = 4
do = "heal"
[expect]
outage_s = [3, 4]
unknown_max = 2
)");
  REQUIRE_MESSAGE(read, read.reason());
  CHECK(read->name == "one");
  CHECK(read->replicas == 7);
  CHECK(read->durability == Durability::async);
  CHECK(read->load.clients == 3);
  CHECK(read->load.per_second_max == 0);
  CHECK(read->byzantine->attack == "flood");
  REQUIRE(read->steps.size() == 2);
  const auto& step = read->steps[0];
  CHECK(step.at_s == 2.5);
  CHECK(step.action == Action::network);
  CHECK(step.who.ids == std::vector<ReplicaId>{0, 1});
  CHECK(step.to.kind == Selector::Kind::others);
  CHECK_FALSE(step.both);
  CHECK(step.link.delay_us == 20'000);
  CHECK(step.link.loss_ppm == 5'000);
  CHECK(read->expect.outage_s == std::pair(3.0, 4.0));
  CHECK(read->expect.unknown_max == 2);
}

TEST_CASE("what is not understood is refused, with the field") {
  const std::string title = "title = \"x\"\n";
  CHECK(reason("seconds = 3").find("title: missing") != std::string::npos);
  CHECK(reason(title + "second = 3").find("second: there is no such field") != std::string::npos);
  CHECK(reason(title + "seconds = \"long\"").find("seconds: is not of the right kind") != std::string::npos);
  CHECK(reason(title + "[[step]]\ndo = \"kil\"\nwho = 0").find("step[0].do: \"kil\" is no action") !=
        std::string::npos);
  CHECK(reason(title + "[[step]]\ndo = \"kill\"").find("step[0].who: missing") != std::string::npos);
  CHECK(reason(title + "[[step]]\ndo = \"kill\"\nwho = \"backups\"").find("\"backups\" is nobody") !=
        std::string::npos);
  CHECK(reason(title + "[[step]]\ndo = \"kill\"\nwho = -1").find("no replica") != std::string::npos);
  CHECK(reason(title + "[[step]]\ndo = \"network\"\nwho = 0\nto = 1").find("a network fault needs") !=
        std::string::npos);
  CHECK(reason(title + "[cluster]\nreplicas = 3").find("below four") != std::string::npos);
  CHECK(reason(title + "[byzantine]\nreplica = 4\nattack = \"x\"").find("byzantine.replica: there is no replica 4") !=
        std::string::npos);
  CHECK(reason(title + "[expect]\noutage_s = [4, 3]").find("outage_s: write [from, to]") != std::string::npos);
  CHECK(reason(title).find("step: missing") != std::string::npos);
  CHECK(reason(title + "[[step]]\ndo = \"pause\"\nwho = \"clients\"").find("no replica; name one") !=
        std::string::npos);
  CHECK(reason(title + "[[step]]\ndo = \"wipe\"\nwho = []").find("no replica; name one") != std::string::npos);
  CHECK(reason(title + "[[step]]\ndo = \"start\"\nwho = 9").find("there is no replica 9") != std::string::npos);
  CHECK(reason(title + "[[step]]\ndo = \"network\"\nto = 3\ncut = true").find("a network fault needs `who`") !=
        std::string::npos);
}

TEST_CASE("what is refused is named with its line") {
  const auto line_of = [](const std::string& text) {
    const auto told = reason(text);
    const auto at = told.find("one.toml:");
    return at == std::string::npos ? 0 : std::stoi(told.substr(at + 9));
  };
  CHECK(line_of("title = ") == 1);
  CHECK(line_of("title = \"x\"\nsecond = 3") == 2);
  CHECK(line_of("title = \"x\"\n\n[load]\nclients = 3\noutstanding = 0") == 5);
  CHECK(line_of("title = \"x\"\n[[step]]\nat_s = 1\ndo = \"kill\"\nwho = [0, 7]") == 5);
  CHECK(line_of("title = \"x\"\n\n[[step]]\ndo = \"kill\"") == 3);  // who is missing there
  CHECK(line_of("title = \"x\"\n[cluster]\nlying_disk = 4") == 3);
}

TEST_CASE("random faults are the same for the same seed, one at a time, and end") {
  Scenario scenario;
  scenario.random_faults_s = 600;
  Scenario again = scenario;
  Scenario other = scenario;
  draw_faults(scenario, 7);
  draw_faults(again, 7);
  draw_faults(other, 8);
  REQUIRE(scenario.steps.size() > 60);
  REQUIRE(again.steps.size() == scenario.steps.size());
  std::set<Action> actions;
  for (std::size_t at = 0; at < scenario.steps.size(); ++at) {
    CHECK(again.steps[at].at_s == scenario.steps[at].at_s);
    CHECK(again.steps[at].action == scenario.steps[at].action);
    if (at % 3 == 2) CHECK(scenario.steps[at].action == Action::settle);
    actions.insert(scenario.steps[at].action);
  }
  CHECK(scenario.seconds > scenario.steps.back().at_s);
  CHECK(other.steps.front().at_s == scenario.steps.front().at_s);
  CHECK(actions.contains(Action::wipe));
  CHECK(actions.contains(Action::network));
  CHECK(actions.contains(Action::starve));
}

TEST_SUITE_END();
