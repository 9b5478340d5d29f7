// One step of the pure core for each event of the normal case. Slots are prepared outside of the time that is measured,
// so each figure is that of one event.
#include <functional>

#include "test/bench/fixture.h"

namespace tagma::bench {
namespace {

constexpr ReplicaId primary = 0;
constexpr ReplicaId backup = 1;   ///< whose steps are measured
constexpr ReplicaId another = 2;  ///< together with the primary's and the own vote a quorum of three

/// The slots' batches with the digests that votes name.
struct Slots {
  Slots(Cluster& cluster, std::size_t operations) : batches(cluster.batches(operations)) {
    auto& authenticator = cluster.authenticator({PrincipalKind::replica, backup});
    for (const auto& batch : batches) digests.push_back(authenticator.digest(batch->bytes));
  }
  [[nodiscard]] Event pre_prepare(std::size_t slot) const {
    return Received{replica_sender(primary), PrePrepare{.view = 0, .seq = slot + 1, .batch = batches[slot]}};
  }
  [[nodiscard]] Event prepare(std::size_t slot, ReplicaId from) const {
    return Received{replica_sender(from), Prepare{.view = 0, .seq = slot + 1, .digest = digests[slot]}};
  }
  [[nodiscard]] Event commit(std::size_t slot, ReplicaId from) const {
    return Received{replica_sender(from), Commit{.view = 0, .seq = slot + 1, .digest = digests[slot]}};
  }
  /// The events that `make` gives for all slots, the first `skipped` ones aside.
  [[nodiscard]] std::vector<Event> all(const std::function<Event(std::size_t slot)>& make,
                                       std::size_t skipped = 0) const {
    std::vector<Event> events;
    for (std::size_t slot = skipped; slot < batches.size(); ++slot) events.push_back(make(slot));
    return events;
  }

  const std::vector<SharedBatch>& batches;
  std::vector<Digest> digests;
};

void feed_all(Replica& replica, std::vector<Event> events) {
  for (auto& event : events) replica.feed(std::move(event));
  replica.settle();
}

/// Whether a replica that has made the timed steps did what they are for; `effects` is how many came of them.
using Check = std::function<bool(Replica& replica, std::size_t effects)>;

/// What every vote of the own replica takes: its record, and the message. A refused event has one effect, its count.
constexpr std::size_t effects_of_vote = 2;

/// Times the steps of `events` on a replica that `prepare` has brought to where they belong, again and again.
void time_steps(benchmark::State& state, const std::function<std::unique_ptr<Replica>()>& prepare,
                const std::vector<Event>& events, const Check& is_done) {
  while (state.KeepRunningBatch(static_cast<std::int64_t>(events.size()))) {
    state.PauseTiming();
    auto replica = prepare();
    std::vector<Event> fresh = events;
    state.ResumeTiming();
    std::size_t effects = 0;
    for (auto& event : fresh) effects += replica->step(std::move(event)).size();
    state.PauseTiming();
    benchmark::DoNotOptimize(effects);
    if (!is_done(*replica, effects)) return state.SkipWithError("the core did not do what was to be timed");
    fresh.clear();
    replica.reset();
    state.ResumeTiming();
  }
}

void add_request(Keys keys, std::size_t operations) {
  add("core/step/request/" + to_string(keys) + "/operations:" + std::to_string(operations),
      [=](benchmark::State& state) {
        constexpr ClientId clients = 8;
        Cluster& cluster = Cluster::with(keys);
        std::vector<Event> events;
        for (std::size_t i = 0; i < Cluster::slots; ++i) {
          const auto client = static_cast<ClientId>(i % clients);
          const RequestNumber first = i / clients * operations + 1;
          events.emplace_back(Received{client_sender(client), Submit{cluster.bundle(client, first, operations)}});
        }
        time_steps(
            state, [&] { return std::make_unique<Replica>(cluster, primary); }, events,
            [&](Replica& replica, std::size_t) {
              return replica.view().pending_operations == events.size() * operations;
            });
      });
}

void add_proposal(Keys keys, std::size_t operations) {
  add("core/step/propose/" + to_string(keys) + "/operations:" + std::to_string(operations),
      [=](benchmark::State& state) {
        constexpr std::size_t replicas_at_once = 16;  // one proposes all that it has, so each is good for one step
        Cluster& cluster = Cluster::with(keys);
        const Batch& batch = *cluster.batches(operations).front();
        while (state.KeepRunningBatch(replicas_at_once)) {
          state.PauseTiming();
          std::vector<std::unique_ptr<Replica>> replicas;
          for (std::size_t i = 0; i < replicas_at_once; ++i) {
            replicas.push_back(std::make_unique<Replica>(cluster, primary));
            for (const auto& bundle : batch.bundles) {
              replicas.back()->feed(
                  Received{client_sender(bundle.content.client), Submit{std::make_shared<const SignedBundle>(bundle)}});
            }
          }
          state.ResumeTiming();
          for (auto& replica : replicas) benchmark::DoNotOptimize(replica->step(InputDrained{}));
          state.PauseTiming();
          for (const auto& replica : replicas) {
            if (replica->view().slots_held != 1) return state.SkipWithError("nothing was proposed");
          }
          replicas.clear();
          state.ResumeTiming();
        }
      });
}

void add_pre_prepare(Keys keys, std::size_t operations) {
  add("core/step/pre_prepare/" + to_string(keys) + "/operations:" + std::to_string(operations),
      [=](benchmark::State& state) {
        Cluster& cluster = Cluster::with(keys);
        const Slots slots(cluster, operations);
        time_steps(
            state, [&] { return std::make_unique<Replica>(cluster, backup); },
            slots.all([&](std::size_t slot) { return slots.pre_prepare(slot); }),
            [](Replica&, std::size_t effects) { return effects >= Cluster::slots * effects_of_vote; });
      });
}

/// PREPAREs and COMMITs do not depend on what they vote for.
void add_votes(Keys keys) {
  const auto prepared = [](Cluster& cluster, const Slots& slots) {
    auto replica = std::make_unique<Replica>(cluster, backup);
    feed_all(*replica, slots.all([&](std::size_t slot) { return slots.pre_prepare(slot); }));
    return replica;
  };
  // Every PREPARE that is timed completes a quorum.
  add("core/step/prepare/" + to_string(keys), [=](benchmark::State& state) {
    Cluster& cluster = Cluster::with(keys);
    const Slots slots(cluster, 1);
    time_steps(
        state,
        [&] {
          auto replica = prepared(cluster, slots);
          feed_all(*replica, slots.all([&](std::size_t slot) { return slots.prepare(slot, primary); }));
          return replica;
        },
        slots.all([&](std::size_t slot) { return slots.prepare(slot, another); }),
        [](Replica&, std::size_t effects) { return effects >= Cluster::slots * effects_of_vote; });
  });
  // Every COMMIT that is timed decides its slot, but slot 1 is open, so that none is executed.
  add("core/step/commit/" + to_string(keys), [=](benchmark::State& state) {
    Cluster& cluster = Cluster::with(keys);
    const Slots slots(cluster, 1);
    time_steps(
        state,
        [&] {
          auto replica = prepared(cluster, slots);
          for (const ReplicaId from : {primary, another}) {
            feed_all(*replica, slots.all([&](std::size_t slot) { return slots.prepare(slot, from); }));
          }
          feed_all(*replica, slots.all([&](std::size_t slot) { return slots.commit(slot, primary); }, 1));
          return replica;
        },
        slots.all([&](std::size_t slot) { return slots.commit(slot, another); }, 1),
        [&](Replica& replica, std::size_t) {
          if (replica.view().executed != 0) return false;
          for (const ReplicaId from : {primary, another}) replica.feed(slots.commit(0, from));
          return replica.view().executed == Cluster::slots;
        });
  });
}

/// The COMMIT that decides a slot in order: executes its batch and answers.
void add_execution(Keys keys, std::size_t operations) {
  add("core/step/execute/" + to_string(keys) + "/operations:" + std::to_string(operations),
      [=](benchmark::State& state) {
        Cluster& cluster = Cluster::with(keys);
        const Slots slots(cluster, operations);
        time_steps(
            state,
            [&] {
              auto replica = std::make_unique<Replica>(cluster, backup);
              feed_all(*replica, slots.all([&](std::size_t slot) { return slots.pre_prepare(slot); }));
              for (const ReplicaId from : {primary, another}) {
                feed_all(*replica, slots.all([&](std::size_t slot) { return slots.prepare(slot, from); }));
              }
              feed_all(*replica, slots.all([&](std::size_t slot) { return slots.commit(slot, primary); }));
              return replica;
            },
            slots.all([&](std::size_t slot) { return slots.commit(slot, another); }),
            [](Replica& replica, std::size_t) { return replica.view().executed == Cluster::slots; });
        state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(operations));
      });
}

}  // namespace

void register_core() {
  for (const Keys keys : all_keys) {
    for (const std::size_t operations : {std::size_t{1}, bundle_operations}) add_request(keys, operations);
    for (const std::size_t operations : batch_sizes) {
      add_proposal(keys, operations);
      add_pre_prepare(keys, operations);
      add_execution(keys, operations);
    }
    add_votes(keys);
  }
}

}  // namespace tagma::bench
