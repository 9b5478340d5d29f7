#include "client_lib/session_id.h"

#include <doctest/doctest.h>

#include <chrono>

namespace tagma {
namespace {

TEST_CASE("session ids rise, even when drawn faster than the clock ticks") {
  SessionId previous = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto next = next_session_id();
    REQUIRE(next > previous);
    previous = next;
  }
}

TEST_CASE("session ids follow the clock, so that the next process starts above this one") {
  const auto now_us =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  const auto id = next_session_id();
  CHECK((id >> 6U) >= static_cast<SessionId>(now_us));
  CHECK((id >> 6U) <= static_cast<SessionId>(now_us) + 60'000'000U);
}

}  // namespace
}  // namespace tagma
