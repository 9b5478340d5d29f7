#include "client_lib/cli/addresses.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/unit/cli/support.h"

using namespace tagma::cli;
using tagma::cli::test::TemporaryFolder;

namespace {

/// A socket that listens on a free port of the loopback.
class Listener {
 public:
  Listener() : descriptor_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(bind(descriptor_, generic, size) == 0);
    REQUIRE(listen(descriptor_, 1) == 0);
    REQUIRE(getsockname(descriptor_, generic, &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() { close(descriptor_); }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  int descriptor_;
  std::uint16_t port_ = 0;
};

}  // namespace

TEST_CASE("tcp addresses are taken apart and put together") {
  for (const char* address : {"tcp://127.0.0.1:4600", "tcp://host.example:1", "tcp://[::1]:65535"}) {
    const auto place = parse_tcp_address(address);
    REQUIRE(place);
    CHECK(tcp_address(*place) == address);
  }
  CHECK(parse_tcp_address("tcp://[::1]:65535")->host == "::1");
  for (const char* address : {"ipc:///tmp/x", "tcp://127.0.0.1", "tcp://h:x", "tcp://h:65536", "tcp://h:1x"}) {
    CHECK_FALSE(parse_tcp_address(address));
  }
  CHECK(short_address("tcp://h:1") == "h:1");
  CHECK(short_address("ipc:///x") == "ipc:///x");
}

TEST_CASE("a port with a listener is in use, and free once it is gone") {
  std::uint16_t port = 0;
  {
    const Listener listener;
    port = listener.port();
    CHECK(port_in_use({"127.0.0.1", port}));
    const auto claim = PortClaim::first_free("127.0.0.1", port, 1);
    CHECK((claim && claim->base() > port));
  }
  CHECK_FALSE(port_in_use({"127.0.0.1", port}));
}

TEST_CASE("up on a port that is taken leaves no folder behind") {
  const TemporaryFolder folder;
  const Listener listener;
  const auto port = std::to_string(listener.port());
  const auto ran = test::run({"up", "--dir", folder / "c", "--base-port", port});
  CHECK(ran.status == exit_usage);
  CHECK_MESSAGE(test::contains(ran.err, "port " + port + " is in use by another process"), ran.err);
  CHECK_FALSE(std::filesystem::exists(folder / "c"));
}

TEST_CASE("an address of another machine is not called in use") { CHECK_FALSE(port_in_use({"192.0.2.1", 4600})); }

TEST_CASE("ports end at 65535") { CHECK_FALSE(PortClaim::first_free("127.0.0.1", 65'530, 8)); }

TEST_CASE("ports that somebody has chosen and not bound yet are not chosen again, until the claim ends") {
  auto first = PortClaim::first_free("127.0.0.1", 24'000, 8);
  REQUIRE(first);
  const auto base = first->base();
  const auto second = PortClaim::first_free("127.0.0.1", base, 8);
  REQUIRE(second);
  CHECK(second->base() >= base + 8);
  auto moved = std::move(*first);
  first.reset();
  CHECK(PortClaim::first_free("127.0.0.1", base, 1)->base() != base);
  moved = std::move(*PortClaim::first_free("127.0.0.1", base + 100, 1));
  CHECK(PortClaim::first_free("127.0.0.1", base, 1)->base() == base);
}

TEST_CASE("the replica whose port is taken is named") {
  const Listener listener;
  tagma::ClusterFile file;
  tagma::ReplicaMember member;
  member.id = 0;
  member.replica_address = "ipc:///somewhere";
  member.client_address = tcp_address({"127.0.0.1", listener.port()});
  file.membership.replicas.push_back(member);
  const auto lines = addresses_in_use(file);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0] == "127.0.0.1:" + std::to_string(listener.port()) + " (replica 0, for clients)");
}
