/**
 * @file
 * @brief Voters: one value from the votes of m members of which up to t lie, are silent or are late.
 *
 * For an application that asks several sensors, programs or services the same question and trusts none of them alone.
 * Nothing here knows a cluster, a network or a clock: include the header, and link nothing. A replicated group of a
 * cluster decides by the same functions.
 *
 * Source: Schneider, "Implementing Fault-Tolerant Services Using the State Machine Approach", ACM Computing Surveys
 * 22(4), 1990, section 5.1 (replicated clients); the interval rule is Marzullo's fault-tolerant intersection, as he has
 * it.
 *
 * **What is told apart.** b members lie, s are silent, L are correct and late; b + s <= t. Of m votes k = m - s - L are
 * *present*. How much is left over decides what can be promised:
 *
 * | rule | no deadline | a deadline that correct votes keep |
 * |---|---|---|
 * | exact | m >= 2t+1 | m >= 2t+1 |
 * | median | m >= 3t+1 | m >= 2t+1 |
 * | interval | m >= 3t+1 | m >= 2t+1 |
 * | interval, Width::of_correct | m >= 4t+1 | m >= 3t+1 |
 *
 * Exact: the value is a correct member's, who is one of t+1 that agree. Median: it lies between the least and the
 * greatest that correct members sent and that are present. Interval: it holds what every correct member's interval
 * holds, and is no wider than one of those present; with Width::of_correct no wider than a *correct* one.
 *
 * With 2t+1 members, a deadline and a cap on what is admitted (interval_admissible()), an interval is no wider than the
 * cap: where every correct member's is about as wide as the cap, that is as good.
 *
 * **Grades.** Of k present at most t lie, whatever time does. So k >= 2t+1 gives the promise unconditionally (k >= 3t+1
 * that of Width::of_correct). With fewer, but m-t or more, it holds if correct votes keep the deadline: then the m-k
 * absent ones are faulty, and at most t-(m-k) of those present are. With still fewer more than t are absent, so that
 * the deadline itself was not kept, and there is no value.
 *
 * **Why the median.** Let f of the k present be faulty and k >= 2f+1. Sorted, the lower median stands at place
 * (k-1)/2 >= f (from 0), and k-1-(k-1)/2 >= f stand above it: at least f+1 votes, one of them correct, are not above
 * it, and as many not below. A liar costs two votes, who is absent one: m >= 2b+s+L+1.
 *
 * **Why the interval.** All correct intervals hold the truth, so at least k-f cover it, and it lies between the least
 * and the greatest point that so many cover. Each of these two points is in k-f of the k intervals; 2(k-f) > k where k
 * >= 2f+1, so one interval holds both, and all between. Where k >= 3f+1, at least f+1 hold both, one of them a correct
 * member's. The points covered by the *most* intervals may miss the truth: liars choose which they are.
 *
 * **Threads.** Functions of their arguments alone; a Round belongs to one thread. **Errors.** Votes that must not be
 * counted (NaN, infinities, intervals turned round) are for the caller to refuse with admissible(); what is thrown is
 * std::invalid_argument, for a Shape that refusal() refuses and for a member that the group does not have.
 */
#pragma once

#include <algorithm>
#include <compare>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace tagma::voting {

/// Members that a group may have: what is kept and said of a round grows with them.
inline constexpr std::uint32_t members_max = 64;

/// By what a group decides (file comment).
enum class Rule : std::uint8_t { exact, median, interval };

/// How wide the interval may be that the interval rule promises.
enum class Width : std::uint8_t { of_some, of_correct };

/// A group: who votes, and how.
struct Shape {
  Rule rule = Rule::exact;       ///< by what it decides
  std::uint32_t members = 0;     ///< m: 1 to members_max
  std::uint32_t faulty_max = 0;  ///< t
  bool deadline = false;         ///< whether a round ends at a time that votes of correct members keep
  Width width = Width::of_some;  ///< of the interval rule
};

/// How sure a value is (file comment).
enum class Grade : std::uint8_t {
  none,           ///< there is no value
  timely,         ///< the promise holds if correct members kept the deadline
  unconditional,  ///< it holds in any case
};

/// The least m for a rule, t and whether there is a deadline.
[[nodiscard]] constexpr std::uint64_t members_min(Rule rule, std::uint64_t faulty_max, bool deadline,
                                                  Width width = Width::of_some) {
  std::uint64_t factor = rule == Rule::exact || deadline ? 2 : 3;
  if (rule == Rule::interval && width == Width::of_correct) ++factor;
  return factor * faulty_max + 1;
}

/// Why no group can be of this shape, with the formula that it fails; nothing if one can.
[[nodiscard]] inline std::optional<std::string> refusal(const Shape& shape) {
  if (shape.members == 0 || shape.members > members_max) {
    return "a group has 1 to " + std::to_string(members_max) + " members, not " + std::to_string(shape.members);
  }
  const std::uint64_t least = members_min(shape.rule, shape.faulty_max, shape.deadline, shape.width);
  if (shape.members >= least) return std::nullopt;
  const std::uint64_t factor = shape.faulty_max == 0 ? 0 : (least - 1) / shape.faulty_max;
  const char* const rule = shape.rule == Rule::exact ? "exact" : shape.rule == Rule::median ? "median" : "interval";
  return std::string("the ") + rule + " rule" +
         (shape.rule == Rule::interval && shape.width == Width::of_correct ? " with the width of a correct input"
                                                                           : "") +
         (shape.deadline ? " with a deadline" : " without a deadline") + " needs m >= " + std::to_string(factor) +
         "t+1: for t = " + std::to_string(shape.faulty_max) + " that is " + std::to_string(least) + " members, not " +
         std::to_string(shape.members);
}

/// How sure a median or an interval is of which so many votes are present, and Grade::none where they are too few.
[[nodiscard]] constexpr Grade grade(const Shape& shape, std::uint32_t present) {
  const bool of_correct = shape.rule == Rule::interval && shape.width == Width::of_correct;
  if (present >= (of_correct ? 3 : 2) * shape.faulty_max + 1) return Grade::unconditional;
  const bool in_time = shape.deadline && present + shape.faulty_max >= shape.members;
  return in_time && present > 0 ? Grade::timely : Grade::none;
}

// ---------------------------------------------------------------------------------------------------------------------
// Values

/// What the three rules vote on besides records of bytes.
template <typename Number>
concept VotedNumber = std::same_as<Number, std::int64_t> || std::same_as<Number, double>;

/// All that lies between two ends, both of them included.
template <VotedNumber Number>
struct Interval {
  Number low{};   ///< the lower end
  Number high{};  ///< the upper end; not below `low`

  /// Whether there is a number in both.
  [[nodiscard]] constexpr bool meets(const Interval& other) const { return low <= other.high && other.low <= high; }
  /// Whether the number is in it.
  [[nodiscard]] constexpr bool holds(Number number) const { return low <= number && number <= high; }
};

/// Whether a vote may be counted: any integer, and of the doubles those that are numbers and finite.
template <VotedNumber Number>
[[nodiscard]] inline bool admissible(Number number) {
  // Neither NaN nor an infinity is between them; of integers everything is.
  return std::numeric_limits<Number>::lowest() <= number && number <= std::numeric_limits<Number>::max();
}

/// The same for an interval, whose ends must stand in order; no wider than `width_max`, where there is such a cap
/// (0 or more, in the unit of the votes).
template <VotedNumber Number>
[[nodiscard]] inline bool interval_admissible(const Interval<Number>& vote, std::optional<Number> width_max = {}) {
  if (!admissible(vote.low) || !admissible(vote.high) || vote.high < vote.low) return false;
  if (!width_max) return true;
  if constexpr (std::same_as<Number, double>) {
    return vote.high - vote.low <= *width_max;
  } else {
    // Without the overflow that the difference of two signed numbers may have.
    return *width_max >= 0 && static_cast<std::uint64_t>(vote.high) - static_cast<std::uint64_t>(vote.low) <=
                                  static_cast<std::uint64_t>(*width_max);
  }
}

/// One total order, the same on every machine: by value, and -0.0 before +0.0.
template <VotedNumber Number>
[[nodiscard]] inline bool precedes(Number left, Number right) {
  if constexpr (std::same_as<Number, double>) return std::strong_order(left, right) < 0;
  return left < right;
}

/// Whether two votes are the same one for the exact rule: to the last bit.
template <typename Value>
[[nodiscard]] inline bool same(const Value& left, const Value& right) {
  if constexpr (std::same_as<Value, double>) {
    return std::strong_order(left, right) == 0;
  } else if constexpr (requires { left.meets(right); }) {
    return same(left.low, right.low) && same(left.high, right.high);
  } else {
    return left == right;
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Rules: functions of the votes present, each member's at most once

/// The value that t+1 sent, if there is one; of several (then more than t are faulty) the one that was complete first
/// in the order of `votes`.
template <typename Value>
[[nodiscard]] std::optional<Value> exact(std::span<const Value> votes, std::uint32_t faulty_max) {
  for (std::size_t at = 0; at < votes.size(); ++at) {
    const auto until = votes.first(at + 1);
    const auto like_this =
        std::count_if(until.begin(), until.end(), [&](const Value& vote) { return same(vote, votes[at]); });
    if (static_cast<std::uint64_t>(like_this) > faulty_max) return votes[at];
  }
  return std::nullopt;
}

/// The lower median: one of the votes, never an average, which nobody may have sent. Nothing of no votes.
template <VotedNumber Number>
[[nodiscard]] std::optional<Number> lower_median(std::span<const Number> votes) {
  if (votes.empty()) return std::nullopt;
  std::vector<Number> sorted(votes.begin(), votes.end());
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>((sorted.size() - 1) / 2);
  std::nth_element(sorted.begin(), middle, sorted.end(), precedes<Number>);
  return *middle;
}

/// From the least to the greatest point that at least `covering` (1 or more) of the intervals cover; nothing if there
/// is no such point.
template <VotedNumber Number>
[[nodiscard]] std::optional<Interval<Number>> covered(std::span<const Interval<Number>> votes, std::size_t covering) {
  if (covering == 0) throw std::invalid_argument("every point is covered by no interval or more");
  // The covered set begins where one of the intervals does, and ends where one does.
  std::optional<Interval<Number>> found;
  for (const auto& vote : votes) {
    const auto covers = [&](Number point) {
      return static_cast<std::size_t>(std::count_if(
                 votes.begin(), votes.end(), [point](const auto& each) { return each.holds(point); })) >= covering;
    };
    if (covers(vote.low) && (!found || precedes(vote.low, found->low))) {
      found = {.low = vote.low, .high = found ? found->high : vote.low};
    }
    if (covers(vote.high) && (!found || precedes(found->high, vote.high))) {
      found = {.low = found ? found->low : vote.high, .high = vote.high};
    }
  }
  return found;
}

/// The interval rule for a group of this shape: nothing if too few votes are present, or if no point is covered by
/// enough, which says that more than t are faulty.
template <VotedNumber Number>
[[nodiscard]] std::optional<Interval<Number>> intersection(const Shape& shape,
                                                           std::span<const Interval<Number>> votes) {
  const auto present = static_cast<std::uint32_t>(votes.size());
  if (grade(shape, present) == Grade::none) return std::nullopt;
  // The second where it takes the deadline to know that so many tell the truth.
  const bool enough_anyway = present >= 2 * shape.faulty_max + 1;
  return covered(votes, (enough_anyway ? present : shape.members) - shape.faulty_max);
}

// ---------------------------------------------------------------------------------------------------------------------
// A round

/// What a round came to.
template <typename Value>
struct Decision {
  Grade grade = Grade::none;               ///< how sure the value is
  std::optional<Value> value;              ///< there unless the grade is none
  std::vector<std::uint32_t> present;      ///< whose votes were counted, rising
  std::vector<std::uint32_t> disagreeing;  ///< of those, rising: who cannot have told the truth if the value is right
  bool contradictory = false;              ///< enough were present, and still there is no value: more than t are faulty
};

/// The votes of one round as they come, at most one of each member: the first one.
///
/// @tparam Value  std::int64_t or double; for the interval rule Interval of one of them; for the exact rule what can
///                be copied and compared with ==
template <typename Value>
class Round {
 public:
  /// @param shape  what refusal() does not refuse; else std::invalid_argument
  explicit Round(const Shape& shape) : shape_(shape), votes_(shape.members) {
    if (const auto why = refusal(shape)) throw std::invalid_argument(*why);
    constexpr bool number = std::same_as<Value, std::int64_t> || std::same_as<Value, double>;
    constexpr bool interval = std::same_as<Value, Interval<std::int64_t>> || std::same_as<Value, Interval<double>>;
    if ((shape.rule == Rule::median && !number) || (shape.rule == Rule::interval && !interval)) {
      throw std::invalid_argument("the rule does not vote on values of this kind");
    }
  }

  /// Counts a vote; the caller has seen that it is admissible.
  ///
  /// @param member  0 to m-1; else std::invalid_argument
  /// @param vote    taken over
  /// @return whether it was counted; not where the member has voted before
  bool take(std::uint32_t member, Value vote) {
    if (member >= shape_.members) throw std::invalid_argument("the group has no such member");
    if (votes_[member]) return false;
    votes_[member] = std::move(vote);
    order_.push_back(member);
    return true;
  }

  /// k: members that have voted.
  [[nodiscard]] std::uint32_t present() const { return static_cast<std::uint32_t>(order_.size()); }
  /// The counted vote of a member (0 to m-1; else std::out_of_range), if it has voted.
  [[nodiscard]] const std::optional<Value>& vote_of(std::uint32_t member) const { return votes_.at(member); }

  /// Whether the round is over: further votes would not change its decision, or the deadline does not let them.
  ///
  /// The exact rule is over with t+1 that agree; without a deadline the others are with m-t votes, since the rest may
  /// be silent for ever; with one they are when all have voted. `deadline_passed` ends any round of a group with a
  /// deadline.
  [[nodiscard]] bool over(bool deadline_passed) const {
    if (shape_.deadline && deadline_passed) return true;
    if (present() == shape_.members) return true;
    if (shape_.rule == Rule::exact) return agreed().has_value();
    return !shape_.deadline && present() + shape_.faulty_max >= shape_.members;
  }

  /// What the votes so far come to; it is the round's decision once the round is over().
  [[nodiscard]] Decision<Value> decision() const {
    Decision<Value> made;
    made.present = order_;
    std::sort(made.present.begin(), made.present.end());
    made.value = value();
    if (made.value) {
      made.grade = shape_.rule == Rule::exact ? Grade::unconditional : grade(shape_, present());
      for (const auto member : made.present) {
        if (disagrees(*votes_[member], *made.value)) made.disagreeing.push_back(member);
      }
    } else {
      const bool enough =
          shape_.rule == Rule::exact ? present() == shape_.members : grade(shape_, present()) != Grade::none;
      made.contradictory = enough;
    }
    return made;
  }

 private:
  [[nodiscard]] std::vector<Value> votes_in_order() const {
    std::vector<Value> votes;
    for (const auto member : order_) votes.push_back(*votes_[member]);
    return votes;
  }

  [[nodiscard]] std::optional<Value> agreed() const {
    const auto votes = votes_in_order();
    return exact(std::span<const Value>(votes), shape_.faulty_max);
  }

  [[nodiscard]] std::optional<Value> value() const {
    if (shape_.rule == Rule::exact) return agreed();
    const auto votes = votes_in_order();
    if constexpr (VotedNumber<Value>) {
      if (grade(shape_, present()) == Grade::none) return std::nullopt;
      return lower_median(std::span<const Value>(votes));
    } else if constexpr (requires(const Value& vote) { vote.meets(vote); }) {
      return intersection(shape_, std::span(votes));
    } else {
      return std::nullopt;  // the constructor lets no other rule through
    }
  }

  /// Of a median nobody can be told to lie: correct members may differ.
  [[nodiscard]] bool disagrees(const Value& vote, const Value& value) const {
    if (shape_.rule == Rule::exact) return !same(vote, value);
    if constexpr (requires { vote.meets(value); }) return !vote.meets(value);
    return false;
  }

  Shape shape_;
  std::vector<std::optional<Value>> votes_;  ///< by member
  std::vector<std::uint32_t> order_;         ///< members in the order of their votes
};

}  // namespace tagma::voting
