#include "replica/runtime/counters.h"

#include <doctest/doctest.h>

#include "messages/validate.h"
#include "tagma/limits.h"

using namespace tagma;
using runtime::Counters;

TEST_CASE("refusals are counted under category and reason") {
  Counters counters;
  counters.refuse("frame refused", "wrong MAC");
  counters.refuse("frame refused", "wrong MAC");
  counters.refuse("frame refused", "too long");
  counters.add("handshakes_done");
  CHECK(counters.value("frame refused: wrong MAC") == 2);
  CHECK(counters.value("frame refused: too long") == 1);
  CHECK(counters.value("handshakes_done") == 1);
  CHECK(counters.refused_total() == 3);
}

TEST_CASE("whoever invents reasons cannot make the counters grow") {
  Counters counters;
  for (int i = 0; i < 100'000; ++i) counters.refuse("message refused", "made up " + std::to_string(i));
  counters.refuse("frame refused", "wrong MAC");
  CHECK(counters.refused_total() == 100'001);
  CHECK(counters.value("message refused: other") == 100'000 - Counters::reasons_per_category_max);
  CHECK_MESSAGE(counters.value("frame refused: wrong MAC") == 1, "another category keeps its names");
  Report report;
  counters.append_to(report);
  CHECK(report.counters.size() < Counters::names_max);
}

TEST_CASE("a full table counts further names as other") {
  Counters counters;
  for (int i = 0; i < 1'000; ++i) counters.add("name " + std::to_string(i));
  CHECK(counters.value("other") == 1'000 - Counters::names_max);
}

TEST_CASE("a report with every counter is one that the wire accepts") {
  Counters counters;
  const std::string long_reason(3 * limits::text_bytes_max, 'x');
  for (int i = 0; i < 100; ++i) {
    counters.refuse("a", long_reason + std::to_string(i));
    counters.refuse("b", std::to_string(i));
    counters.refuse("c", std::to_string(i));
    counters.refuse("d", std::to_string(i));
    counters.refuse("e", std::to_string(i));
  }
  counters.traffic.turns = 7;
  Report report;
  report.nonce = 1;
  report.counters = {{"slots held", 3}, {"turns", 99}};
  for (std::size_t i = 0; i < 200; ++i) report.counters.emplace_back("core " + std::to_string(i), i);
  counters.append_to(report);
  CHECK(report.counters.size() == limits::report_counters_max);
  const auto refused = validate(report);
  CHECK_MESSAGE(!refused, (refused ? refused->reason : ""));
  bool core_kept = false;
  for (const auto& [name, count] : report.counters) core_kept = core_kept || (name == "turns" && count == 99);
  CHECK_MESSAGE(core_kept, "a name that the core has used is the core's");
}
