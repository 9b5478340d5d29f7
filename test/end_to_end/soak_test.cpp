// A minute of random bytes at every port. Too long for every run; started by name:
//   build/release/bin/end_to_end --no-skip --test-suite=soak
#include <doctest/doctest.h>

#include <array>
#include <fstream>
#include <iostream>

#include "test/end_to_end/harness/cluster.h"
#include "test/end_to_end/harness/garbage.h"

namespace tagma::end_to_end {
namespace {

/// Anonymous memory of a process in kilobytes.
long rss_anon_kb(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; status >> word;) {
    long kilobytes = 0;
    if (word == "RssAnon:" && status >> kilobytes) return kilobytes;
  }
  return -1;
}

std::array<long, 4> memory(const Cluster& cluster) {
  std::array<long, 4> kilobytes{};
  for (std::uint32_t id = 0; id < 4; ++id) kilobytes.at(id) = rss_anon_kb(cluster.replica(id));
  return kilobytes;
}

/// Garbage of every kind at every port until the deadline, and a call that must succeed after each round.
std::size_t bombard(const Cluster& cluster, std::mt19937& random, Deadline deadline) {
  std::size_t rounds = 0;
  const auto addresses = addresses_of(cluster.cluster_file());
  for (; std::chrono::steady_clock::now() < deadline; ++rounds) {
    for (const auto& address : addresses) {
      for (const std::size_t size : {1UL, 64UL, 4096UL, 200'000UL}) {
        static_cast<void>(send_raw(address, random_text(random, size)));
      }
      std::vector<Bytes> records(200);
      for (auto& record : records) record = random_text(random, 1 + random() % 3'000);
      send_records(address, records);
    }
    REQUIRE(cluster.tagma({"call", "kv", "put", "round", std::to_string(rounds)}).exit_status == 0);
  }
  return rounds;
}

}  // namespace

TEST_SUITE("soak") {
  TEST_CASE("a minute of random bytes at every port: served throughout, memory level in the last half" *
            doctest::skip()) {
    Cluster cluster;
    REQUIRE(cluster.up());
    std::mt19937 random(7);
    const auto before = memory(cluster);
    std::size_t rounds = bombard(cluster, random, in(seconds(30)));
    const auto half = memory(cluster);
    rounds += bombard(cluster, random, in(seconds(30)));
    const auto after = memory(cluster);
    for (std::size_t id = 0; id < 4; ++id) {
      std::cout << "replica " << id << ": RssAnon " << before.at(id) << " kB at the start, " << half.at(id)
                << " at half, " << after.at(id) << " at the end\n";
      CHECK(half.at(id) > 0);
      CHECK(after.at(id) - half.at(id) < 1024);
    }
    std::cout << rounds << " rounds at 8 ports\n";
    CHECK(rounds > 10);
  }
}

}  // namespace tagma::end_to_end
