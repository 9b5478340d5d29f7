// Every micro-benchmark runs and does what it times. How long it took is nobody's business here: no timed assertion.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "test/end_to_end/harness/process.h"

using nlohmann::json;

namespace {

/// One word of each list behind the other: {"a/", "b/"}, {"1", "2"} gives a/1, a/2, b/1, b/2.
void add_all(std::set<std::string>& names, const std::vector<std::vector<std::string>>& lists) {
  std::vector<std::string> made{""};
  for (const auto& list : lists) {
    std::vector<std::string> longer;
    for (const auto& begin : made) {
      for (const auto& word : list) longer.push_back(begin + word);
    }
    made = std::move(longer);
  }
  names.insert(made.begin(), made.end());
}

/// People and scripts find them by these names: a renamed one is a changed interface.
std::set<std::string> expected_names() {
  const std::vector<std::string> one_and_bundle{"1", "32"};
  const std::vector<std::string> batches{"1", "32", "256"};
  const std::vector<std::string> codec{"codec/encode/", "codec/decode/"};
  const std::vector<std::string> keys{"fake", "real"};
  std::set<std::string> names{"state/put", "state/get/top", "state/get/frozen", "state/get/store"};
  add_all(names, {{"state/tree_update/keys:"}, {"1", "1000", "10000"}});
  add_all(names, {{"disk/log/"}, {"file", "lmdb"}, {"/entries:"}, {"1", "32", "256"}, {"/real_time"}});
  add_all(names, {{"disk/checkpoint/keys:"}, {"1000", "10000"}, {"/real_time"}});
  add_all(names, {{"digest/bytes:"}, {"32", "100", "1024", "8192"}});
  add_all(names, {codec, {"prepare", "commit"}});
  add_all(names, {codec, {"submit/operations:", "replies/operations:"}, one_and_bundle});
  add_all(names, {codec, {"pre_prepare/operations:"}, batches});
  add_all(names,
          {{"frame/seal/", "frame/open/"}, {"bodies:1/bytes:100", "bodies:32/bytes:100", "bodies:1/bytes:8192"}});
  add_all(names, {{"signature/sign/", "signature/verify/"}, {"ed25519", "ecdsa_p256"}, {"/kept_key", "/cold_key"}});
  add_all(names, {{"core/step/"}, {"request/"}, keys, {"/operations:"}, one_and_bundle});
  add_all(names, {{"core/step/"}, {"propose/", "pre_prepare/", "execute/"}, keys, {"/operations:"}, batches});
  add_all(names, {{"core/step/"}, {"prepare/", "commit/"}, keys});
  add_all(names, {{"client/submit/", "client/accept/"}, keys, {"/operations:32"}});
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
