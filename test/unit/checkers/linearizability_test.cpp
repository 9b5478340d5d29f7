#include "test/checkers/linearizability.h"

#include <doctest/doctest.h>

#include <string>

namespace {

using namespace tagma;
using namespace tagma::checkers;

KvOperation put(std::uint64_t process, Bytes key, Bytes value, std::int64_t from, std::int64_t to) {
  KvOperation operation;
  operation.process = process;
  operation.kind = KvKind::put;
  operation.key = std::move(key);
  operation.value = std::move(value);
  operation.invoked_us = from;
  operation.returned_us = to;
  return operation;
}

KvOperation get(std::uint64_t process, Bytes key, const std::optional<Bytes>& seen, std::int64_t from,
                std::int64_t to) {
  KvOperation operation;
  operation.process = process;
  operation.key = std::move(key);
  operation.found = seen.has_value();
  operation.value_seen = seen.value_or(Bytes{});
  operation.invoked_us = from;
  operation.returned_us = to;
  return operation;
}

KvOperation erase(std::uint64_t process, Bytes key, bool found, std::int64_t from, std::int64_t to) {
  auto operation = get(process, std::move(key), std::nullopt, from, to);
  operation.kind = KvKind::erase;
  operation.found = found;
  return operation;
}

KvOperation compare(std::uint64_t process, Bytes key, Bytes expected, Bytes value, bool done, std::int64_t from,
                    std::int64_t to) {
  auto operation = put(process, std::move(key), std::move(value), from, to);
  operation.kind = KvKind::compare;
  operation.expected = std::move(expected);
  operation.found = done;
  return operation;
}

bool linearizable(const std::vector<KvOperation>& history) {
  const auto result = check_linearizable(history);
  CHECK_FALSE(result.undecided);
  CHECK(result.linearizable == result.explanation.empty());
  return result.linearizable;
}

}  // namespace

TEST_CASE("an empty and a sequential history are linearizable") {
  CHECK(linearizable({}));
  CHECK(linearizable(
      {put(1, "k", "a", 0, 1), get(1, "k", "a", 2, 3), erase(1, "k", true, 4, 5), get(2, "k", std::nullopt, 6, 7)}));
}

TEST_CASE("a stale read is not") {
  CHECK_FALSE(linearizable({put(1, "k", "a", 0, 1), put(1, "k", "b", 2, 3), get(2, "k", "a", 4, 5)}));
  CHECK_FALSE(linearizable({put(1, "k", "a", 0, 1), get(2, "k", std::nullopt, 2, 3)}));
  // While the second write is outstanding either value may be read, but not the new one and then the old one.
  CHECK(linearizable({put(1, "k", "a", 0, 1), put(1, "k", "b", 2, 9), get(2, "k", "a", 3, 4), get(2, "k", "b", 5, 6)}));
  CHECK_FALSE(
      linearizable({put(1, "k", "a", 0, 1), put(1, "k", "b", 2, 9), get(2, "k", "b", 3, 4), get(2, "k", "a", 5, 6)}));
}

TEST_CASE("a lost update is not") {
  CHECK_FALSE(linearizable(
      {put(1, "k", "a", 0, 1), compare(2, "k", "a", "b", true, 2, 6), compare(3, "k", "a", "c", true, 3, 7)}));
  CHECK(linearizable({put(1, "k", "a", 0, 1), compare(2, "k", "a", "b", true, 2, 6),
                      compare(3, "k", "a", "c", false, 3, 7), get(1, "k", "b", 8, 9)}));
  CHECK_FALSE(linearizable({put(1, "k", "a", 0, 1), put(2, "k", "b", 2, 3), erase(3, "k", false, 4, 5)}));
}

TEST_CASE("a future read is not") {
  CHECK_FALSE(linearizable({get(1, "k", "a", 0, 1), put(2, "k", "a", 2, 3)}));
  CHECK_FALSE(linearizable({get(1, "k", "a", 0, 1)}));
  // Intervals that touch are concurrent: the clock may be too coarse to tell.
  CHECK(linearizable({get(1, "k", "a", 0, 2), put(2, "k", "a", 2, 3)}));
}

TEST_CASE("an unknown operation may take effect later, or never") {
  CHECK(linearizable({put(1, "k", "a", 0, never), get(2, "k", std::nullopt, 10, 11), get(2, "k", "a", 20, 21)}));
  CHECK(linearizable({put(1, "k", "a", 0, never), get(2, "k", std::nullopt, 10, 11)}));
  // But not twice, and not before it was invoked.
  CHECK_FALSE(linearizable(
      {put(1, "k", "a", 0, never), get(2, "k", "a", 10, 11), erase(2, "k", true, 12, 13), get(2, "k", "a", 14, 15)}));
  CHECK_FALSE(linearizable({get(2, "k", "a", 10, 11), put(1, "k", "a", 12, never)}));
  CHECK(linearizable({put(2, "k", "x", 0, 1), compare(1, "k", "x", "y", false, 2, never), get(2, "k", "y", 10, 11)}));
}

TEST_CASE("an unknown operation before an answered one of its session did take effect") {
  CHECK(linearizable({put(1, "k", "a", 0, never), get(1, "other", std::nullopt, 1, 2), get(2, "k", "a", 3, 4)}));
  CHECK(linearizable({put(1, "k", "a", 0, never), get(1, "other", std::nullopt, 1, 2)}));
  // It took effect some time; reading "absent" for ever after the session went on is still explained by a late effect,
  // yet within one key the session's order binds.
  CHECK_FALSE(linearizable({put(1, "k", "a", 0, never), get(1, "k", std::nullopt, 1, 2)}));
}

TEST_CASE("operations of one session take effect in the order of their numbers, even when outstanding together") {
  CHECK_FALSE(linearizable({put(1, "k", "a", 0, 9), put(1, "k", "b", 0, 9), get(2, "k", "a", 10, 11)}));
  CHECK(linearizable({put(1, "k", "a", 0, 9), put(1, "k", "b", 0, 9), get(2, "k", "b", 10, 11)}));
  CHECK(linearizable({put(1, "k", "a", 0, 9), put(3, "k", "b", 0, 9), get(2, "k", "a", 10, 11)}));
}

TEST_CASE("keys are independent, and one bad key is enough") {
  const auto result = check_linearizable(
      {put(1, "a", "1", 0, 1), put(1, "b", "1", 2, 3), get(2, "a", "1", 4, 5), get(2, "b", "2", 6, 7)});
  CHECK_FALSE(result.linearizable);
  CHECK(result.explanation.find("key b") != std::string::npos);
}

TEST_CASE("a good history with many concurrent sessions takes one pass with the right hints") {
  std::vector<KvOperation> history;
  for (std::uint64_t round = 0; round < 200; ++round) {
    const auto at = static_cast<std::int64_t>(round / 10) * 100;
    history.push_back(put(round % 10, "k", std::to_string(round), at, at + 99));
  }
  // Within a round of ten the last session was first.
  for (std::uint64_t round = 0; round < 200; ++round) history[round].hint = (round / 10) * 10 + 9 - round % 10;
  history.push_back(get(99, "k", "190", 2000, 2001));
  const auto result = check_linearizable(history);
  CHECK(result.linearizable);
  CHECK(result.configurations < 1000);
}

TEST_CASE("without hints the search backtracks to the same answer, and it gives up where told to") {
  std::vector<KvOperation> history;
  for (std::uint64_t process = 0; process < 6; ++process) {
    for (int number = 0; number < 3; ++number) {
      history.push_back(put(process, "k", std::to_string(process) + "." + std::to_string(number), 0, 100));
    }
  }
  auto good = history;
  good.push_back(get(7, "k", "0.2", 101, 102));
  CHECK(linearizable(good));
  auto bad = history;
  bad.push_back(get(7, "k", "0.1", 101, 102));
  CHECK_FALSE(linearizable(bad));
  const auto result = check_linearizable(bad, 10);
  CHECK_FALSE(result.linearizable);
  CHECK(result.undecided);
}
