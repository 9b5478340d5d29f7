#include "replica/runtime/life.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "messages/cluster_file/genesis.h"
#include "support.h"

using namespace tagma;
using namespace tagma::runtime;
using runtime_test::Folder;

namespace {

ClusterId cluster_id(std::uint8_t fill) {
  ClusterId id;
  id.bytes.fill(fill);
  return id;
}

/// A replica's secret folder and its data folder.
struct Place {
  Folder folder;
  std::string secret = folder.file("secret");
  std::optional<DataDirectory> data;

  Place() {
    std::filesystem::create_directory(secret);
    auto opened = DataDirectory::open(folder.file("data"));
    REQUIRE(opened);
    data.emplace(std::move(*opened));
  }
  [[nodiscard]] Life start(Durability durability = Durability::sync, std::uint8_t cluster = 1) const {
    const auto life = life_at_start(*data, cluster_id(cluster), durability, secret);
    REQUIRE(life);
    return *life;
  }
  void begin(const Life& life, Durability durability = Durability::sync, std::uint8_t cluster = 1) const {
    REQUIRE_FALSE(begin_life(*data, cluster_id(cluster), life, durability, secret));
  }
};

}  // namespace

TEST_CASE("a replica begins once by the permission of init, wherever it lies, and then goes on") {
  for (const bool beside_secret : {true, false}) {
    const Place place;
    const std::string where = beside_secret ? place.secret : place.data->path();
    REQUIRE_FALSE(write_genesis(where, cluster_id(1)));
    const Life first = place.start();
    CHECK(first.nonce == LifeNonce{});
    CHECK(first.begins);
    // Nothing is promised before this; until then the start may be tried again.
    CHECK(place.start().nonce == LifeNonce{});
    place.begin(first);
    CHECK_FALSE(std::filesystem::exists(genesis_path(where)));
    const Life second = place.start();
    CHECK(second.nonce == LifeNonce{});
    CHECK_FALSE(second.begins);
  }
}

TEST_CASE("an empty disk without the permission is a lost one") {
  const Place place;
  const Life life = place.start();
  CHECK(life.begins);
  CHECK(life.nonce != LifeNonce{});
  CHECK(place.start().nonce != life.nonce);
  place.begin(life);
  const Life again = place.start();
  CHECK(again.nonce == life.nonce);
  CHECK_FALSE(again.begins);
}

TEST_CASE("a permission for another cluster is none") {
  const Place place;
  REQUIRE_FALSE(write_genesis(place.secret, cluster_id(2)));
  CHECK(place.start().nonce != LifeNonce{});
}

TEST_CASE("a process that ended between mark and permission leaves none behind the next time") {
  const Place place;
  REQUIRE_FALSE(write_genesis(place.secret, cluster_id(1)));
  REQUIRE_FALSE(place.data->write_mark({cluster_id(1), {}, false}));
  const Life life = place.start();
  CHECK_FALSE(life.begins);
  place.begin(life);
  CHECK_FALSE(*has_genesis(place.secret, cluster_id(1)));
}

TEST_CASE("with durability memory every return is another life, and another cluster's mark is of no concern") {
  const Place place;
  REQUIRE_FALSE(write_genesis(place.secret, cluster_id(1)));
  const Life first = place.start(Durability::memory);
  CHECK(first.nonce == LifeNonce{});
  place.begin(first);
  const Life second = place.start(Durability::memory);
  CHECK(second.nonce != LifeNonce{});
  CHECK(second.begins);
  place.begin(second);
  CHECK(place.start(Durability::memory).nonce != second.nonce);
  REQUIRE_FALSE(write_genesis(place.secret, cluster_id(2)));
  CHECK(place.start(Durability::memory, 2).nonce == LifeNonce{});
}

TEST_CASE("the data of another cluster is somebody's memory, and refused") {
  const Place place;
  REQUIRE_FALSE(place.data->write_mark({cluster_id(2), {}, false}));
  const auto life = life_at_start(*place.data, cluster_id(1), Durability::sync, place.secret);
  REQUIRE_FALSE(life);
  CHECK(life.reason().find("holds the data of another cluster") != std::string::npos);
}

TEST_CASE("what is no permission for this cluster permits nothing, and stays") {
  const Place place;
  REQUIRE_FALSE(write_genesis(place.data->path(), cluster_id(2)));
  std::filesystem::create_directory(genesis_path(place.secret));
  const Life life = place.start();
  CHECK(life.nonce != LifeNonce{});
  place.begin(life);
  CHECK(*has_genesis(place.data->path(), cluster_id(2)));
}

TEST_CASE("a permission that cannot be taken away is refused") {
  const Place place;
  // A folder in its place: even root cannot unlink it.
  std::filesystem::create_directory(genesis_path(place.secret));
  const auto refused = remove_genesis(place.secret);
  REQUIRE(refused);
  CHECK(refused->reason.find("cannot be removed") != std::string::npos);
}

TEST_CASE("with durability async a life goes on after a clean end only, whatever durability comes then") {
  for (const auto next : {Durability::async, Durability::sync}) {
    const Place place;
    REQUIRE_FALSE(write_genesis(place.secret, cluster_id(1)));
    const Life first = place.start(Durability::async);
    CHECK(first.nonce == LifeNonce{});
    place.begin(first, Durability::async);
    CHECK(place.start(next).nonce != LifeNonce{});  // killed: what was ahead of the disk is lost
    REQUIRE_FALSE(end_cleanly(*place.data, cluster_id(1), first, Durability::async));
    const Life second = place.start(next);
    CHECK(second.nonce == LifeNonce{});
    CHECK_FALSE(second.begins);
    place.begin(second, Durability::sync);
    CHECK(place.start(next).nonce == LifeNonce{});
  }
}
