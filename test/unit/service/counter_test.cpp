#include "replica/service/example/counter.h"

#include <doctest/doctest.h>

#include <stdexcept>

#include "test/unit/service/map_context.h"

namespace tagma {
namespace {

TEST_CASE("the example counts") {
  const auto counter = make_counter_service();
  MapContext context;
  CHECK(counter->name() == "counter");
  CHECK(run(*counter, context, {"read"}) == ok("0"));
  CHECK(run(*counter, context, {"add", "5"}) == ok("5"));
  CHECK(run(*counter, context, {"add", "-7"}) == ok("-2"));
  CHECK(run(*counter, context, {"read"}) == ok("-2"));
}

TEST_CASE("the example refuses with its usage") {
  const auto counter = make_counter_service();
  MapContext context;
  const Words bad[] = {{},           {"add"},       {"add", "1", "2"}, {"add", ""},
                       {"add", "x"}, {"add", "1x"}, {"read", "1"},     {"add", "9223372036854775808"}};
  for (const auto& words : bad) check_refused(*counter, context, words, "usage: counter add NUMBER | counter read");
  CHECK(counter->execute("not words", context).status == ReplyStatus::refused);
}

TEST_CASE("the example's overflow is an exception, which the replica turns into a refusal") {
  const auto counter = make_counter_service();
  MapContext context;
  run(*counter, context, {"add", "9223372036854775807"});
  CHECK_THROWS_AS(run(*counter, context, {"add", "1"}), std::overflow_error);
  CHECK(run(*counter, context, {"read"}) == ok("9223372036854775807"));
  CHECK(run(*counter, context, {"add", "-1"}) == ok("9223372036854775806"));
}

}  // namespace
}  // namespace tagma
