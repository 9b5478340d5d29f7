// Oracle 3 for groups: what members were told about their votes and rounds has one explanation by the rules of groups,
// which are written down here a second time (architecture: oracles are not the code under test).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "messages/group.h"
#include "tagma/operation.h"
#include "test/checkers/violation.h"

namespace tagma::checkers {

/// Fed with what clients accepted from f+1 replicas alike; judges when the run is over.
class GroupOracle {
 public:
  explicit GroupOracle(Verdict& verdict) : verdict_(verdict) {}

  /// `correct` by member: whose votes the value must lie between.
  void add(const GroupDefinition& definition, std::vector<bool> correct);
  /// Agreed time after a slot; the slots of a run, rising, some may be unknown.
  void agreed(Seq seq, TimeUs time_us) { agreed_us_[seq] = time_us; }
  /// A member has sent a vote: whether it counts is not known yet.
  void asked(const std::string& group, std::uint32_t member, std::uint64_t round);
  /// Its answer, from slot `seq`.
  void answered(const std::string& group, std::uint32_t member, std::uint64_t round, const Bytes& value, Seq seq,
                const ServiceReply& reply);
  /// Somebody was told a round's result, from slot `seq`.
  void told(const std::string& group, std::uint64_t round, Seq seq, const Bytes& text);

  void judge();
  /// Rounds with a value, without one, and such with liars among those present.
  struct Reached {
    std::uint64_t decided = 0;
    std::uint64_t given_up = 0;
    std::uint64_t lied_to = 0;
    std::uint64_t timely = 0;
    std::uint64_t late = 0;
  };
  [[nodiscard]] const Reached& reached() const { return reached_; }

 private:
  struct Vote {
    Bytes value;
    Seq seq = 0;
  };
  struct Result {
    Bytes text;
    Seq first_told = 0;
  };
  struct Round {
    std::map<std::uint32_t, Vote> counted;    ///< by member
    std::map<std::uint32_t, int> unanswered;  ///< votes of which nothing is known
    std::optional<Result> result;
  };
  struct Group {
    GroupDefinition definition;
    std::vector<bool> correct;
    std::map<std::uint64_t, Round> rounds;
  };

  void judge_round(const Group& group, std::uint64_t number, const Round& round);
  void judge_times(const Group& group, std::uint64_t number, const Round& round, std::size_t present);
  void judge_value(const Group& group, std::uint64_t number, const Round& round,
                   const std::set<std::uint32_t>& present);
  [[nodiscard]] std::optional<TimeUs> deadline_of(const Group& group, std::uint64_t number) const;
  void report(const Group& group, std::uint64_t round, const std::string& what);

  Verdict& verdict_;
  std::map<Seq, TimeUs> agreed_us_;
  std::map<std::string, Group> groups_;
  Reached reached_;
};

}  // namespace tagma::checkers
