// A member of a group: it votes round after round and asks for the results. One that is faulty does so with lies,
// twice, late, in wrong rounds, or not at all.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "messages/group.h"
#include "tagma/operation.h"
#include "test/sim/coverage.h"
#include "test/sim/options.h"
#include "test/sim/random.h"
#include "test/sim/requester.h"
#include "test/sim/scheduler.h"

namespace tagma::sim {

/// What a member does to the world.
class GroupHost {
 public:
  GroupHost() = default;
  GroupHost(const GroupHost&) = delete;
  GroupHost& operator=(const GroupHost&) = delete;
  virtual ~GroupHost() = default;

  virtual void member_sends(ClientId from, ReplicaId to, const Message& message) = 0;
  /// Members go on until this says no.
  [[nodiscard]] virtual bool members_go_on() const = 0;
  virtual void vote_asked(const std::string& group, std::uint32_t member, std::uint64_t round) = 0;
  virtual void vote_answered(const std::string& group, std::uint32_t member, std::uint64_t round, const Bytes& value,
                             Seq seq, const ServiceReply& reply) = 0;
  virtual void result_told(const std::string& group, std::uint64_t round, Seq seq, const Bytes& text) = 0;
};

class GroupMember {
 public:
  GroupMember(const SimOptions& options, const SimGroup& group, std::uint32_t member, const Membership& membership,
              Authenticator& authenticator, Coverage& coverage, Scheduler& scheduler, GroupHost& host);

  void start();
  [[nodiscard]] Requester& requester() { return requester_; }

 private:
  struct Asked {
    bool vote = false;
    std::uint64_t round = 0;
    Bytes value;
  };

  void act_later(VirtualUs delay_us);
  void act();
  void vote(std::uint64_t round);
  void ask(std::uint64_t round);
  void submit(const Words& words, Asked asked);
  void answered(RequestNumber number, Seq seq, const ServiceReply& reply);
  void note_next(const Bytes& text);
  /// What a correct member sees in this round, and what a liar says.
  [[nodiscard]] Bytes value_of(std::uint64_t round) const;
  [[nodiscard]] Bytes lie_of(std::uint64_t round);
  [[nodiscard]] bool correct() const { return group_.correct[member_]; }

  const GroupDefinition& definition() const { return group_.definition; }

  SimOptions const& options_;
  const SimGroup& group_;
  std::uint32_t member_;
  Coverage& coverage_;
  Scheduler& scheduler_;
  GroupHost& host_;
  Random random_;
  Requester requester_;
  std::map<RequestNumber, Asked> asked_;
  std::uint64_t next_vote_ = 1;    ///< the round to vote in
  std::uint64_t next_result_ = 1;  ///< the lowest round whose result is not known
  bool act_scheduled_ = false;
};

}  // namespace tagma::sim
