#include "messages/membership.h"

#include <doctest/doctest.h>

#include <array>

#include "tagma/bytes.h"

namespace tagma {
namespace {

Membership members_of(std::uint32_t n, std::uint32_t f) {
  Membership membership;
  membership.faults = f;
  for (ReplicaId id = 0; id < n; ++id) membership.replicas.push_back({id, 0, {}, "", ""});
  for (const ClientId id : {1U, 5U, 9U}) membership.clients.push_back({id, {}});
  for (const AdminId id : {0U, 2U}) membership.admins.push_back({id, {}});
  return membership;
}

TEST_CASE("quorum sizes, where n is not 3f+1 too") {
  struct Row {
    std::uint32_t n, f, quorum;
  };
  constexpr std::array<Row, 10> table{
      {{1, 0, 1}, {2, 0, 2}, {3, 0, 2}, {4, 1, 3}, {5, 1, 4}, {6, 1, 4}, {7, 2, 5}, {8, 2, 6}, {9, 2, 6}, {10, 3, 7}}};
  for (const auto& row : table) {
    CAPTURE(row.n);
    CHECK(faults_tolerated(row.n) == row.f);
    CHECK(quorum_size(row.n, row.f) == row.quorum);
    const auto membership = members_of(row.n, row.f);
    CHECK(membership.n() == row.n);
    CHECK(membership.quorum() == row.quorum);
    CHECK(membership.weak_quorum() == row.f + 1);
  }
  CHECK(faults_tolerated(0) == 0);
}

TEST_CASE("any two quorums share a correct replica, and the correct ones are a quorum") {
  for (std::uint32_t n = 1; n <= replicas_max; ++n) {
    for (std::uint32_t f = 0; 3 * f + 1 <= n; ++f) {
      CAPTURE(n);
      CAPTURE(f);
      const auto quorum = quorum_size(n, f);
      CHECK(2 * quorum >= n + f + 1);
      CHECK(quorum <= n - f);
      CHECK(2 * (quorum - 1) < n + f + 1);  // one less would not do
    }
  }
}

TEST_CASE("the primary moves with the view") {
  const auto membership = members_of(5, 1);
  CHECK(membership.primary(0) == 0);
  CHECK(membership.primary(4) == 4);
  CHECK(membership.primary(5) == 0);
  CHECK(membership.primary(~View{0}) == ~View{0} % 5);
}

TEST_CASE("members are found by id, others are not") {
  auto membership = members_of(4, 1);
  membership.clients[1].key.bytes = "five";
  REQUIRE(membership.find_client(5) != nullptr);
  CHECK(membership.find_client(5)->key.bytes == "five");
  CHECK(membership.find_client(6) == nullptr);
  CHECK(membership.find_client(0) == nullptr);
  CHECK(membership.find_replica(3) == &membership.replicas[3]);
  CHECK(membership.find_replica(4) == nullptr);
  CHECK(membership.find_admin(2) == &membership.admins[1]);
  CHECK(membership.find_key({PrincipalKind::client, 5}) == &membership.clients[1].key);
  CHECK(membership.find_key({PrincipalKind::replica, 5}) == nullptr);
  CHECK(membership.find_key({PrincipalKind::admin, 1}) == nullptr);
  CHECK(membership.find_key({static_cast<PrincipalKind>(9), 0}) == nullptr);
}

TEST_CASE("rules of a membership") {
  CHECK_FALSE(validate(members_of(4, 1)));
  CHECK(validate(members_of(0, 0))->reason == "there are no replicas");
  CHECK(validate(members_of(65, 1))->reason == "there are more than 64 replicas");
  CHECK(validate(members_of(3, 1))->reason == "3 replicas cannot tolerate 1 faults: n >= 3f+1 is needed");
  // 3f+1 is 0 in 32 bits.
  CHECK(validate(members_of(4, 0x5555'5555))->reason ==
        "4 replicas cannot tolerate 1431655765 faults: n >= 3f+1 is needed");
  auto swapped = members_of(4, 1);
  std::swap(swapped.replicas[1], swapped.replicas[2]);
  CHECK(validate(swapped)->reason == "replica ids are not 0..3 in order");
  auto twice = members_of(4, 1);
  twice.clients[1].id = 1;
  CHECK(validate(twice)->reason == "a client id stands twice or out of order");
  auto unordered = members_of(4, 1);
  std::swap(unordered.admins[0], unordered.admins[1]);
  CHECK(validate(unordered)->reason == "an administrator id stands twice or out of order");
}

TEST_CASE("hexadecimal goes both ways and refuses what is none") {
  Bytes bytes;
  CHECK(to_hex(Bytes("\0\x7f\xff", 3)) == "007fff");
  CHECK(from_hex("007FfF", bytes));
  CHECK(bytes == Bytes("\0\x7f\xff", 3));
  for (const auto* wrong : {"0", "0g", "g0", " 0", "0x"}) {
    bytes = "left over";
    CHECK_FALSE(from_hex(wrong, bytes));
    CHECK(bytes.empty());
  }
  Digest digest;
  CHECK(digest_from_bytes(Bytes(32, 'd'), digest));
  CHECK(digest.view() == Bytes(32, 'd'));
  CHECK_FALSE(digest_from_bytes(Bytes(31, 'd'), digest));
  CHECK_FALSE(digest_from_bytes(Bytes(33, 'd'), digest));
}

}  // namespace
}  // namespace tagma
