// Groups in the replicated state: definitions, votes of open rounds, results, and what is known of each member. Rounds
// of a group are decided in their order, each once; the arithmetic is replica/service/group_rules.h's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/layered_state.h"
#include "messages/group.h"
#include "replica/service/group_rules.h"
#include "tagma/operation.h"
#include "tagma/service.h"

namespace tagma {

/// The service name under which members vote and anybody asks: no other service may have it.
inline constexpr ByteView group_service = "group";

/// Deterministic; judged at execution only.
///
/// When the time of a round begins: when t+1 members have voted in it or in later ones. One of them is correct, so that
/// faulty ones cannot let rounds pass that no correct member knows of; and a round that correct members have passed
/// over is not waited for. A vote counts as long as agreed time has not come to the deadline.
class GroupTable {
 public:
  /// Executes what a group has voted and returns the answer.
  using Run = std::function<ServiceReply(const VotedInput& voted, ByteView operation)>;

  /// Groups of `configured` have their names once and no fault. Both outlive this object.
  GroupTable(LayeredState& state, const std::vector<GroupDefinition>& configured);

  /// The state is another one now.
  void restart();

  /// An operation of the group service: `vote`, `result`, `next`, `show`, `list`, `definition`.
  [[nodiscard]] ServiceReply execute(ClientId client, ByteView payload, TimeUs agreed_time_us, const Run& run);

  /// For whoever asks this replica alone: "group heat, member 2 (client 5): votes" and so on with late, disagreeing and
  /// suspected, of so many members at most.
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> member_counters(std::size_t members_max) const;

  /// Groups at once.
  static constexpr std::size_t groups_max = 64;
  [[nodiscard]] bool has(ByteView name) const { return groups_.contains(name); }
  /// A group that has this client among its members; nothing if none has.
  [[nodiscard]] std::optional<std::string> group_of(ClientId client) const;
  /// Why set() cannot be; nothing if it can.
  [[nodiscard]] std::optional<std::string> fault_of_setting(const GroupDefinition& definition) const;
  /// Lays a group down, by an ordered change. Of one that is there the rounds that are open are given up without a
  /// result, what is known of its members is forgotten, and the next round is one in which nobody could vote before; so
  /// it is where a group of this name, or another one, was removed before: a vote that was meant for what the name
  /// stood for finds its round over, and a round is never told twice.
  void set(const GroupDefinition& definition);
  /// Takes a group that is there away, with all that is kept of it.
  void remove(ByteView name);

  /// Rounds that one batch ends by their deadlines at most; what is left goes on with the next batch.
  static constexpr std::size_t expiries_max = 16;
  /// Agreed time has advanced. Returns how many rounds have ended.
  std::size_t expire(TimeUs agreed_time_us, const Run& run);
  /// Whether there is a group whose rounds end by time.
  [[nodiscard]] bool any_deadline() const;
  /// Of each group whose lowest round has its time running.
  [[nodiscard]] std::vector<std::pair<std::string, TimeUs>> deadlines() const;
  /// The agreed time at which a round ends next; none if no round has its time running.
  [[nodiscard]] std::optional<TimeUs> next_deadline_us() const;

 private:
  /// A round that has votes or may get them.
  struct OpenRound {
    TimeUs deadline_us = 0;   ///< 0: its time does not run
    std::uint64_t voted = 0;  ///< members, by bit
  };
  /// Invariant: rounds[i] is round next + i; deadlines do not fall with i; there is at least one.
  struct Group {
    GroupDefinition definition;
    std::uint64_t next = 1;   ///< the lowest round that is not over
    std::uint64_t votes = 0;  ///< counted ever: their order
    std::vector<OpenRound> rounds;
  };
  /// Of one member, kept apart: a late vote changes nothing else.
  struct MemberCounts {
    std::uint64_t votes = 0;
    std::uint64_t late = 0;
    std::uint64_t refused = 0;
    std::uint64_t disagreeing = 0;
    std::uint64_t absent = 0;
    std::uint64_t absent_in_a_row = 0;
    std::uint64_t disagreed_last = 0;  ///< the round; 0: never
  };

  [[nodiscard]] static Bytes encode(const Group& group);
  [[nodiscard]] static Group decode(ByteView bytes);
  void store(const Group& group);
  void erase_all(char prefix, ByteView name);
  /// Where a group begins that is not there: behind all rounds of those that were removed.
  [[nodiscard]] std::uint64_t floor() const;
  [[nodiscard]] Group* find(ByteView name);
  [[nodiscard]] MemberCounts counts_of(const Group& group, std::uint32_t member) const;
  void store_counts(const Group& group, std::uint32_t member, const MemberCounts& counts);
  [[nodiscard]] static bool is_suspected(const Group& group, const MemberCounts& counts);

  [[nodiscard]] ServiceReply vote(ClientId client, const Words& words, TimeUs agreed_time_us, const Run& run);
  [[nodiscard]] ServiceReply count_vote(Group& group, std::uint32_t member, std::uint64_t round, const Words& words,
                                        TimeUs agreed_time_us, const Run& run);
  [[nodiscard]] ServiceReply result(const Words& words);
  [[nodiscard]] ServiceReply show(const Words& words);
  [[nodiscard]] ServiceReply list() const;
  /// As the change that lays the group down (replica/service/admin_rules.h), escaped words with tabs between.
  [[nodiscard]] ServiceReply definition(const Words& words);
  [[nodiscard]] ServiceReply no_such_group(ByteView name) const;

  [[nodiscard]] std::vector<GroupVote> votes_of(const Group& group, std::uint64_t round) const;
  void start_times(Group& group, TimeUs agreed_time_us) const;
  /// Decides rounds from the lowest as long as they are over, so many at most. Returns how many.
  std::size_t settle(Group& group, TimeUs agreed_time_us, std::size_t ended_max, const Run& run);
  /// `by_deadline`: whoever is absent was given the whole time.
  void finish(Group& group, const GroupDecision& decision, bool by_deadline, const Run& run);
  void count_members(const Group& group, const GroupDecision& decision, bool by_deadline);

  LayeredState& state_;
  const std::vector<GroupDefinition>& configured_;
  std::map<std::string, Group, std::less<>>
      groups_;  ///< what the state says, and where it says nothing the configuration
};

namespace state_key {
[[nodiscard]] Bytes group(ByteView name);
[[nodiscard]] Bytes group_floor();
[[nodiscard]] Bytes group_vote(ByteView name, std::uint64_t round, std::uint32_t member);
[[nodiscard]] Bytes group_result(ByteView name, std::uint64_t round);
[[nodiscard]] Bytes group_member(ByteView name, std::uint32_t member);
}  // namespace state_key

}  // namespace tagma
