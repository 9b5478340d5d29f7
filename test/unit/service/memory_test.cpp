#include "replica/service/memory.h"

#include <doctest/doctest.h>

#include "test/unit/service/map_context.h"

namespace tagma {
namespace {

TEST_CASE("a location reads as its initial value until it is written") {
  MemoryService memory;
  MapContext context;
  CHECK(run(memory, context, {"read", "100"}) == ok("0"));
  CHECK(run(memory, context, {"write", "100", "16.2"}) == ok());
  CHECK(run(memory, context, {"read", "100"}) == ok("16.2"));
  CHECK(run(memory, context, {"read", "101"}) == ok("0"));
  CHECK(run(memory, context, {"write", "100", ""}) == ok());
  CHECK(run(memory, context, {"read", "100"}) == ok(""));
}

TEST_CASE("locations are numbers: leading zeros mean nothing, first and last are far apart") {
  MemoryService memory;
  MapContext context;
  run(memory, context, {"write", "7", "seven"});
  CHECK(run(memory, context, {"read", "007"}) == ok("seven"));
  run(memory, context, {"write", "0", "first"});
  run(memory, context, {"write", "18446744073709551615", "last"});
  run(memory, context, {"write", "256", "middle"});
  CHECK(run(memory, context, {"read", "0"}) == ok("first"));
  CHECK(run(memory, context, {"read", "18446744073709551615"}) == ok("last"));
  std::vector<Bytes> in_order;
  context.scan("", "", [&](ByteView, ByteView value) {
    in_order.emplace_back(value);
    return true;
  });
  const std::vector<Bytes> by_number{"first", "seven", "middle", "last"};
  CHECK(in_order == by_number);
}

TEST_CASE("every bad operation is refused, shows the right usage and changes nothing") {
  MemoryService memory;
  MapContext context;
  const Words bad_reads[] = {{"read"},
                             {"read", "1", "2"},
                             {"read", ""},
                             {"read", "-1"},
                             {"read", "one"},
                             {"read", "1.0"},
                             {"read", "18446744073709551616"}};
  for (const auto& words : bad_reads) check_refused(memory, context, words, "memory read LOCATION");
  const Words bad_writes[] = {{"write"},          {"write", "1"},       {"write", "1", "2", "3"},
                              {"write", "", "v"}, {"write", "-1", "v"}, {"write", "x", "v"}};
  for (const auto& words : bad_writes) check_refused(memory, context, words, "memory write LOCATION VALUE");
  const Words unknown_operations[] = {{}, {"erase", "1"}, {"READ", "1"}};
  for (const auto& words : unknown_operations) check_refused(memory, context, words, "memory read|write");
  CHECK(memory.execute("not words", context).status == ReplyStatus::refused);
}

}  // namespace
}  // namespace tagma
