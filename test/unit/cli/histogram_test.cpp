#include "client_lib/cli/histogram.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>

using tagma::cli::Histogram;

TEST_CASE("an empty histogram has no values") {
  const Histogram histogram;
  CHECK(histogram.count() == 0);
  CHECK(histogram.max() == 0);
  CHECK(histogram.quantile(0.5) == 0);
}

TEST_CASE("small values are exact") {
  Histogram histogram;
  for (std::int64_t value = 1; value <= 100; ++value) histogram.record(value);
  CHECK(histogram.count() == 100);
  CHECK(histogram.quantile(0.5) == 50);
  CHECK(histogram.quantile(0.99) == 99);
  CHECK(histogram.quantile(0.991) == 100);
  CHECK(histogram.quantile(0) == 1);
  CHECK(histogram.quantile(1) == 100);
}

TEST_CASE("every value is found within a sixty-fourth, never below the truth") {
  for (int bit = 0; bit < 63; ++bit) {
    for (const std::int64_t offset : {-1, 0, 1}) {
      const std::int64_t value = (std::int64_t{1} << bit) + offset;
      Histogram histogram;
      histogram.record(value);
      histogram.record(std::numeric_limits<std::int64_t>::max());
      CHECK(histogram.quantile(0.5) >= value);
      CHECK(histogram.quantile(0.5) - value <= value / 64);
    }
  }
}

TEST_CASE("a quantile never exceeds the largest value, which is exact") {
  Histogram histogram;
  histogram.record(1'000'001);
  CHECK(histogram.max() == 1'000'001);
  CHECK(histogram.quantile(0.999) == 1'000'001);
}

TEST_CASE("negative values count as zero") {
  Histogram histogram;
  histogram.record(-5);
  CHECK(histogram.count() == 1);
  CHECK(histogram.quantile(1) == 0);
}

TEST_CASE("merging adds, clearing forgets") {
  Histogram left;
  Histogram right;
  for (int i = 0; i < 10; ++i) left.record(10);
  for (int i = 0; i < 30; ++i) right.record(90);
  left.merge(right);
  CHECK(left.count() == 40);
  CHECK(left.quantile(0.25) == 10);
  CHECK(left.quantile(0.26) == 90);
  CHECK(left.max() == 90);
  left.clear();
  CHECK(left.count() == 0);
  CHECK(left.max() == 0);
}
