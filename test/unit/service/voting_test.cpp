// The voters against an independent oracle: every small world is played. A world says who lies, is silent or late, and
// what everybody sends; the oracle looks at the promise itself (is the value in the correct members' hull?), not at
// formulas.
#include "tagma/voting.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <random>
#include <tuple>

namespace tagma::voting {
namespace {

constexpr std::uint32_t members_enumerated = 9;
constexpr std::uint32_t faulty_enumerated = 3;

using Numbers = std::vector<std::int64_t>;
using Span = Interval<std::int64_t>;
using Spans = std::vector<Span>;

/// Every way to draw `count` of `kinds` where the order does not matter.
template <typename Value>
void each_multiset(const std::vector<Value>& kinds, std::size_t count,
                   const std::function<void(const std::vector<Value>&)>& visit) {
  std::vector<Value> drawn;
  const std::function<void(std::size_t)> draw = [&](std::size_t from) {
    if (drawn.size() == count) return visit(drawn);
    for (std::size_t at = from; at < kinds.size(); ++at) {
      drawn.push_back(kinds[at]);
      draw(at);
      drawn.pop_back();
    }
  };
  draw(0);
}

template <typename Value>
std::vector<Value> joined(const std::vector<Value>& left, const std::vector<Value>& right) {
  std::vector<Value> all = left;
  all.insert(all.end(), right.begin(), right.end());
  return all;
}

/// Whether the median of any `correct` honest votes and `liars` others stays in the hull of the honest ones.
bool median_is_safe(std::uint32_t correct, std::uint32_t liars) {
  if (correct == 0) return false;
  bool safe = true;
  each_multiset<std::int64_t>({0, 1, 2}, correct, [&](const Numbers& honest) {
    const auto [least, greatest] = std::minmax_element(honest.begin(), honest.end());
    each_multiset<std::int64_t>({-1, 0, 1, 2, 3}, liars, [&](const Numbers& lies) {
      const auto votes = joined(honest, lies);
      const auto median = lower_median(std::span<const std::int64_t>(votes));
      safe = safe && median && *least <= *median && *median <= *greatest;
    });
  });
  return safe;
}

/// What of the interval rule's promises holds for any `correct` honest intervals and `liars` others.
struct IntervalSafety {
  bool holds_truth = true;  ///< whatever is in all honest intervals
  bool no_wider_than_some = true;
  bool no_wider_than_correct = true;
};

IntervalSafety interval_safety_played(std::uint32_t correct, std::uint32_t liars, std::size_t covering) {
  Spans lies_possible;
  for (std::int64_t low = -2; low <= 2; ++low) {
    for (std::int64_t high = low; high <= 2; ++high) lies_possible.push_back({low, high});
  }
  IntervalSafety safety;
  const auto width = [](const Span& span) { return span.high - span.low; };
  const auto widest = [&](const Spans& spans) {
    std::int64_t most = 0;
    for (const auto& span : spans) most = std::max(most, width(span));
    return most;
  };
  each_multiset<Span>({{-1, 0}, {-1, 1}, {0, 0}, {0, 1}}, correct, [&](const Spans& honest) {
    Span common{-9, 9};
    for (const auto& span : honest) common = {std::max(common.low, span.low), std::min(common.high, span.high)};
    each_multiset<Span>(lies_possible, liars, [&](const Spans& lies) {
      const auto votes = joined(honest, lies);
      const auto found = covered(std::span<const Span>(votes), covering);
      if (!found || common.low < found->low || found->high < common.high) safety.holds_truth = false;
      if (!found) return;
      if (width(*found) > widest(votes)) safety.no_wider_than_some = false;
      if (width(*found) > widest(honest)) safety.no_wider_than_correct = false;
    });
  });
  return safety;
}

IntervalSafety interval_safety(std::uint32_t correct, std::uint32_t liars, std::size_t covering) {
  if (correct == 0 || covering == 0) return {false, false, false};
  static std::map<std::tuple<std::uint32_t, std::uint32_t, std::size_t>, IntervalSafety> known;
  const auto [at, fresh] = known.try_emplace({correct, liars, covering});
  if (fresh) at->second = interval_safety_played(correct, liars, covering);
  return at->second;
}

template <typename Visit>
void each_shape(Rule rule, const Visit& visit) {
  for (const Width width : {Width::of_some, Width::of_correct}) {
    if (rule != Rule::interval && width == Width::of_correct) continue;
    for (const bool deadline : {false, true}) {
      for (std::uint32_t faulty_max = 0; faulty_max <= faulty_enumerated; ++faulty_max) {
        for (std::uint32_t members = 1; members <= members_enumerated; ++members) {
          visit(Shape{rule, members, faulty_max, deadline, width});
        }
      }
    }
  }
}

std::string text_of(const Shape& shape) {
  return "m " + std::to_string(shape.members) + ", t " + std::to_string(shape.faulty_max) +
         (shape.deadline ? ", deadline" : "") + (shape.width == Width::of_correct ? ", width of a correct one" : "");
}

/// Whether the promise of the shape's rule holds for so many present, of whom `liars` or fewer lie, if the interval
/// rule asks for so many that cover a point.
bool promise_holds(const Shape& shape, std::uint32_t present, std::uint32_t liars_max, std::size_t covering) {
  for (std::uint32_t liars = 0; liars <= liars_max; ++liars) {
    if (liars >= present) return false;
    if (shape.rule == Rule::median) {
      if (!median_is_safe(present - liars, liars)) return false;
      continue;
    }
    const auto safety = interval_safety(present - liars, liars, covering);
    const bool narrow = shape.width == Width::of_some ? safety.no_wider_than_some : safety.no_wider_than_correct;
    if (!safety.holds_truth || !narrow) return false;
  }
  return true;
}

/// If as many must cover a point as are sure to hold the truth.
bool acts_safely(const Shape& shape, std::uint32_t present, std::uint32_t liars_max) {
  return present > liars_max && promise_holds(shape, present, liars_max, present - liars_max);
}

/// By playing every world: with so many present, in any case, or only if the absent ones are all faulty.
Grade grade_by_enumeration(const Shape& shape, std::uint32_t present) {
  const std::uint32_t absent = shape.members - present;
  if (acts_safely(shape, present, shape.faulty_max)) return Grade::unconditional;
  const bool in_time = shape.deadline && absent <= shape.faulty_max;
  return in_time && acts_safely(shape, present, shape.faulty_max - absent) ? Grade::timely : Grade::none;
}

}  // namespace

TEST_CASE("E: the median of those present lies in the correct hull exactly if m >= 2b+s+L+1") {
  for (std::uint32_t members = 1; members <= members_enumerated; ++members) {
    for (std::uint32_t liars = 0; liars <= faulty_enumerated && liars <= members; ++liars) {
      for (std::uint32_t absent = 0; absent + liars <= members; ++absent) {
        CAPTURE(members);
        CAPTURE(liars);
        CAPTURE(absent);
        CHECK(median_is_safe(members - liars - absent, liars) == (members >= 2 * liars + absent + 1));
      }
    }
  }
}

TEST_CASE("E: the points that k-f of k intervals cover hold the truth exactly with 2f+1, and are narrow with 3f+1") {
  for (std::uint32_t present = 1; present <= members_enumerated; ++present) {
    for (std::uint32_t faulty = 0; faulty <= faulty_enumerated && faulty < present; ++faulty) {
      CAPTURE(present);
      CAPTURE(faulty);
      const auto safety = interval_safety(present - faulty, faulty, present - faulty);
      // The truth is covered by all correct ones, however few: what fails first is that the rest is bounded.
      CHECK(safety.holds_truth);
      CHECK((safety.no_wider_than_some || present < 2 * faulty + 1));
      CHECK(safety.no_wider_than_correct == (present >= 3 * faulty + 1));
      if (faulty == 0) continue;
      // One more that must agree, and the truth can be lost.
      CHECK_FALSE(interval_safety(present - faulty, faulty, present - faulty + 1).holds_truth);
    }
  }
}

TEST_CASE("E: grades are as sure as the worlds are, for every m up to 9 and t up to 3") {
  for (const Rule rule : {Rule::median, Rule::interval}) {
    each_shape(rule, [&](const Shape& shape) {
      if (refusal(shape)) return;
      for (std::uint32_t present = 1; present <= shape.members; ++present) {
        CAPTURE(text_of(shape));
        CAPTURE(present);
        const Grade claimed = grade(shape, present);
        const Grade true_one = grade_by_enumeration(shape, present);
        CHECK(claimed <= true_one);
        // A median of fewer than m-t is none for a reason of its own: more than t absent. Else nothing is given away.
        if (rule == Rule::median || present + shape.faulty_max >= shape.members) CHECK(claimed == true_one);
      }
    });
  }
}

TEST_CASE("E: a group is refused exactly where a member less would break its promise, and told the formula") {
  for (const Rule rule : {Rule::median, Rule::interval}) {
    each_shape(rule, [&](const Shape& shape) {
      if (shape.faulty_max >= shape.members) return;
      CAPTURE(text_of(shape));
      // Without a deadline one acts on m-t votes, of which t may lie; with one all who are absent are faulty.
      bool sound = true;
      for (std::uint32_t absent = shape.deadline ? 0 : shape.faulty_max; absent <= shape.faulty_max; ++absent) {
        const std::uint32_t liars_max = shape.faulty_max - (shape.deadline ? absent : 0);
        sound = sound && acts_safely(shape, shape.members - absent, liars_max);
      }
      CHECK(refusal(shape).has_value() == !sound);
    });
  }
  CHECK(*refusal({Rule::median, 6, 2, false, {}}) ==
        "the median rule without a deadline needs m >= 3t+1: for t = 2 that is 7 members, not 6");
  CHECK(*refusal({Rule::interval, 8, 2, false, Width::of_correct}) ==
        "the interval rule with the width of a correct input without a deadline needs m >= 4t+1: for t = 2 that is 9 "
        "members, not 8");
  CHECK(refusal({Rule::exact, 0, 0, false, {}}) == "a group has 1 to 64 members, not 0");
  CHECK(refusal({Rule::exact, 65, 0, false, {}}) == "a group has 1 to 64 members, not 65");
  CHECK(*refusal({Rule::exact, 2, 1, true, {}}) ==
        "the exact rule with a deadline needs m >= 2t+1: for t = 1 that is 3 members, not 2");
}

TEST_CASE("E: exact acts on t+1 that agree: never for a lie, always with 2t+1 members, with one less not") {
  constexpr std::int64_t truth = 7;
  for (std::uint32_t members = 1; members <= members_enumerated; ++members) {
    for (std::uint32_t faulty_max = 0; faulty_max <= faulty_enumerated && faulty_max < members; ++faulty_max) {
      bool always = true;
      for (std::uint32_t liars = 0; liars <= faulty_max; ++liars) {
        const Numbers honest(members - faulty_max, truth);  // the rest of the faulty ones are silent
        each_multiset<std::int64_t>({truth, 8, 9}, liars, [&](const Numbers& lies) {
          for (const auto& votes : {joined(honest, lies), joined(lies, honest)}) {
            const auto value = exact(std::span<const std::int64_t>(votes), faulty_max);
            if (value) CHECK(*value == truth);
            always = always && value.has_value();
          }
        });
      }
      CAPTURE(members);
      CAPTURE(faulty_max);
      CHECK(always == (members >= 2 * faulty_max + 1));
      CHECK(always == !refusal({Rule::exact, members, faulty_max, false, {}}));
      if (faulty_max == 0) continue;
      // One that agrees less, and the liars have it.
      const Numbers lies(faulty_max, 8);
      CHECK(exact(std::span<const std::int64_t>(lies), faulty_max - 1) == 8);
      CHECK_FALSE(exact(std::span<const std::int64_t>(lies), faulty_max));
    }
  }
}

TEST_CASE(
    "E: only finite doubles are votes, zero has two signs in one order, and of an even number the lower one is taken") {
  CHECK_FALSE(admissible(std::numeric_limits<double>::quiet_NaN()));
  CHECK_FALSE(admissible(std::numeric_limits<double>::infinity()));
  CHECK_FALSE(admissible(-std::numeric_limits<double>::infinity()));
  CHECK(admissible(-0.0));
  CHECK(admissible(std::numeric_limits<std::int64_t>::min()));
  CHECK(precedes(-0.0, 0.0));
  CHECK_FALSE(precedes(0.0, -0.0));
  CHECK_FALSE(same(-0.0, 0.0));
  const auto median = [](std::vector<double> votes) { return lower_median(std::span<const double>(votes)); };
  for (const auto& votes : {std::vector{0.0, -0.0}, std::vector{-0.0, 0.0}}) CHECK(std::signbit(*median(votes)));
  CHECK(*median({4, 1, 3, 2}) == 2);
  CHECK(*median({5}) == 5);
  CHECK_FALSE(median({}));
  constexpr auto least = std::numeric_limits<std::int64_t>::min();
  constexpr auto greatest = std::numeric_limits<std::int64_t>::max();
  const Numbers ends{greatest, least};
  CHECK(lower_median(std::span<const std::int64_t>(ends)) == least);  // an average would overflow
}

TEST_CASE("E: an interval that is turned round, endless or wider than the cap is no vote") {
  constexpr double endless = std::numeric_limits<double>::infinity();
  CHECK(interval_admissible(Interval<double>{1, 1}));
  CHECK_FALSE(interval_admissible(Interval<double>{2, 1}));
  CHECK_FALSE(interval_admissible(Interval<double>{1, endless}));
  CHECK_FALSE(interval_admissible(Interval<double>{std::numeric_limits<double>::quiet_NaN(), 1}));
  CHECK(interval_admissible(Interval<double>{1, 3}, {2.0}));
  CHECK_FALSE(interval_admissible(Interval<double>{1, 3.5}, {2.0}));
  constexpr Span everything{std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()};
  CHECK(interval_admissible(everything));
  CHECK_FALSE(interval_admissible(everything, {std::numeric_limits<std::int64_t>::max()}));
  CHECK(interval_admissible(Span{-3, 2}, {5}));
  CHECK_FALSE(interval_admissible(Span{-3, 2}, {4}));
  CHECK_FALSE(interval_admissible(Span{2, 2}, {-1}));  // a cap below 0 lets nothing through
  CHECK_FALSE(interval_admissible(Interval<double>{2, 2}, {-1.0}));
}

TEST_CASE("E: the interval is from the least to the greatest point that k-t cover, not where the most meet") {
  // Marzullo's own trap: two liars and one careless correct one meet at 9; the truth is 5.
  const Spans votes{{4, 6}, {5, 9}, {3, 5}, {9, 9}, {9, 10}};
  const auto found = intersection({Rule::interval, 5, 2, true, {}}, std::span<const Span>(votes));
  REQUIRE(found);
  CHECK(found->low <= 5);
  CHECK(found->high >= 5);
  CHECK_THROWS_AS(static_cast<void>(covered(std::span<const Span>(votes), 0)), std::invalid_argument);
  CHECK_FALSE(covered(std::span<const Span>(votes), 6));
}

TEST_CASE("a round counts the first vote of each member, and is over as its rule says") {
  Round<std::int64_t> median({Rule::median, 4, 1, false, {}});
  CHECK(median.take(2, 10));
  CHECK_FALSE(median.take(2, 99));
  CHECK(*median.vote_of(2) == 10);
  CHECK(median.take(0, 12));
  CHECK_FALSE(median.over(true));  // a group without a deadline waits
  CHECK(median.decision().grade == Grade::none);
  CHECK_FALSE(median.decision().contradictory);
  CHECK(median.take(3, -5));
  CHECK(median.over(false));
  const auto made = median.decision();
  CHECK(made.grade == Grade::unconditional);
  CHECK(*made.value == 10);
  CHECK(made.present == std::vector<std::uint32_t>{0, 2, 3});
  CHECK(made.disagreeing.empty());
  CHECK_THROWS_AS(median.take(4, 1), std::invalid_argument);
  CHECK_THROWS_AS(Round<std::int64_t>({Rule::median, 3, 1, false, {}}), std::invalid_argument);
  CHECK_THROWS_AS(Round<std::int64_t>({Rule::interval, 4, 1, false, {}}), std::invalid_argument);
  CHECK_THROWS_AS(Round<std::string>({Rule::median, 4, 1, false, {}}), std::invalid_argument);
}

TEST_CASE("a round of the exact rule names who disagreed, and is contradictory where more than t must be faulty") {
  Round<std::string> round({Rule::exact, 5, 2, true, {}});
  CHECK(round.take(4, "stop"));
  CHECK(round.take(1, "go"));
  CHECK(round.take(0, "go"));
  CHECK_FALSE(round.over(false));
  CHECK(round.over(true));
  CHECK(round.decision().grade == Grade::none);
  CHECK_FALSE(round.decision().contradictory);
  CHECK(round.take(3, "go"));
  CHECK(round.over(false));
  const auto made = round.decision();
  CHECK(*made.value == "go");
  CHECK(made.grade == Grade::unconditional);
  CHECK(made.disagreeing == std::vector<std::uint32_t>{4});

  Round<std::string> split({Rule::exact, 3, 1, false, {}});
  CHECK(split.take(0, "a"));
  CHECK(split.take(1, "b"));
  CHECK(split.take(2, "c"));
  CHECK(split.over(false));
  CHECK_FALSE(split.decision().value);
  CHECK(split.decision().contradictory);
}

TEST_CASE(
    "a round of intervals with a deadline: grades by who came, liars named, none where nothing is covered enough") {
  const Shape shape{Rule::interval, 5, 2, true, {}};
  const auto after = [&](const std::vector<std::pair<std::uint32_t, Interval<double>>>& votes) {
    Round<Interval<double>> round(shape);
    for (const auto& [member, vote] : votes) CHECK(round.take(member, vote));
    CHECK(round.over(true));
    return round.decision();
  };
  const auto all = after({{0, {1, 3}}, {1, {2, 4}}, {2, {2.5, 3.5}}, {3, {8, 9}}, {4, {-9, -8}}});
  CHECK(all.grade == Grade::unconditional);
  CHECK(all.value->low == 2.5);
  CHECK(all.value->high == 3);
  CHECK(all.disagreeing == std::vector<std::uint32_t>{3, 4});
  const auto few = after({{0, {1, 3}}, {1, {2, 4}}, {2, {2.5, 3.5}}});
  CHECK(few.grade == Grade::timely);
  CHECK(few.value->low == 2.5);
  CHECK(few.value->high == 3);
  CHECK(after({{0, {1, 3}}, {1, {2, 4}}}).grade == Grade::none);
  const auto torn = after({{0, {1, 2}}, {1, {3, 4}}, {2, {5, 6}}});
  CHECK(torn.grade == Grade::none);
  CHECK(torn.contradictory);
}

}  // namespace tagma::voting
