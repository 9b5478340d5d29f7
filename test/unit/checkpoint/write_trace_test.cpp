#include "checkpoint/write_trace.h"

#include <doctest/doctest.h>

#include "checkpoint/layered_state.h"
#include "checkpoint/memory_state_store.h"
#include "test/unit/checkpoint/model.h"

namespace tagma {
namespace {

struct Traced {
  WriteTrace trace{sha256};
  MemoryStateStore store{sha256};
  LayeredState state{store};
  Traced() { state.trace_writes(trace); }
};

TEST_CASE("the digest is that of the writes, by the words of the header") {
  Traced traced;
  CHECK(traced.trace.take() == sha256(Bytes(32, '\0')));
  traced.state.put("city", "Nicaea");
  CHECK(traced.state.erase("city"));
  const Bytes key("\4\0\0\0city", 8);
  const Bytes expected = Bytes(32, '\0') + key + Bytes("\1\6\0\0\0Nicaea", 11) + key + Bytes(1, '\0');
  CHECK(traced.trace.take() == sha256(expected));
  CHECK_MESSAGE(traced.trace.take() == sha256(Bytes(32, '\0')), "take() begins anew");
  CHECK_FALSE(traced.state.erase("city"));
  CHECK_MESSAGE(traced.trace.take() == sha256(Bytes(32, '\0')), "to erase what is not there writes nothing");
}

TEST_CASE("one byte more or less, another key, another order: another digest; what was undone leaves none") {
  const auto digest_of = [](const std::function<void(LayeredState&)>& write) {
    Traced traced;
    write(traced.state);
    return traced.trace.take();
  };
  const auto plain = digest_of([](LayeredState& state) {
    state.put("a", "1");
    state.put("b", "2");
  });
  CHECK(plain == digest_of([](LayeredState& state) {
          state.put("a", "1");
          state.begin();
          state.put("b", "wrong");
          static_cast<void>(state.erase("a"));
          state.rollback();
          state.begin();
          state.put("b", "2");
          state.commit();
        }));
  CHECK(plain != digest_of([](LayeredState& state) {
          state.put("a", "1");
          state.put("b", "3");
        }));
  CHECK(plain != digest_of([](LayeredState& state) {
          state.put("b", "2");
          state.put("a", "1");
        }));
  CHECK(plain != digest_of([](LayeredState& state) {
          state.put("a1", "");
          state.put("b", "2");
        }));
  CHECK(plain != digest_of([](LayeredState& state) { state.put("a", "1"); }));
}

TEST_CASE("how far the checkpoint has come does not show") {
  const auto digest_of = [](bool written) {
    Traced traced;
    traced.state.put("a", "1");
    traced.state.freeze(1);
    if (written) {
      traced.store.apply(1, *traced.state.frozen(1));
      traced.state.written(1);
    }
    static_cast<void>(traced.trace.take());
    CHECK(traced.state.erase("a"));
    traced.state.put("a", "2");
    return traced.trace.take();
  };
  CHECK(digest_of(true) == digest_of(false));
}

TEST_CASE("much is folded, and the last byte of it still counts") {
  const auto digest_of = [](char last, bool in_operation) {
    Traced traced;
    for (int round = 0; round < 40; ++round) {
      if (in_operation) traced.state.begin();
      traced.state.put("k" + std::to_string(round), Bytes(10'000, round == 39 ? last : 'v'));
      if (in_operation) traced.state.commit();
    }
    return traced.trace.take();
  };
  CHECK(digest_of('v', true) == digest_of('v', false));
  CHECK(digest_of('v', true) != digest_of('w', true));
  // An operation that is undone after much has gathered leaves what stood before it.
  Traced undone;
  Traced plain;
  for (auto* traced : {&undone, &plain}) traced->state.put("k", Bytes(60'000, 'v'));
  undone.state.begin();
  undone.state.put("l", Bytes(90'000, 'v'));
  undone.state.rollback();
  CHECK(undone.trace.take() == plain.trace.take());
}

}  // namespace
}  // namespace tagma
