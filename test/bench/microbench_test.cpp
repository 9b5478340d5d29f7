// Every micro-benchmark runs and does what it times. How long it took is nobody's business here: no timed assertion.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "test/end_to_end/harness/process.h"

using nlohmann::json;

namespace {

// People and scripts find them by these names: a renamed one is a changed interface.
std::set<std::string> expected_names() {
  std::set<std::string> names{"state/put",           "state/get/top",        "state/get/frozen",
                              "state/get/store",     "codec/encode/prepare", "codec/decode/prepare",
                              "codec/encode/commit", "codec/decode/commit"};
  for (const std::string size : {"32", "100", "1024", "8192"}) names.insert("digest/bytes:" + size);
  for (const std::string keys : {"1", "1000", "10000"}) names.insert("state/tree_update/keys:" + keys);
  for (const std::string way : {"codec/encode/", "codec/decode/"}) {
    for (const std::string operations : {"1", "32"}) {
      names.insert(way + "submit/operations:" + operations);
      names.insert(way + "replies/operations:" + operations);
    }
    for (const std::string operations : {"1", "32", "256"}) names.insert(way + "pre_prepare/operations:" + operations);
  }
  for (const std::string way : {"frame/seal/", "frame/open/"}) {
    for (const std::string shape : {"bodies:1/bytes:100", "bodies:32/bytes:100", "bodies:1/bytes:8192"}) {
      names.insert(way + shape);
    }
  }
  for (const std::string way : {"signature/sign/", "signature/verify/"}) {
    for (const std::string algorithm : {"ed25519", "ecdsa_p256"}) {
      for (const std::string key : {"/kept_key", "/cold_key"}) names.insert(way + algorithm + key);
    }
  }
  for (const std::string keys : {"fake", "real"}) {
    for (const std::string operations : {"1", "32"})
      names.insert("core/step/request/" + keys + "/operations:" + operations);
    for (const std::string step : {"propose", "pre_prepare", "execute"}) {
      for (const std::string operations : {"1", "32", "256"}) {
        names.insert("core/step/" + step + "/" + keys + "/operations:" + operations);
      }
    }
    names.insert("core/step/prepare/" + keys);
    names.insert("core/step/commit/" + keys);
    names.insert("client/submit/" + keys + "/operations:32");
    names.insert("client/accept/" + keys + "/operations:32");
  }
  return names;
}

}  // namespace

TEST_CASE("all micro-benchmarks run, under the names that are promised") {
  const auto finished = tagma::end_to_end::run(
      {TAGMA_MICROBENCH_BINARY, "--benchmark_min_time=0.001", "--benchmark_format=json", "--benchmark_color=false"},
      tagma::end_to_end::seconds(240));
  INFO(finished.errors);
  REQUIRE(finished.exit_status == 0);
  REQUIRE(json::accept(finished.output));
  const json result = json::parse(finished.output);
  CHECK(result.at("context").contains("tagma_version"));
  std::set<std::string> names;
  for (const auto& one : result.at("benchmarks")) {
    const auto name = one.at("name").get<std::string>();
    CAPTURE(name);
    CHECK(names.insert(name).second);
    CHECK_MESSAGE(!one.contains("error_occurred"), one.dump());
    if (one.contains("error_occurred")) continue;
    CHECK(one.at("iterations") >= 1);
    CHECK(one.at("cpu_time") > 0);
  }
  const auto expected = expected_names();
  for (const auto& name : expected) CHECK_MESSAGE(names.contains(name), "missing: " << name);
  for (const auto& name : names) CHECK_MESSAGE(expected.contains(name), "not expected: " << name);
}

TEST_CASE("an option that does not exist is refused") {
  CHECK(tagma::end_to_end::run({TAGMA_MICROBENCH_BINARY, "--no-such-option"}).exit_status == 2);
}
