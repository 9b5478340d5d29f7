#include "replica/runtime/effect_performer.h"

#include <doctest/doctest.h>

#include "checkpoint/memory_state_store.h"
#include "crypto/digest.h"

using namespace tagma;
using runtime::Counters;
using runtime::EffectPerformer;

namespace {

class Recorder final : public runtime::Outgoing {
 public:
  void send(ReplicaId to, const Message& message) override {
    trace.push_back("to " + std::to_string(to) + " " + std::string(name_of(message)));
  }
  void broadcast(const Message& message) override { trace.push_back("all " + std::string(name_of(message))); }
  void reply(ClientId client, SessionId session, Message message) override {
    trace.push_back("client " + std::to_string(client) + "/" + std::to_string(session) + " " +
                    std::string(name_of(message)));
  }
  void answer(AdminId admin, const Message& message) override {
    trace.push_back("admin " + std::to_string(admin) + " " + std::string(name_of(message)));
  }
  void distrust(ReplicaId replica, bool distrusted) override {
    trace.push_back((distrusted ? "distrusts " : "trusts ") + std::to_string(replica));
  }
  void set_client(ClientId client, const std::optional<PublicKey>& key) override {
    trace.push_back("client " + std::to_string(client) + (key ? " may connect" : " may not connect"));
  }
  std::vector<std::string> trace;
};

struct Bench {
  Recorder out;
  crypto::Hasher hasher;
  MemoryStateStore store{[this](ByteView bytes) { return hasher.digest(bytes); }};
  std::map<Seq, std::shared_ptr<const Overlay>> frozen;
  Counters counters;
  runtime::MemoryStorage storage{store};
  EffectPerformer performer{out, storage, [this](Seq seq) { return frozen.at(seq); }, counters};

  std::vector<std::string> take() { return std::exchange(out.trace, {}); }
};

Persist persist(PersistNumber number) { return Persist{number, RecordPrepared{}}; }
const std::string prepare_name{name_of(Message(Prepare{}))};
const std::string commit_name{name_of(Message(Commit{}))};
const std::string status_name{name_of(Message(Status{}))};

}  // namespace

TEST_CASE("votes and replies wait for the commit, what may overtake does not") {
  Bench bench;
  Effects effects;
  effects.emplace_back(persist(1));
  effects.emplace_back(Send{std::nullopt, Prepare{}, true});
  effects.emplace_back(Send{2, Status{}, false});
  effects.emplace_back(Reply{4, 9, Replies{}, true});
  bench.performer.push(std::move(effects));
  CHECK(bench.take() == std::vector<std::string>{"to 2 " + status_name});
  CHECK(bench.performer.unfinished());

  bench.performer.commit(0);
  const auto event = bench.performer.next_event();
  REQUIRE(event);
  CHECK(bench.take() ==
        std::vector<std::string>{"all " + prepare_name, "client 4/9 " + std::string(name_of(Message(Replies{})))});
  REQUIRE(std::holds_alternative<Persisted>(*event));
  CHECK(std::get<Persisted>(*event).up_to == 1);
  CHECK_FALSE(bench.performer.next_event());
  CHECK_FALSE(bench.performer.unfinished());
}

TEST_CASE("many persists of one turn are one commit and one event") {
  Bench bench;
  for (PersistNumber number = 1; number <= 5; ++number) {
    Effects effects;
    effects.emplace_back(persist(number));
    effects.emplace_back(Send{std::nullopt, Commit{}, true});
    bench.performer.push(std::move(effects));
  }
  CHECK(bench.take().empty());
  bench.performer.commit(0);
  const auto event = bench.performer.next_event();
  REQUIRE(event);
  CHECK(bench.take().size() == 5);
  CHECK(std::get<Persisted>(*event).up_to == 5);
  CHECK_FALSE(bench.performer.next_event());
}

TEST_CASE("checkpoints are written one at a time, in order, into the store") {
  Bench bench;
  bench.frozen[128] = std::make_shared<const Overlay>(Overlay{{"a", "1"}});
  bench.frozen[256] = std::make_shared<const Overlay>(Overlay{{"b", "2"}});
  Effects effects;
  effects.emplace_back(WriteCheckpoint{128});
  effects.emplace_back(WriteCheckpoint{256});
  bench.performer.push(std::move(effects));
  CHECK(bench.store.seq() == 0);

  const auto first = bench.performer.next_event();
  REQUIRE(first);
  CHECK(std::get<CheckpointWritten>(*first).seq == 128);
  CHECK(bench.store.seq() == 128);
  CHECK(std::get<CheckpointWritten>(*first).root == bench.store.root());
  CHECK(bench.performer.unfinished());
  const auto second = bench.performer.next_event();
  REQUIRE(second);
  CHECK(std::get<CheckpointWritten>(*second).seq == 256);
  CHECK(bench.store.get("b") == Bytes("2"));
  CHECK_FALSE(bench.performer.next_event());
}

TEST_CASE("the last wish to be woken counts, alarms and refusals are kept") {
  Bench bench;
  Effects effects;
  effects.emplace_back(WakeAt{500});
  effects.emplace_back(WakeAt{300});
  effects.emplace_back(Counted{"stale view"});
  effects.emplace_back(Alarm{"first"});
  effects.emplace_back(Alarm{"second"});
  bench.performer.push(std::move(effects));
  CHECK(bench.performer.wake_at_us() == 300);
  bench.performer.woken();
  CHECK_FALSE(bench.performer.wake_at_us());
  CHECK(bench.performer.alarm() == "first");
  CHECK(bench.counters.value("protocol: stale view") == 1);
  CHECK(bench.counters.value("alarms") == 2);
}
