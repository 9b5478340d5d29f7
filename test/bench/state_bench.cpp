// The replicated state: reads and writes of execution, and what a checkpoint costs. All on 100,000 entries of 100
// bytes.
#include "checkpoint/layered_state.h"
#include "checkpoint/memory_state_store.h"
#include "crypto/digest.h"
#include "test/bench/fixture.h"

namespace tagma::bench {
namespace {

constexpr std::uint64_t entries = 100'000;

HashFunction sha256() {
  return [hasher = std::make_shared<crypto::Hasher>()](ByteView bytes) { return hasher->digest(bytes); };
}

const MemoryStateStore& full_store() {
  static const auto* const store = [] {
    auto* made = new MemoryStateStore(sha256());  // for as long as the program runs
    Overlay overlay;
    for (std::uint64_t number = 0; number < entries; ++number) overlay[key_of(number)] = value_of(number);
    made->apply(1, overlay);
    return made;
  }();
  return *store;
}

std::vector<Bytes> some_keys(std::size_t count) {
  std::vector<Bytes> keys;
  for (std::size_t i = 0; i < count; ++i) keys.push_back(key_of(key_number(i)));
  return keys;
}

/// Changes `state.range(0)` entries at once, as a checkpoint does.
void tree_update(benchmark::State& state) {
  StateTree tree(sha256());
  std::vector<Bytes> keys;
  std::vector<Bytes> values;
  for (std::uint64_t number = 0; number < entries; ++number) {
    keys.push_back(key_of(number));
    values.push_back(value_of(number));
  }
  std::vector<StateChange> changes;
  for (std::uint64_t number = 0; number < entries; ++number) changes.push_back({keys[number], values[number]});
  tree.update(changes);
  const auto count = static_cast<std::size_t>(state.range(0));
  const std::uint64_t stride = entries / count;
  std::uint64_t version = 0;
  for (auto step : state) {
    static_cast<void>(step);
    state.PauseTiming();
    ++version;  // a value that is there already changes nothing
    changes.clear();
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t number = i * stride;
      values[number] = value_of(number, version);
      changes.push_back({keys[number], values[number]});
    }
    state.ResumeTiming();
    benchmark::DoNotOptimize(tree.update(changes));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

/// Each put is an operation of its own, which could be undone.
void put(benchmark::State& state) {
  constexpr std::size_t puts_at_once = 10'000;  // about what the overlay takes between two checkpoints under load
  const auto keys = some_keys(puts_at_once);
  const Bytes value = value_of(0, 1);
  while (state.KeepRunningBatch(puts_at_once)) {
    state.PauseTiming();
    auto layers = std::make_unique<LayeredState>(full_store());
    state.ResumeTiming();
    for (const auto& key : keys) {
      layers->begin();
      layers->put(key, value);
      layers->commit();
    }
    state.PauseTiming();
    layers.reset();
    state.ResumeTiming();
  }
}

/// Which layer holds what is read.
enum class Layer : std::uint8_t { top, frozen, store };

void get(benchmark::State& state, Layer layer) {
  constexpr std::size_t count = 10'000;
  const auto keys = some_keys(count);
  LayeredState layers(full_store());
  const auto write_all = [&](const std::string& prefix) {
    for (const auto& key : keys) layers.put(prefix + key, "value");
  };
  if (layer == Layer::frozen) write_all("");
  if (layer == Layer::store) write_all("other/");
  layers.freeze(2);
  write_all(layer == Layer::top ? "" : "other/");
  std::size_t next = 0;
  for (auto step : state) {
    static_cast<void>(step);
    auto found = layers.get(keys[next]);
    if (!found) return state.SkipWithError("an entry is missing");
    benchmark::DoNotOptimize(found);
    next = next + 1 == count ? 0 : next + 1;
  }
}

}  // namespace

void register_state() {
  for (const std::int64_t count : {1, 1'000, 10'000}) {
    add("state/tree_update", tree_update)->Arg(count)->ArgName("keys")->Unit(benchmark::kMicrosecond);
  }
  add("state/put", put);
  add("state/get/top", [](benchmark::State& state) { get(state, Layer::top); });
  add("state/get/frozen", [](benchmark::State& state) { get(state, Layer::frozen); });
  add("state/get/store", [](benchmark::State& state) { get(state, Layer::store); });
}

}  // namespace tagma::bench
