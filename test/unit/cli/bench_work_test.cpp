#include <doctest/doctest.h>

#include <map>
#include <set>

#include "client_lib/cli/bench_load.h"

using namespace tagma;
using tagma::cli::BenchWork;
using tagma::cli::LoadShape;

namespace {

struct Drawn {
  Words words;
  std::uint64_t tag = 0;
};

Drawn draw(BenchWork& work) {
  const auto step = work.next();
  const auto operation = decode_operation(step.operation);
  REQUIRE(operation);
  CHECK(operation->service == "kv");
  const auto words = decode_words(operation->payload);
  REQUIRE(words);
  return {*words, step.tag};
}

}  // namespace

TEST_CASE("values have the size that was asked for, and keys are spread") {
  LoadShape shape;
  shape.keys = 10;
  shape.value_bytes = 100;
  BenchWork work(shape, 1);
  std::map<Bytes, int> keys;
  std::set<Bytes> values;  // what a put leaves as it is costs less than what it changes
  for (int i = 0; i < 1'000; ++i) {
    const auto drawn = draw(work);
    REQUIRE(drawn.words.size() == 3);
    CHECK(drawn.words[0] == "put");
    CHECK(drawn.words[2].size() == 100);
    ++keys[drawn.words[1]];
    values.insert(drawn.words[2]);
  }
  CHECK(keys.size() == 10);
  for (const auto& [key, count] : keys) CHECK(count > 40);
  CHECK(values.size() == 1'000);
}

TEST_CASE("the share of reads is as asked, 0 and 100 exactly") {
  for (const std::uint32_t percent : {0U, 50U, 100U}) {
    LoadShape shape;
    shape.read_percent = percent;
    BenchWork work(shape, 7);
    int reads = 0;
    for (int i = 0; i < 1'000; ++i) reads += draw(work).words[0] == "get" ? 1 : 0;
    CHECK(reads >= static_cast<int>(percent) * 10 - (percent == 50 ? 100 : 0));
    CHECK(reads <= static_cast<int>(percent) * 10 + (percent == 50 ? 100 : 0));
  }
}

TEST_CASE("a wrong reply is noticed") {
  LoadShape shape;
  shape.read_percent = 100;
  BenchWork work(shape, 3);
  const auto read = draw(work);
  const std::string key = read.words[1];
  const std::string value = work.value_of(read.tag & 0xffff'ffff, 7);
  CHECK(work.key_of(read.tag & 0xffff'ffff) == key);
  CHECK(work.is_plausible(read.tag, {ReplyStatus::ok, value}));
  CHECK(work.is_plausible(read.tag, {ReplyStatus::absent, ""}));
  CHECK_FALSE(work.is_plausible(read.tag, {ReplyStatus::refused, ""}));
  CHECK_FALSE(work.is_plausible(read.tag, {ReplyStatus::ok, value + "."}));
  CHECK_FALSE(work.is_plausible(read.tag, {ReplyStatus::ok, work.value_of((read.tag & 0xffff'ffff) + 1, 7)}));
  CHECK(work.is_plausible(read.tag, {ReplyStatus::ok, work.value_of(read.tag & 0xffff'ffff, 8)}));
  CHECK_FALSE(work.is_plausible(read.tag, {ReplyStatus::ok, value.substr(0, value.size() - 1) + "x"}));
  shape.read_percent = 0;
  BenchWork writes(shape, 3);
  const auto write = draw(writes);
  CHECK(writes.is_plausible(write.tag, {ReplyStatus::ok, "whatever put answers"}));
  CHECK_FALSE(writes.is_plausible(write.tag, {ReplyStatus::absent, ""}));
}

TEST_CASE("empty and short values are possible") {
  for (const std::size_t size : {std::size_t{0}, std::size_t{3}}) {
    LoadShape shape;
    shape.value_bytes = size;
    BenchWork work(shape, 5);
    CHECK(draw(work).words[2].size() == size);
  }
}
