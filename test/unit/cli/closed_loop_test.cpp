// The closed loop on a client whose replicas do not exist: every operation ends as unknown, soon.
#include "client_lib/cli/closed_loop.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "client_lib/cli/cluster_folder.h"
#include "client_lib/cli/open_client.h"
#include "tagma/limits.h"
#include "test/unit/cli/support.h"

using namespace tagma;
using namespace tagma::cli;
using tagma::cli::test::TemporaryFolder;

namespace {

constexpr std::chrono::seconds patience{30};

std::unique_ptr<Client> lonely_client(const std::string& directory, std::chrono::milliseconds timeout) {
  InitOptions options;
  options.clients = 1;
  options.admins = 0;
  options.base_port = 21'000;
  const auto plan = plan_cluster(options, bundled_services());
  REQUIRE(plan);
  REQUIRE(create_cluster(directory, *plan, {}));
  auto client = open_client(directory, 0, timeout, 8, {});
  REQUIRE_MESSAGE(client, client.reason());
  return std::move(*client);
}

}  // namespace

TEST_CASE("never more than the window is outstanding, and every operation ends once") {
  const TemporaryFolder folder;
  ClosedLoop loop(lonely_client(folder / "c", std::chrono::milliseconds(50)), 4);
  std::uint64_t drawn = 0;
  std::uint64_t outstanding = 0;
  std::uint64_t outstanding_max = 0;
  std::vector<std::uint64_t> ended;
  loop.start(
      [&]() -> std::optional<ClosedLoop::Step> {
        if (drawn == 10) return std::nullopt;
        outstanding_max = std::max(outstanding_max, ++outstanding);
        return ClosedLoop::Step{drawn++, "an operation"};
      },
      [&](std::uint64_t tag, const CallResult& result) {
        --outstanding;
        ended.push_back(tag);
        CHECK(result.status == CallStatus::unknown);
      });
  REQUIRE(loop.wait_idle(patience));
  CHECK(outstanding_max == 4);
  std::sort(ended.begin(), ended.end());
  CHECK(ended == std::vector<std::uint64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
}

TEST_CASE("operations that the library refuses at once neither deadlock nor overrun the window") {
  const TemporaryFolder folder;
  ClosedLoop loop(lonely_client(folder / "c", std::chrono::milliseconds(50)), 2);
  std::uint64_t drawn = 0;
  std::uint64_t invalid = 0;
  loop.start(
      [&]() -> std::optional<ClosedLoop::Step> {
        if (drawn == 1'000) return std::nullopt;
        return ClosedLoop::Step{drawn++, Bytes(limits::operation_bytes_max + 1, 'x')};
      },
      [&](std::uint64_t, const CallResult& result) { invalid += result.status == CallStatus::invalid ? 1 : 0; });
  REQUIRE(loop.wait_idle(patience));
  CHECK(invalid == 1'000);
}

TEST_CASE("a stop from within ends the loop, after which it can start anew") {
  const TemporaryFolder folder;
  ClosedLoop loop(lonely_client(folder / "c", std::chrono::milliseconds(50)), 2);
  for (int round = 0; round < 2; ++round) {
    std::uint64_t ended = 0;
    loop.start(
        [] {
          return ClosedLoop::Step{0, "again"};
        },
        [&](std::uint64_t, const CallResult&) {
          ++ended;
          loop.stop();
        });
    REQUIRE(loop.wait_idle(patience));
    CHECK(ended == 2);
  }
}

TEST_CASE("destruction ends what is outstanding") {
  const TemporaryFolder folder;
  std::uint64_t ended = 0;
  {
    ClosedLoop loop(lonely_client(folder / "c", std::chrono::hours(1)), 3);
    loop.start([] { return ClosedLoop::Step{0, "for ever"}; }, [&](std::uint64_t, const CallResult&) { ++ended; });
    CHECK_FALSE(loop.wait_idle(std::chrono::milliseconds(0)));
  }
  CHECK(ended == 3);
}
