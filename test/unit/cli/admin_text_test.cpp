// What `tagma admin` reads from replicas and shows, and what it refuses before it asks them.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "client_lib/cli/admin/admin_report.h"
#include "client_lib/cli/command.h"
#include "test/unit/cli/support.h"

using namespace tagma;
using namespace tagma::cli;
using tagma::cli::test::contains;
using tagma::cli::test::Ran;
using tagma::cli::test::run;
using tagma::cli::test::TemporaryFolder;

namespace {

constexpr std::string_view open_one =
    "proposal\t7\nstate\topen\nproposer\t2\napproved\t0 2\nneeded\t3\nchange\tgroup\tset\ta b\\tc\nlater\t1";

ProgramName name() {
  ProgramName program;
  program.word = "./tagma";
  return program;
}

}  // namespace

TEST_CASE("a proposal is read, shown with what to type next, and told as JSON") {
  const auto proposal = read_proposal(open_one);
  REQUIRE(proposal.ok());
  CHECK(proposal->number == 7);
  CHECK(proposal->change == Words{"group", "set", "a b\tc"});
  const auto text = proposal_text(*proposal, name(), " --dir d");
  CHECK(contains(text, "proposal 7 is open: group set 'a b\\tc'"));
  CHECK(contains(text, "wanted by 2 of the 3 administrators that it takes: 0, 2"));
  CHECK(contains(text, "./tagma admin --dir d approve 7 --admin N"));
  const auto json = to_json(*proposal);
  CHECK(json["approved"] == nlohmann::json::array({0, 2}));
  CHECK(json["why"].is_null());
  const auto refused =
      read_proposal("proposal\t1\nstate\trefused\nproposer\t0\napproved\t0\nneeded\t1\nchange\tclient\nwhy\tno\\nway");
  REQUIRE(refused.ok());
  CHECK(contains(proposal_text(*refused, name(), ""), "refused because no\\nway"));
  CHECK_FALSE(contains(proposal_text(*refused, name(), ""), "approves it"));
}

TEST_CASE("what a faulty administrator wrote cannot look like something else at a terminal") {
  const auto text = change_text({"group", "\x1b[2J\nproposal 9 is applied",
                                 "\xc2\x9b"
                                 "1m"});
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find('\n') == std::string::npos);
  CHECK(text.find('\x9b') == std::string::npos);
  // Without a width, and from right to left.
  CHECK(change_text({"temp\xe2\x80\x8b"
                     "erature",
                     "\xe2\x80\xae"
                     "ab"}) == "'temp\\xe2\\x80\\x8berature' '\\xe2\\x80\\xaeab'");
}

TEST_CASE("lists are read and set as tables, empty ones too") {
  const auto list = read_proposals("2\topen\t1\t1\t2\tclient\tremove\t3\n1\twithdrawn\t0\t\t2\tclient\tremove\t4");
  REQUIRE(list.ok());
  REQUIRE(list->proposals.size() == 2);
  CHECK(list->proposals.back().approved.empty());
  CHECK(contains(proposals_table(*list), "client remove 3"));
  CHECK(to_json(*list)["proposals"][0]["change"][2] == "3");
  CHECK(contains(proposals_table(*read_proposals("1\topen\t0\t0\t2\tclient\nleft out\t7")), "and 7 more"));
  CHECK(read_proposals("")->proposals.empty());
  const auto clients = read_clients("3\tmay call\t\n8\tadded\tp256:02\n9\tremoved\tp256:03\n4\tmay call\tkv memory");
  REQUIRE(clients.ok());
  CHECK(contains(clients_table(*clients), "may call  nothing"));
  const auto json = to_json(*clients);
  CHECK(json["permissions"][0]["services"].empty());
  CHECK(json["permissions"][1]["services"][1] == "memory");
  CHECK(json["removed"][0]["client"] == 9);
}

TEST_CASE("what is no answer of the service is refused, not shown") {
  for (const std::string_view text :
       {"", "proposal\t1", "proposal\t1\nstate\topen", "proposal\t1\nstate\topen\nchange\t\\q", "what", "\t\t\n\t"}) {
    CAPTURE(text);
    CHECK_FALSE(read_proposal(text).ok());
  }
  for (const std::string_view text : {"x", "1\topen\t0\t0\t2", "one\topen\t0\t0\t2\tc", "1\topen\t0\tq\t2\tc"}) {
    CAPTURE(text);
    CHECK_FALSE(read_proposals(text).ok());
  }
  CHECK_FALSE(read_clients("8\tadded").ok());
}

TEST_CASE("bad changes are refused before anybody is asked, and no key is made for them") {
  const TemporaryFolder folder;
  const std::string directory = folder / "c";
  REQUIRE(run({"init", "--dir", directory, "--base-port", "21000"}).status == exit_ok);
  const auto refuse = [&](Arguments words, std::string_view why) {
    words.insert(words.begin(), {"admin", "--dir", directory});
    const Ran ran = run(words);
    CAPTURE(ran.err);
    CHECK(ran.status == exit_usage);
    CHECK(ran.out.empty());
    CHECK(contains(ran.err, std::string(why)));
  };
  refuse({"propose"}, "no change; write one of");
  refuse({"propose", "client", "add", "x"}, "a client is a number");
  refuse({"propose", "client", "add", "9", "key"}, "not a public key");
  refuse({"propose", "client", "remove", "9", "--groups", "f"}, "--groups goes with");
  refuse({"propose", "group", "set", "g", "--groups", folder / "none"}, "none");
  refuse({"approve"}, "admin approve NUMBER");
  refuse({"list", "1"}, "admin list");
  refuse({"list", "--admin", "3"}, "has no administrator 3; it has 3 administrators");
  refuse({"forbid", "1"}, "action");
  CHECK_FALSE(std::filesystem::exists(directory + "/client-9"));
}
