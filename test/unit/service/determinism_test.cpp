// The same operations give the same replies and the same state, however the state lies in its layers.
#include <doctest/doctest.h>
#include <openssl/sha.h>

#include <random>
#include <string>

#include "checkpoint/layered_state.h"
#include "checkpoint/memory_state_store.h"
#include "replica/service/service_catalogue.h"
#include "test/unit/service/map_context.h"

namespace tagma {
namespace {

Digest sha256(ByteView bytes) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.bytes.data());
  return digest;
}

/// A context over the state as a replica has it, for one service alone.
class LayeredContext final : public Context {
 public:
  explicit LayeredContext(LayeredState& state) : state_(state) {}

  [[nodiscard]] std::optional<Bytes> get(ByteView key) const override { return state_.get(key); }
  void put(ByteView key, ByteView value) override { state_.put(key, value); }
  bool erase(ByteView key) override { return state_.erase(key); }
  void scan(ByteView from, ByteView to, const std::function<bool(ByteView key, ByteView value)>& visit) const override {
    state_.scan(from, to, visit);
  }
  [[nodiscard]] const VotedInput* voted() const override { return nullptr; }
  [[nodiscard]] TimeUs agreed_time_us() const override { return 1'000'000; }
  [[nodiscard]] ClientId client() const override { return 7; }
  [[nodiscard]] Seq seq() const override { return 9; }

 private:
  LayeredState& state_;
};

/// A replica's state whose checkpoints come at their own pace.
struct Replica {
  MemoryStateStore store{sha256};
  LayeredState state{store};
  LayeredContext context{state};
  Seq frozen = 0;
  Seq written = 0;

  void freeze() { state.freeze(++frozen); }
  void write() {
    if (written == frozen) return;
    ++written;
    store.apply(written, *state.frozen(written));
    state.written(written);
  }
};

Words random_operation(std::mt19937_64& chance, const std::string& service) {
  const auto word = [&](std::uint64_t kinds) { return std::to_string(chance() % kinds); };
  if (service == "memory") return chance() % 2 == 0 ? Words{"read", word(20)} : Words{"write", word(20), word(1000)};
  if (service == "counter") return chance() % 2 == 0 ? Words{"read"} : Words{"add", word(1000)};
  switch (chance() % 8) {
    case 0: return {"scan", word(50), chance() % 2 == 0 ? "" : word(50), std::to_string(1 + chance() % 9)};
    case 1: return {"cas", word(50), word(3), word(3)};
    case 2: return {"delete", word(50)};
    case 3:
    case 4: return {"get", word(50)};
    case 5: return Words(chance() % 6, word(50));  // mostly nonsense
    default: return {"put", word(50), word(3)};
  }
}

TEST_CASE("replies and roots do not depend on when checkpoints are taken or written") {
  const auto catalogue = bundled_services();
  for (const auto& name : catalogue.names()) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      CAPTURE(name);
      CAPTURE(seed);
      std::mt19937_64 chance(seed);
      const auto service = catalogue.make(name);
      const auto other = catalogue.make(name);
      MapContext plain;
      Replica left;
      Replica right;
      for (int step = 0; step < 500; ++step) {
        const Words words = random_operation(chance, name);
        const auto reply = run(*service, plain, words);
        REQUIRE(run(*service, left.context, words) == reply);
        REQUIRE(run(*other, right.context, words) == reply);
        if (chance() % 16 == 0) left.freeze();
        if (chance() % 16 == 0) left.write();
        if (chance() % 64 == 0) right.freeze();
        if (chance() % 8 == 0) right.write();
      }
      for (auto* replica : {&left, &right}) {
        replica->freeze();
        while (replica->written < replica->frozen) replica->write();
      }
      CHECK(left.store.root() == right.store.root());
      MemoryStateStore scratch(sha256);
      CHECK(scratch.apply(1, Overlay(plain.entries.begin(), plain.entries.end())) == left.store.root());
    }
  }
}

}  // namespace
}  // namespace tagma
