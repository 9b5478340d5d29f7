// Execution of decided batches, in order: exactly once and in order per session (Schneider 1990, section 2.1, O1),
// agreed time, and the services behind their contexts.
#pragma once

#include <map>
#include <vector>

#include "checkpoint/layered_state.h"
#include "messages/authenticator.h"
#include "messages/messages.h"
#include "replica/core/admin_table.h"
#include "replica/core/config.h"
#include "replica/core/group_table.h"
#include "replica/core/member_table.h"
#include "replica/core/session_table.h"
#include "replica/service/service_registry.h"

namespace tagma {

/// What executing one slot brought about.
struct Execution {
  /// Replies by session, in the order of their numbers.
  std::map<std::pair<ClientId, SessionId>, std::vector<ReplyEntry>> replies;
  std::uint64_t operations = 0;  ///< executed now
  std::uint64_t duplicates = 0;  ///< numbers that had been executed before
  std::uint64_t gaps = 0;        ///< numbers above a missing one; not executed
  std::uint64_t evictions = 0;
  std::uint64_t refused = 0;  ///< evicted sessions and operations outside the window
  std::uint64_t lives = 0;    ///< members' that began
  std::uint64_t expired = 0;  ///< rounds of groups that ended by their deadline
};

/// Deterministic: depends on the batch, the slot and the state alone.
class Executor {
 public:
  /// All references outlive this object.
  Executor(const CoreConfig& config, Authenticator& authenticator, const ServiceRegistry& services,
           LayeredState& state);

  /// Executes the batch of slot `seq`. `own_wall_us` is looked at by a mutant only: execution never reads a clock.
  [[nodiscard]] Execution execute(Seq seq, const Batch& batch, TimeUs own_wall_us);

  /// Agreed time after the last batch: max(previous, proposed). The check before a PREPARE keeps it at most
  /// clock_window_us ahead of some correct replica's clock; it never decreases, and may lag.
  [[nodiscard]] TimeUs agreed_time_us() const { return agreed_time_us_; }
  /// The state is another one now.
  void restart();
  [[nodiscard]] const SessionTable& sessions() const { return sessions_; }
  [[nodiscard]] const MemberTable& members() const { return members_; }
  [[nodiscard]] const GroupTable& groups() const { return groups_; }
  [[nodiscard]] const AdminTable& administration() const { return administration_; }

 private:
  void execute_bundle(Seq seq, const Bundle& bundle, Execution& execution);
  /// Executes `number` of the session, of which results of `reply_bytes` are kept already.
  [[nodiscard]] ReplyEntry execute_operation(Seq seq, const Bundle& bundle, RequestNumber number, ByteView operation,
                                             Session& session, std::uint64_t reply_bytes);
  /// The same at all replicas: they host what cluster.toml names.
  [[nodiscard]] std::string no_such_service(ByteView name) const;
  /// `voted` is what a group has voted, or null.
  [[nodiscard]] ServiceReply run_service(Seq seq, ClientId client, ByteView operation, const VotedInput* voted);
  [[nodiscard]] ServiceReply run_hosted(Seq seq, ClientId client, const OperationView& parts, const VotedInput* voted);
  [[nodiscard]] GroupTable::Run run_voted(Seq seq);

  const CoreConfig& config_;
  Authenticator& authenticator_;
  const ServiceRegistry& services_;
  LayeredState& state_;
  SessionTable sessions_;
  MemberTable members_;
  GroupTable groups_;
  AdminTable administration_;
  TimeUs agreed_time_us_ = 0;
};

}  // namespace tagma
