// The command line from outside: arguments in, exit status and lines out. No cluster runs here.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>

#include "client_lib/cli/open_client.h"
#include "tagma/limits.h"
#include "tagma/operation.h"
#include "test/unit/cli/support.h"

using namespace tagma::cli;
using tagma::cli::test::contains;
using tagma::cli::test::Ran;
using tagma::cli::test::run;
using tagma::cli::test::TemporaryFolder;

namespace {

/// Bad usage: status 2, nothing on standard output, a line that says what.
void check_usage_error(const Arguments& arguments, const std::string& expected) {
  CAPTURE(arguments);
  const Ran ran = run(arguments);
  CHECK(ran.status == exit_usage);
  CHECK(ran.out.empty());
  CHECK_MESSAGE(contains(ran.err, expected), ran.err);
}

Ran init(const std::string& directory, const Arguments& more = {}) {
  Arguments arguments = {"init", "--dir", directory, "--clients", "2", "--admins", "1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run(arguments);
}

}  // namespace

TEST_CASE("help lists the commands, and each command's help has examples within 80 columns") {
  const Ran help = run({"--help"});
  CHECK(help.status == exit_ok);
  for (const std::string command : {"init", "replica", "up", "call", "shell", "load", "status", "diff", "bench",
                                    "inspect", "recover", "group", "sense", "admin"}) {
    CAPTURE(command);
    CHECK(contains(help.out, "\n  " + command));
    const Ran one = run({command, "--help"});
    CHECK(one.status == exit_ok);
    CHECK(one.err.empty());
    CHECK(contains(one.out, "Examples:"));
    CHECK(contains(one.out, "  ./tagma " + command));
    CHECK_FALSE(contains(one.out, "  tagma "));
    std::istringstream lines(one.out);
    for (std::string line; std::getline(lines, line);) CHECK_MESSAGE(line.size() <= 80, line);
  }
  CHECK(run({"--version"}).status == exit_ok);
  for (const std::string command : {"init", "up"}) {
    CHECK(contains(run({command, "--help"}).out, "with async it needs ./tagma recover"));
  }
}

TEST_CASE("only a command's own name is replaced by how the program was called") {
  CHECK(program_name("./build/my tally").word == "'./build/my tally'");
  CHECK(program_name("./build/my tally").label == "my tally");
  const ProgramName tally = program_name("./build/tally");
  CHECK(tally.label == "tally");
  CHECK(as_called(tally, "tagma up\n  tagma bench (tagma --help)") ==
        "./build/tally up\n  ./build/tally bench (./build/tally --help)");
  CHECK(as_called(tally, "tagma-cluster, of tagma, tagma 0.1, xtagma up") ==
        "tagma-cluster, of tagma, tagma 0.1, xtagma up");
}

TEST_CASE("what is no command, no option or no value is bad usage") {
  check_usage_error({"conquer"}, "there is no command 'conquer'");
  check_usage_error({"call", "--frobnicate", "kv", "get", "k"}, "--frobnicate");
  check_usage_error({"call"}, "which operation? usage: ./tagma call [OPTIONS] SERVICE VERB ARGUMENTS..., such as\n");
  check_usage_error({"call"}, "\n  ./tagma call kv put city Nicaea");
  check_usage_error({"call", "--client", "x", "kv", "get", "k"}, "--client");
  check_usage_error({"call", "--timeout-ms", "0", "kv", "get", "k"}, "--timeout-ms");
  check_usage_error({"load"}, "FILE");
  check_usage_error({"shell", "kv"}, "kv");
  check_usage_error({"shell", "--timeout-ms", "0"}, "--timeout-ms");
  check_usage_error({"replica", "--dir", "/nowhere/c"}, "--id is required");
  check_usage_error({"replica", "--id", "0", "--dir", "/nowhere/c"}, "start one with ./tagma up --dir /nowhere/c");
  check_usage_error({"replica", "--id", "0", "--cluster", "c.toml"}, "--data is missing");
  check_usage_error({"bench", "--read-percent", "101"}, "--read-percent");
  check_usage_error({"bench", "--window", "0"}, "--window");
  check_usage_error({"bench", "--local", "--dir", "x"}, "excludes");
  CHECK(run({}).status == exit_usage);
}

TEST_CASE("a word of an operation that begins with a dash: the hint at --; other commands take no such words") {
  check_usage_error({"call", "kv", "put", "-x", "y"}, "(words that begin with a dash go behind --: ");
  const Ran status = run({"status", "-x"});
  CHECK(status.status == exit_usage);
  CHECK_FALSE(contains(status.err, "behind --"));
}

TEST_CASE("a folder without a cluster says what to run") {
  const TemporaryFolder folder;
  const std::string none = folder / "none";
  check_usage_error({"call", "--dir", none, "kv", "get", "k"}, "tagma up --dir " + none);
  check_usage_error({"status", "--dir", none}, "no cluster here");
  check_usage_error({"shell", "--dir", none}, "tagma shell: ");
  check_usage_error({"bench", "--dir", none}, "--local");
  std::ofstream(folder / "words") << "a\n";
  check_usage_error({"load", folder / "words", "--dir", none}, "no cluster here");
  check_usage_error({"load", folder / "absent", "--dir", none}, "there is no such file");
  CHECK_FALSE(std::filesystem::exists(none));
}

TEST_CASE("init writes a cluster and says what to run next") {
  const TemporaryFolder folder;
  const std::string directory = folder / "c";
  const Ran ran = init(directory, {"--base-port", "21000"});
  CHECK_MESSAGE(ran.status == exit_ok, ran.err);
  CHECK(ran.err.empty());
  CHECK(contains(ran.out, "4 replicas, tolerates 1 fault, quorum 3"));
  CHECK(contains(ran.out, "127.0.0.1:21006, clients 127.0.0.1:21007"));
  CHECK(contains(ran.out, "./tagma up --dir " + directory));
  CHECK(std::filesystem::exists(directory + "/cluster.toml"));
  const Ran again = init(directory);
  CHECK(again.status == exit_usage);
  CHECK(contains(again.err, "has a cluster already"));
}

TEST_CASE("init on hosts says how to run a replica there") {
  const TemporaryFolder folder;
  const Ran ran = init(folder / "c", {"--hosts", "10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,h5"});
  CHECK_MESSAGE(ran.status == exit_ok, ran.err);
  CHECK(contains(ran.out, "10.0.0.2:4602"));
  CHECK(contains(ran.out, "h5:4608, clients h5:4609"));
  CHECK(contains(ran.out, "./tagma replica --cluster"));
}

TEST_CASE("init refuses what makes no cluster, and leaves nothing behind") {
  const TemporaryFolder folder;
  const std::string directory = folder / "c";
  const auto refuse = [&](const Arguments& more, const std::string& expected) {
    const Ran ran = init(directory, more);
    CHECK(ran.status == exit_usage);
    CHECK_MESSAGE(contains(ran.err, expected), ran.err);
    CHECK_FALSE(std::filesystem::exists(directory));
  };
  refuse({"--replicas", "3"}, "n >= 3f+1");
  refuse({"--replicas", "0"}, "n >= 3f+1");
  refuse({"--replicas", "65"}, "at most 64");
  refuse({"--hosts", "a,b,c"}, "n >= 3f+1");
  refuse({"--replicas", "4", "--hosts", "a,b,c,d,e"}, "one per replica");
  refuse({"--hosts", "a,b,c,d d"}, "'d d'");
  refuse({"--base-port", "65535"}, "--base-port 65535");
  refuse({"--base-port", "0"}, "--base-port 0");
  refuse({"--service", "nonesuch"}, "there is no such service");
  refuse({"--service", "kv", "--service", "kv"}, "twice");
  refuse({"--durability", "eternal"}, "--durability eternal");
  refuse({"--key-algorithm", "rsa"}, "ed25519 and p256");
}

TEST_CASE("init takes the last port that fits, more replicas, some services, another key algorithm") {
  const TemporaryFolder folder;
  const Ran ran = init(folder / "c", {"--replicas", "7", "--base-port", "65522", "--service", "memory", "--service",
                                      "kv", "--key-algorithm", "ed25519"});
  CHECK_MESSAGE(ran.status == exit_ok, ran.err);
  CHECK(contains(ran.out, "7 replicas, tolerates 2 faults, quorum 5"));
  CHECK(contains(ran.out, "clients 127.0.0.1:65535"));
  CHECK(contains(ran.out, "Services: kv and memory."));
}

TEST_CASE("operations that cannot be are refused here, before anything is sent") {
  const TemporaryFolder folder;
  const std::string directory = folder / "c";
  REQUIRE(init(directory, {"--base-port", "21000"}).status == exit_ok);
  const std::string value(tagma::limits::operation_bytes_max, 'v');
  check_usage_error({"call", "--dir", directory, "kv", "put", "k", value}, "at most 131,072");
  check_usage_error({"call", "--dir", directory, std::string(65, 's'), "get"}, "64 bytes");
  check_usage_error({"call", "--dir", directory, "--client", "2", "kv", "get", "k"}, "it has 2 clients");
  Arguments many = {"call", "--dir", directory, "kv"};
  many.insert(many.end(), 65, "w");
  check_usage_error(many, "at most 64 words");
  check_usage_error({"bench", "--dir", directory, "--clients", "3"}, "tagma init --clients 3");
  check_usage_error({"bench", "--dir", directory, "--durability", "memory"}, "has sync");
}

TEST_CASE("a missing secret and a damaged cluster.toml each get their line") {
  const TemporaryFolder folder;
  const std::string directory = folder / "c";
  REQUIRE(init(directory, {"--base-port", "21000"}).status == exit_ok);
  std::filesystem::remove(directory + "/client-0/identity.key");
  check_usage_error({"call", "--dir", directory, "kv", "get", "k"}, "client-0/identity.key");
  std::ofstream(directory + "/cluster.toml") << "cluster = [";
  check_usage_error({"call", "--dir", directory, "kv", "get", "k"}, "cluster.toml");
}

TEST_CASE("the words of an operation are encoded as the services read them") {
  const auto operation = operation_of({"kv", "put", "a key", ""});
  REQUIRE(operation);
  const auto view = tagma::decode_operation(*operation);
  REQUIRE(view);
  CHECK(view->service == "kv");
  const auto words = tagma::decode_words(view->payload);
  REQUIRE(words);
  CHECK(*words == tagma::Words{"put", "a key", ""});
  CHECK_FALSE(operation_of({}));
  CHECK_FALSE(operation_of({""}));
}

TEST_CASE("up refuses to touch a folder that is not ours, and options that contradict it") {
  const TemporaryFolder folder;
  std::ofstream(folder / "precious") << "data";
  check_usage_error({"up", "--fresh", "--dir", folder.path()}, "is not a cluster folder");
  CHECK(std::filesystem::exists(folder / "precious"));
  CHECK_FALSE(std::filesystem::exists(folder / "up.lock"));
  const std::string directory = folder / "c";
  REQUIRE(init(directory, {"--base-port", "21000"}).status == exit_ok);
  check_usage_error({"up", "--dir", directory, "--replicas", "7"}, "contradicts the existing cluster");
  check_usage_error({"up", "--dir", directory, "--replicas", "3"}, "n >= 3f+1");
}

TEST_CASE("a cluster whose replicas do not answer: status 3, and the outcome is called unknown") {
  const TemporaryFolder folder;
  const std::string directory = folder / "c";
  REQUIRE(init(directory, {"--base-port", "21000"}).status == exit_ok);
  const Ran call = run({"call", "--dir", directory, "--timeout-ms", "100", "kv", "get", "k"});
  CHECK(call.status == exit_no_quorum);
  CHECK(call.out.empty());
  CHECK(contains(call.err, "tagma call: no replica answers; is the cluster running? start it with `./tagma up --dir " +
                               directory + "`\n"));
  const auto unknown = call.err.find("outcome unknown");
  CHECK(unknown != std::string::npos);
  CHECK_FALSE(contains(call.err.substr(unknown + std::string("outcome unknown").size()), "unknown"));
  CHECK(contains(call.err, "; ./tagma status --dir " + directory + " shows who answers\n"));
  CHECK(std::count(call.err.begin(), call.err.end(), '\n') == 2);
  const Ran json = run({"call", "--dir", directory, "--timeout-ms", "100", "--json", "kv", "get", "k"});
  CHECK(json.status == exit_no_quorum);
  CHECK(contains(json.out, "\"status\": \"unknown\""));
  CHECK(contains(json.out, "\"reply\": null"));
  const Ran status = run({"status", "--dir", directory, "--timeout-ms", "100"});
  CHECK(status.status == exit_no_quorum);
  for (const std::string id : {"0", "3"})
    CHECK(contains(status.out, "  " + id + "  -         no answer within 100 ms\n"));
  CHECK(contains(status.out, "no quorum"));
  CHECK(contains(status.err, "start it with `./tagma up --dir " + directory + "`"));
  const Ran diff = run({"diff", "--dir", directory, "--timeout-ms", "100"});
  CHECK(diff.status == exit_no_quorum);
  CHECK(contains(diff.err, "start it with `./tagma up --dir " + directory + "`"));
  const Ran status_json = run({"status", "--dir", directory, "--timeout-ms", "100", "--json"});
  CHECK(contains(status_json.out, "\"answered\": false"));
  CHECK(contains(status_json.out, "\"last_executed\": null"));
  std::ofstream(folder / "words") << "a\nb\n";
  const Ran load = run({"load", folder / "words", "--dir", directory, "--timeout-ms", "100"});
  CHECK(load.status == exit_no_quorum);
  CHECK(contains(load.err, "2 without a quorum in time; the first: line 1"));
}
