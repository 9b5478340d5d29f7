#include "replica/runtime/client_routes.h"

#include <doctest/doctest.h>

using namespace tagma;
using runtime::ClientRoutes;
using Channels = std::vector<crypto::ChannelId>;

TEST_CASE("replies follow the session to the connection that carried it last") {
  ClientRoutes routes(4, 4);
  routes.seen(7, 100, "a");
  routes.bind(7, 1, 100);
  routes.seen(7, 200, "b");
  routes.bind(7, 2, 200);
  CHECK(routes.find(7, 1) == Channels{100});
  CHECK(routes.find(7, 2) == Channels{200});
  CHECK(*routes.routing_id(7, 100) == "a");
  routes.seen(7, 200, "b");
  routes.bind(7, 1, 200);
  CHECK(routes.find(7, 1) == Channels{200});
  CHECK_MESSAGE(routes.find(8, 1).empty(), "another client has no route");
}

TEST_CASE("a session that only the primary has seen is answered on connections without one") {
  ClientRoutes routes(4, 4);
  routes.seen(7, 100, "a");
  routes.seen(7, 200, "b");
  CHECK(routes.find(7, 9) == Channels{200, 100});
  routes.bind(7, 1, 200);
  CHECK(routes.find(7, 9) == Channels{100});
  routes.bind(7, 2, 100);
  CHECK(routes.find(7, 9).empty());
}

TEST_CASE("a reconnected channel is reached through its new routing id") {
  ClientRoutes routes(4, 4);
  routes.seen(7, 100, "before");
  routes.bind(7, 1, 100);
  routes.seen(7, 100, "after");
  CHECK(*routes.routing_id(7, 100) == "after");
  CHECK(routes.find(7, 1) == Channels{100});
  CHECK(routes.connections() == 1);
}

TEST_CASE("a query's answer goes to the connection that asked last") {
  ClientRoutes routes(4, 4);
  CHECK(routes.find(7, 0).empty());
  routes.seen(7, 100, "a");
  routes.seen(7, 200, "b");
  CHECK_MESSAGE(routes.find(7, 0).empty(), "nobody has asked");
  routes.asked(7, 100);
  CHECK(routes.find(7, 0) == Channels{100});
  routes.asked(7, 200);
  CHECK(routes.find(7, 0) == Channels{200});
  routes.forget(7, 200);
  CHECK(routes.find(7, 0).empty());
}

TEST_CASE("C8: connections and sessions are bounded per client, the least recently used goes") {
  ClientRoutes routes(2, 3);
  routes.seen(1, 1, "other");
  routes.bind(1, 5, 1);
  for (crypto::ChannelId channel = 10; channel < 1'000; ++channel) {
    routes.seen(7, channel, "r" + std::to_string(channel));
    routes.bind(7, channel, channel);
  }
  CHECK(routes.connections() == 3);
  CHECK(routes.find(7, 999) == Channels{999});
  CHECK(routes.find(7, 998) == Channels{998});
  CHECK_MESSAGE(routes.find(7, 997).empty(), "its connection was displaced");
  CHECK(routes.routing_id(7, 997) == nullptr);
  CHECK_MESSAGE(routes.find(1, 5) == Channels{1}, "another client's route stays");

  routes.seen(7, 998, "r998");  // used again: 999 is the oldest now
  routes.seen(7, 1'000, "new");
  CHECK(routes.routing_id(7, 999) == nullptr);
  CHECK(routes.routing_id(7, 998) != nullptr);
}

TEST_CASE("sessions beyond the bound push out the one used longest ago") {
  ClientRoutes routes(1, 2);
  routes.seen(7, 100, "a");
  routes.bind(7, 1, 100);
  routes.bind(7, 2, 100);
  routes.bind(7, 1, 100);
  routes.bind(7, 3, 100);
  CHECK(routes.find(7, 1) == Channels{100});
  CHECK(routes.find(7, 3) == Channels{100});
  CHECK(routes.find(7, 2).empty());
}

TEST_CASE("forgetting a channel leaves no route to it") {
  ClientRoutes routes(4, 4);
  routes.seen(7, 100, "a");
  routes.bind(7, 1, 100);
  routes.forget(7, 100);
  routes.forget(8, 100);
  CHECK(routes.find(7, 1).empty());
  CHECK(routes.connections() == 0);
  routes.bind(7, 1, 100);
  CHECK_MESSAGE(routes.find(7, 1).empty(), "a binding without a connection says nothing");
}

TEST_CASE("an answer without a bound session goes to a bounded number of connections") {
  ClientRoutes routes(200, 4);
  for (crypto::ChannelId channel = 1; channel <= 200; ++channel) routes.seen(7, channel, "r");
  const auto found = routes.find(7, 1);
  CHECK(found.size() == ClientRoutes::candidates_max);
  CHECK(found.front() == 200);
}
