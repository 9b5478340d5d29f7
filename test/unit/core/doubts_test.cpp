#include "replica/core/doubts.h"

#include <doctest/doctest.h>

using namespace tagma;

TEST_CASE("doubts suffice at 2f+1, and are shared from f+1 others on") {
  Doubts doubts(7, 2, 1'000);
  CHECK_FALSE(doubts.join(2));
  CHECK_FALSE(doubts.suffice(6));  // without the own one others' are not enough: it joins first
  CHECK(doubts.join(3));
  CHECK_FALSE(doubts.join(4));  // it does already
  CHECK_FALSE(doubts.suffice(3));
  CHECK(doubts.suffice(4));
}

TEST_CASE("what another one said counts for the view that it said it of") {
  Doubts doubts(4, 1, 1'000);
  CHECK_FALSE(doubts.is_doubted_by(2, 0));
  doubts.heard(2, 5);
  CHECK(doubts.is_doubted_by(2, 5));
  CHECK_FALSE(doubts.is_doubted_by(2, 6));
  CHECK_FALSE(doubts.is_doubted_by(1, 5));
  doubts.heard(2, 6);
  CHECK_FALSE(doubts.is_doubted_by(2, 5));
}

TEST_CASE("of its own accord a replica doubts once in a wait, which doubles, and shrinks again when nothing comes") {
  constexpr MonotonicUs wait_us = 1'000;
  Doubts doubts(4, 1, wait_us);
  MonotonicUs now_us = 1'000'000;
  CHECK(doubts.raise(now_us));
  CHECK_FALSE(doubts.raise(now_us));  // it does already
  doubts.forget_own();
  CHECK_FALSE(doubts.raise(now_us += wait_us - 1));
  CHECK(doubts.raise(now_us += 1));
  doubts.forget_own();
  CHECK_FALSE(doubts.raise(now_us += 2 * wait_us - 1));
  CHECK(doubts.raise(now_us += 1));
  doubts.forget_own();
  // On the word of others it does so at any time.
  CHECK(doubts.join(2));
  doubts.forget_own();
  now_us += Doubts::waits_without * (8 + 4) * wait_us;
  CHECK(doubts.raise(now_us));  // two doublings have been taken back, of three
  doubts.forget_own();
  CHECK_FALSE(doubts.raise(now_us + 2 * wait_us - 1));
  CHECK(doubts.raise(now_us + 2 * wait_us));
}
