// The engine behind TAB, without a terminal.
#include "client_lib/cli/completion/completion.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "client_lib/cli/completion/vocabulary.h"
#include "test/unit/cli/support.h"

using namespace tagma::cli;
using tagma::cli::test::contains;
using tagma::cli::test::run;
using tagma::cli::test::TemporaryFolder;
using Strings = std::vector<std::string>;

namespace {

const std::vector<ServiceUsage> services{{"kv", {"kv put KEY VALUE", "kv get KEY", "kv scan FROM TO [LIMIT]"}},
                                         {"mutex", {"mutex acquire NAME"}}};

const tagma::ServiceCatalogue catalogue = tagma::bundled_services();

/// The real commands; clusters as told.
Vocabulary vocabulary() {
  Vocabulary words = program_vocabulary(catalogue);
  words.services = {"kv", "mutex"};
  words.cluster_words = [](const std::string& directory) -> ClusterWords {
    if (directory == "small") return {{services[0]}, 2};
    return {services, 12};
  };
  return words;
}

Strings texts(const Completion& completion) {
  Strings found;
  for (const auto& candidate : completion.candidates) found.push_back(candidate.text);
  return found;
}

Strings offered(const Strings& before, const std::string& typed) {
  return texts(complete(vocabulary(), before, typed));
}

bool has(const Strings& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

TEST_CASE("every command is offered, with its summary") {
  const auto completion = complete(vocabulary(), {}, "");
  const auto names = texts(completion);
  for (const auto& command : commands()) CHECK(has(names, std::string(command.name)));
  CHECK(names.size() == commands().size());
  for (const auto& candidate : completion.candidates) CHECK_FALSE(candidate.description.empty());
  CHECK(offered({}, "st") == Strings{"status"});
  CHECK(offered({}, "--v") == Strings{"--version"});
  CHECK(offered({}, "conquer").empty());
  CHECK(offered({"conquer"}, "").empty());
}

TEST_CASE("bench compare is offered, and files behind it") {
  CHECK(has(offered({"bench"}, "co"), "compare"));
  CHECK(complete(vocabulary(), {"bench", "compare"}, "").paths == Paths::files);
  CHECK(complete(vocabulary(), {"bench", "compare", "old.json"}, "").paths == Paths::files);
  CHECK(has(offered({"bench", "compare"}, "--t"), "--threshold"));
}

TEST_CASE("every option of every command is offered, with its description") {
  for (const auto& command : commands()) {
    const auto app = command.describe();
    const auto completion = complete(vocabulary(), {std::string(command.name)}, "--");
    const auto names = texts(completion);
    CAPTURE(command.name);
    std::size_t long_names = 0;
    for (const auto* option : app->get_options()) {
      for (const auto& name : option->get_lnames()) {
        CAPTURE(name);
        CHECK(has(names, "--" + name));
        ++long_names;
      }
    }
    CHECK(names.size() == long_names);
    for (const auto& candidate : completion.candidates) CHECK_FALSE(candidate.description.empty());
  }
}

TEST_CASE("an option is offered once, one that may be repeated again, none that contradicts another") {
  CHECK_FALSE(has(offered({"call", "--client", "1"}, "--"), "--client"));
  CHECK_FALSE(has(offered({"call", "--client=1"}, "--"), "--client"));
  CHECK(has(offered({"init", "--service", "kv"}, "--"), "--service"));
  CHECK_FALSE(has(offered({"bench", "--local"}, "--"), "--dir"));
  CHECK(offered({"call", "--"}, "--").empty());
}

TEST_CASE("values are what the option's type says") {
  CHECK(complete(vocabulary(), {"call", "--dir"}, "").paths == Paths::directories);
  CHECK(complete(vocabulary(), {"call"}, "--dir=x").paths == Paths::directories);
  CHECK(complete(vocabulary(), {"replica", "--data"}, "").paths == Paths::directories);
  CHECK(complete(vocabulary(), {"replica", "--cluster"}, "").paths == Paths::files);
  CHECK(complete(vocabulary(), {"replica", "--identity"}, "").paths == Paths::files);
  CHECK(complete(vocabulary(), {"load"}, "").paths == Paths::files);
  CHECK(complete(vocabulary(), {"load", "--client", "1"}, "w").paths == Paths::files);
  CHECK(offered({"up", "--log-level"}, "") == Strings{"debug", "info", "warn", "error"});
  CHECK(offered({"up"}, "--log-level=w") == Strings{"--log-level=warn"});
  CHECK(offered({"init", "--key-algorithm"}, "") == Strings{"p256", "ed25519"});
  CHECK(offered({"init", "--service"}, "") == Strings{"kv", "mutex"});
  CHECK(offered({"call", "--client"}, "1") == Strings{"1", "10", "11"});
  CHECK(offered({"status", "--dir", "small", "--client"}, "") == Strings{"0", "1"});
  const auto timeout = complete(vocabulary(), {"call", "--timeout-ms"}, "");
  CHECK(timeout.candidates.empty());
  CHECK(contains(timeout.hint, "How long to wait"));
}

TEST_CASE("operations are those of the cluster") {
  CHECK(offered({"call"}, "") == Strings{"kv", "mutex"});
  CHECK(offered({"call", "--dir=small"}, "") == Strings{"kv"});
  CHECK(offered({"call", "--json", "kv"}, "") == Strings{"put", "get", "scan"});
  CHECK(offered({"call", "--", "kv"}, "g") == Strings{"get"});
  const auto value = complete(vocabulary(), {"call", "kv", "put", "city"}, "");
  CHECK(value.hint == "kv put KEY VALUE");
  CHECK(value.placeholder == "VALUE");
  CHECK(complete_operation(services, {"kv", "scan", "a", "b"}, "").placeholder == "[LIMIT]");
  CHECK(complete_operation(services, {"kv", "get", "a"}, "").hint.empty());
  CHECK(complete_operation(services, {"kv", "conquer"}, "").hint.empty());
}

TEST_CASE("the hidden command answers what a shell asks, and says nothing where it knows nothing") {
  const TemporaryFolder folder;
  const std::string directory = folder / "my cluster";
  REQUIRE(run({"init", "--dir", directory, "--clients", "3", "--admins", "0", "--service", "kv"}).status == 0);
  CHECK(run({"complete", "--", "call", "--dir", "'" + directory + "'", ""}).out ==
        "word\tkv\tput, get, delete, cas, scan\n");
  CHECK(run({"complete", "--", "call", "--dir", directory, "kv", "g"}).out == "word\tget\tkv get KEY\n");
  CHECK(run({"complete", "--", "call", "--dir", "'" + directory + "'", "--client", "2"}).out == "word\t2\t\n");
  CHECK(run({"complete", "--", "load", ""}).out == "files\n");
  CHECK(run({"complete", "--", "call", "kv", "get", ""}).out == "hint\tkv get KEY\n");
  CHECK(run({"complete", "--also", "drill=faults", "--also", "up=x", "--", "dr"}).out == "word\tdrill\tfaults\n");
  CHECK(run({"complete", "--also", "drill=faults", "--", "drill", ""}).out.empty());
  CHECK(run({"complete", "--", "complete", ""}).out.empty());
  CHECK(run({"complete", "x"}).status == exit_usage);
  CHECK_FALSE(contains(run({"--help"}).out, "complete"));
}

TEST_CASE("a program that is one command answers for its own options") {
  CLI::App app;
  app.add_option("--seed")->description("Which run");
  std::ostringstream out;
  const char* asks[] = {"sim", "complete", "--", "--s"};
  CHECK(answer_completion(app, 4, asks, out));
  CHECK(out.str() == "word\t--seed\tWhich run\n");
  const char* runs[] = {"sim", "--seed", "7"};
  CHECK_FALSE(answer_completion(app, 3, runs, out));
}
