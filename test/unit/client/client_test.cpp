// The facade against real sockets and channels: what the caller sees when replicas lie, vanish, come back or flood.
#include "tagma/client.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "messages/messages.h"
#include "tagma/limits.h"
#include "test/unit/client/fake_replicas.h"

namespace tagma {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using test::Behaviour;
using test::FakeReplicas;

std::unique_ptr<Client> open(const ClientOptions& options) {
  auto client = Client::open(options);
  REQUIRE_MESSAGE(client.ok(), (client.ok() ? "" : client.reason()));
  return std::move(*client);
}

/// Options of a client that is expected to give up.
ClientOptions impatient(const FakeReplicas& replicas) {
  auto options = replicas.options();
  options.timeout = 400ms;
  options.first_retransmission = 50ms;
  return options;
}

void check_echo(const CallResult& result, const Bytes& operation) {
  CHECK_MESSAGE(result.status == CallStatus::ok, result.error);
  CHECK(result.reply.status == ReplyStatus::ok);
  CHECK(result.reply.text == "echo " + operation);
}

TEST_CASE("a call comes back with the reply that f+1 replicas gave") {
  FakeReplicas replicas;
  const auto client = open(replicas.options());
  const auto result = client->call("hello");
  check_echo(result, "hello");
  CHECK(result.error.empty());
  CHECK(result.matching >= 2);
  CHECK(result.seq == 1);
  CHECK(result.latency_us > 0);
  check_echo(client->call("again"), "again");
  CHECK(replicas.executed() == 2);
  CHECK(replicas.bad_signatures() == 0);
}

TEST_CASE("B1: a lone liar, always first to reply, never wins") {
  for (const auto behaviour : {Behaviour::lies, Behaviour::wrong_digest, Behaviour::evicts}) {
    for (const ReplicaId liar : {0U, 3U}) {
      FakeReplicas replicas;
      replicas.behave(liar, behaviour);
      const auto client = open(replicas.options());
      for (int i = 0; i < 20; ++i) check_echo(client->call(std::to_string(i)), std::to_string(i));
      CHECK(replicas.acted(liar) > 0);
    }
  }
}

TEST_CASE("B1: two liars of seven that tell different lies do not win either, nor does one that tells the same twice") {
  FakeReplicas replicas(7);
  replicas.behave(1, Behaviour::lies);
  replicas.behave(2, Behaviour::lies);
  const auto client = open(replicas.options());
  const auto result = client->call("hello");
  check_echo(result, "hello");
  CHECK(result.matching >= 3);
}

TEST_CASE("fewer than f+1 matching replies end in unknown, with a reason in one line") {
  FakeReplicas replicas;
  SUBCASE("one honest voice") {
    for (ReplicaId replica = 1; replica < 4; ++replica) replicas.behave(replica, Behaviour::silent);
    const auto client = open(impatient(replicas));
    const auto result = client->call("hello");
    CHECK(result.status == CallStatus::unknown);
    CHECK(result.error == "no 2 matching replies in 400 ms: outcome unknown (best agreement 1 of 4 replicas)");
    CHECK(result.matching == 1);
  }
  SUBCASE("three that contradict each other") {
    replicas.behave(1, Behaviour::lies);
    replicas.behave(2, Behaviour::lies);
    replicas.behave(3, Behaviour::silent);
    const auto client = open(impatient(replicas));
    const auto result = client->call("hello");
    CHECK(result.status == CallStatus::unknown);
    CHECK(result.matching == 1);
    CHECK(replicas.acted(1) > 0);
    CHECK(replicas.acted(2) > 0);
  }
  SUBCASE("all are busy") {
    for (ReplicaId replica = 0; replica < 4; ++replica) replicas.behave(replica, Behaviour::busy);
    const auto client = open(impatient(replicas));
    const auto result = client->call("hello");
    CHECK(result.status == CallStatus::unknown);
    CHECK(result.error ==
          "no 2 matching replies in 400 ms: outcome unknown (best agreement 0 of 4 replicas; last refusal: " +
              std::string(to_string(RefusalReason::busy)) + ")");
  }
  SUBCASE("nobody listens") {
    for (ReplicaId replica = 0; replica < 4; ++replica) replicas.stop(replica);
    const auto client = open(impatient(replicas));
    CHECK(client->call("hello").status == CallStatus::unknown);
  }
}

TEST_CASE("a timed-out operation is still delivered once replicas serve again, before those after it") {
  FakeReplicas replicas;
  for (ReplicaId replica = 0; replica < 4; ++replica) replicas.behave(replica, Behaviour::busy);
  const auto client = open(impatient(replicas));
  CHECK(client->call("first").status == CallStatus::unknown);
  for (ReplicaId replica = 0; replica < 4; ++replica) replicas.behave(replica, Behaviour::honest);
  CallResult second;
  do second = client->call("second");
  while (second.status != CallStatus::ok);
  CHECK(replicas.order().front() == "first");
}

TEST_CASE("a busy primary is asked again") {
  FakeReplicas replicas;
  for (ReplicaId replica = 0; replica < 4; ++replica) replicas.behave(replica, Behaviour::busy);
  auto options = replicas.options();
  options.first_retransmission = 5'000ms;  // only the backoff can be in time
  options.timeout = 20'000ms;
  const auto client = open(options);
  auto result = client->submit("hello");
  while (replicas.acted(0) < 3) std::this_thread::yield();
  for (ReplicaId replica = 4; replica-- > 0;) replicas.behave(replica, Behaviour::honest);
  const auto end = result.get();
  check_echo(end, "hello");
  CHECK(end.latency_us < 4'000'000);
}

TEST_CASE("an evicted session is reported as such") {
  FakeReplicas replicas;
  for (ReplicaId replica = 1; replica < 4; ++replica) replicas.behave(replica, Behaviour::evicts);
  const auto client = open(replicas.options());
  const auto result = client->call("hello");
  CHECK(result.status == CallStatus::evicted);
  CHECK(result.error.find("evicted") != std::string::npos);
  CHECK(result.error.find("clock") != std::string::npos);
  CHECK(result.error.find('\n') == std::string::npos);
}

TEST_CASE("B17: garbage from a replica is ignored, and its next valid message still counts") {
  FakeReplicas replicas;
  replicas.behave(0, Behaviour::garbage);
  replicas.behave(1, Behaviour::garbage);
  const auto client = open(replicas.options());
  for (int i = 0; i < 20; ++i) check_echo(client->call(std::to_string(i)), std::to_string(i));
  CHECK(replicas.acted(0) >= 20);
  // Now only those two are left: their channels must have survived.
  replicas.behave(0, Behaviour::honest);
  replicas.behave(1, Behaviour::honest);
  replicas.behave(2, Behaviour::silent);
  replicas.behave(3, Behaviour::silent);
  check_echo(client->call("after"), "after");
}

TEST_CASE("replicas that start after the client are found") {
  FakeReplicas replicas;
  for (ReplicaId replica = 0; replica < 4; ++replica) replicas.stop(replica);
  const auto client = open(replicas.options());
  auto result = client->submit("early");
  for (ReplicaId replica = 4; replica-- > 0;) replicas.start(replica);
  check_echo(result.get(), "early");
}

TEST_CASE("after a restart of the replicas the client shakes hands again by itself") {
  FakeReplicas replicas;
  const auto client = open(replicas.options());
  check_echo(client->call("before"), "before");
  SUBCASE("all at once") {
    for (ReplicaId replica = 0; replica < 4; ++replica) replicas.stop(replica);
    for (ReplicaId replica = 0; replica < 4; ++replica) replicas.start(replica);
  }
  SUBCASE("one after the other, with calls between") {
    for (ReplicaId replica = 0; replica < 4; ++replica) {
      replicas.stop(replica);
      auto meanwhile = client->submit("meanwhile");
      if (replica != 0) check_echo(meanwhile.get(), "meanwhile");  // without the primary nobody is asked at first
      replicas.start(replica);
      if (replica == 0) check_echo(meanwhile.get(), "meanwhile");
    }
  }
  SUBCASE("only a backup's channels are lost, and then both others fall silent") {
    replicas.stop(3);
    replicas.start(3);
    check_echo(client->call("between"), "between");
    replicas.behave(1, Behaviour::silent);
    replicas.behave(2, Behaviour::silent);
  }
  const auto after = client->call("after");
  check_echo(after, "after");
  // The reset that answers a frame of the lost channel is what makes the client act, not its patience with silence.
  CHECK(after.latency_us < 2'500'000);
}

TEST_CASE("many threads share a client, and everybody gets the own reply") {
  FakeReplicas replicas;
  auto options = replicas.options();
  options.window = 64;
  const auto client = open(options);
  constexpr int threads_count = 8;
  constexpr int calls_count = 100;
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  threads.reserve(threads_count);
  for (int thread = 0; thread < threads_count; ++thread) {
    threads.emplace_back([&, thread] {
      for (int call = 0; call < calls_count; ++call) {
        const Bytes operation = std::to_string(thread) + ":" + std::to_string(call);
        const auto result = client->call(operation);
        if (result.status == CallStatus::ok && result.reply.text == "echo " + operation) ++right;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(right == threads_count * calls_count);
  CHECK(replicas.executed() == threads_count * calls_count);
}

TEST_CASE("operations of one thread execute in the order in which it submitted them") {
  FakeReplicas replicas;
  const auto client = open(replicas.options());
  std::vector<std::future<CallResult>> results;
  results.reserve(2'000);
  for (int i = 0; i < 2'000; ++i) results.push_back(client->submit(std::to_string(i)));
  for (int i = 0; i < 2'000; ++i) check_echo(results[static_cast<std::size_t>(i)].get(), std::to_string(i));
  const auto order = replicas.order();
  REQUIRE(order.size() == 2'000);
  for (int i = 0; i < 2'000; ++i) CHECK(order[static_cast<std::size_t>(i)] == std::to_string(i));
}

TEST_CASE("large operations pass, several of them in frames of their own") {
  FakeReplicas replicas;
  const auto client = open(replicas.options());
  std::vector<std::future<CallResult>> results;
  for (char letter = 'a'; letter < 'a' + 20; ++letter) {
    results.push_back(client->submit(Bytes(limits::operation_bytes_max - 100, letter)));
  }
  for (char letter = 'a'; letter < 'a' + 20; ++letter) {
    const auto result = results[static_cast<std::size_t>(letter - 'a')].get();
    CHECK_MESSAGE(result.status == CallStatus::ok, result.error);
    CHECK(result.reply.text.back() == letter);
  }
}

TEST_CASE("a callback may submit more and may throw") {
  FakeReplicas replicas;
  auto options = replicas.options();
  options.queued_max = 1;  // a callback's own submission is taken all the same
  const auto client = open(options);
  std::promise<CallResult> last;
  client->submit("first", [&](const CallResult&) {
    client->submit("second", [&](const CallResult& result) {
      last.set_value(result);
      throw std::runtime_error("the caller's own");
    });
    throw 42;  // NOLINT(hicpp-exception-baseclass): anything may be thrown
  });
  check_echo(last.get_future().get(), "second");
  client->submit("third", Client::Callback());
  check_echo(client->call("fourth"), "fourth");
}

TEST_CASE("destruction ends what is outstanding as unknown") {
  FakeReplicas replicas;
  for (ReplicaId replica = 0; replica < 4; ++replica) replicas.behave(replica, Behaviour::silent);
  auto client = open(replicas.options());
  std::vector<std::future<CallResult>> results;
  results.reserve(500);
  for (int i = 0; i < 500; ++i) results.push_back(client->submit("x"));
  CallResult told;
  client->submit("y", [&](const CallResult& result) { told = result; });
  client.reset();
  for (auto& result : results) {
    const auto end = result.get();
    CHECK(end.status == CallStatus::unknown);
    CHECK(end.error.find("closed") != std::string::npos);
  }
  CHECK(told.status == CallStatus::unknown);
  CHECK(told.error.find("closed") != std::string::npos);
}

TEST_CASE("clients come and go without a trace") {
  FakeReplicas replicas;
  for (int i = 0; i < 20; ++i) {
    const auto client = open(replicas.options());
    if (i % 2 == 0) check_echo(client->call("x"), "x");
  }
}

TEST_CASE("a full queue blocks the caller, and says so where it stays full") {
  FakeReplicas replicas;
  for (ReplicaId replica = 0; replica < 4; ++replica) replicas.behave(replica, Behaviour::busy);
  auto options = impatient(replicas);
  options.queued_max = 4;
  const auto client = open(options);
  std::vector<std::future<CallResult>> waiting;
  waiting.reserve(4);
  for (int i = 0; i < 4; ++i) waiting.push_back(client->submit(std::to_string(i)));
  const auto result = client->call("too much");
  CHECK(result.status == CallStatus::invalid);
  CHECK(result.error == "the client's queue stayed full for 400 ms; nothing was sent");
  for (ReplicaId replica = 0; replica < 4; ++replica) replicas.behave(replica, Behaviour::honest);
  CallResult after;
  do after = client->call("after");
  while (after.status != CallStatus::ok);
  const auto order = replicas.order();
  CHECK(std::find(order.begin(), order.end(), "too much") == order.end());
}

TEST_CASE("what cannot be sent is refused locally") {
  FakeReplicas replicas;
  const auto client = open(replicas.options());
  const auto large = client->call(Bytes(limits::operation_bytes_max + 1, 'x'));
  CHECK(large.status == CallStatus::invalid);
  CHECK(large.error.find("131072") != std::string::npos);
  CHECK(client->call("").status == CallStatus::invalid);
  check_echo(client->call("hello"), "hello");
  CHECK(replicas.executed() == 1);
}

TEST_CASE("bad files, keys and options are refused in one line") {
  FakeReplicas replicas;
  const auto reason = [](const ClientOptions& options) {
    const auto client = Client::open(options);
    REQUIRE_FALSE(client.ok());
    CHECK(client.reason().find('\n') == std::string::npos);
    return client.reason();
  };
  auto options = replicas.options();
  SUBCASE("no cluster file") {
    options.cluster_file = replicas.directory() + "/none.toml";
    CHECK(reason(options).find("none.toml") != std::string::npos);
  }
  SUBCASE("an unknown client") {
    options.id = 9;
    CHECK(reason(options).find("there is no client 9") != std::string::npos);
  }
  SUBCASE("an unknown administrator") {
    options.administrator = true;
    CHECK(reason(options).find("there is no administrator 0") != std::string::npos);
  }
  SUBCASE("another client's key") {
    options.id = 1;
    CHECK(reason(options).find("not the key of client 1") != std::string::npos);
  }
  SUBCASE("no secret") {
    options.identity_file = replicas.directory() + "/none.key";
    CHECK(reason(options).find("none.key") != std::string::npos);
  }
  SUBCASE("a window of nothing") {
    options.window = 0;
    CHECK(reason(options).find("window") != std::string::npos);
  }
  SUBCASE("a window beyond the session's") {
    options.window = limits::session_window + 1;
    CHECK(reason(options).find("window") != std::string::npos);
  }
  SUBCASE("no time") {
    options.timeout = 0ms;
    CHECK(reason(options).find("timeout") != std::string::npos);
  }
}

TEST_CASE("reports come from every replica that answers, and the others are shown as silent") {
  FakeReplicas replicas;
  const auto client = open(replicas.options());
  check_echo(client->call("x"), "x");
  auto reports = client->reports(10s);
  REQUIRE(reports.size() == 4);
  for (ReplicaId replica = 0; replica < 4; ++replica) {
    CHECK(reports[replica].id == replica);
    CHECK(reports[replica].answered);
    CHECK(reports[replica].report.last_executed == 1);
    CHECK(reports[replica].round_trip_us > 0);
  }
  replicas.behave(1, Behaviour::silent);
  replicas.stop(2);
  reports = client->reports(300ms);
  REQUIRE(reports.size() == 4);
  CHECK(reports[0].answered);
  CHECK_FALSE(reports[1].answered);
  CHECK_FALSE(reports[2].answered);
  CHECK(reports[3].answered);
}

TEST_CASE("stopping wakes whoever is inside, ends what is outstanding, and what comes later is not sent") {
  FakeReplicas replicas;
  auto options = replicas.options();
  options.queued_max = 1;
  options.timeout = 60s;
  const auto client = open(options);
  check_echo(client->call("x"), "x");
  for (ReplicaId replica = 0; replica < 3; ++replica) replicas.behave(replica, Behaviour::silent);
  const auto begin = std::chrono::steady_clock::now();
  auto outstanding = client->submit("outstanding");
  auto waits_for_room = std::async(std::launch::async, [&] { return client->call("no room"); });
  auto reports = std::async(std::launch::async, [&] { return client->reports(60s); });
  CHECK(reports.wait_for(200ms) == std::future_status::timeout);
  client->stop();
  CHECK(outstanding.get().status == CallStatus::unknown);
  CHECK(waits_for_room.get().status == CallStatus::invalid);
  for (const auto& report : reports.get()) CHECK((report.id == 3 || !report.answered));
  CHECK(client->reports(60s).empty());
  CHECK(client->call("late").status == CallStatus::invalid);
  client->stop();
  CHECK(std::chrono::steady_clock::now() - begin < 30s);
}

TEST_CASE("reports asked for before any connection stands are answered as well") {
  FakeReplicas replicas;
  const auto client = open(replicas.options());
  for (const auto& report : client->reports(10s)) CHECK(report.answered);
}

}  // namespace
}  // namespace tagma
