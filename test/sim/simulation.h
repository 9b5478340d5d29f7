// One run: a cluster, its clients, its enemies and the oracles, all from one seed.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "test/checkers/admin_oracle.h"
#include "test/checkers/caps_oracle.h"
#include "test/checkers/execution_oracle.h"
#include "test/checkers/group_oracle.h"
#include "test/checkers/life_model.h"
#include "test/checkers/linearizability.h"
#include "test/checkers/state_oracle.h"
#include "test/checkers/violation.h"
#include "test/checkers/vote_oracle.h"
#include "test/sim/administrator.h"
#include "test/sim/adversary.h"
#include "test/sim/attacks.h"
#include "test/sim/client_door.h"
#include "test/sim/client_node.h"
#include "test/sim/coverage.h"
#include "test/sim/faulty_client.h"
#include "test/sim/group_member.h"
#include "test/sim/identities.h"
#include "test/sim/network.h"
#include "test/sim/replica_node.h"
#include "test/sim/trace.h"
#include "test/sim/twins.h"

namespace tagma::sim {

/// What a run came to.
struct RunReport {
  SimOptions options;
  bool violated = false;
  checkers::Violation violation;
  std::set<checkers::Oracle> reported;   ///< every oracle that reported anything
  std::vector<std::string> last_events;  ///< where violated
  std::uint64_t operations = 0;          ///< completed by correct clients
  std::uint64_t checkpoints = 0;         ///< stable ones
  std::uint64_t slots = 0;
  std::uint64_t events = 0;
  std::uint64_t messages = 0;
  std::uint64_t message_bytes = 0;
  VirtualUs simulated_us = 0;
  std::uint64_t trace_hash = 0;
  std::int64_t cpu_us = 0;
  Coverage coverage;
};

struct RunSwitches {
  bool print_trace = false;
  std::vector<checkers::Oracle> oracles;  ///< only these are heard; empty: all
  bool go_on = false;                     ///< do not stop at the first violation
};

class Simulation final : private ReplicaHost, private ClientHost, private GroupHost, private AdministrationHost {
 public:
  Simulation(SimOptions options, const RunSwitches& switches);
  ~Simulation() override;

  [[nodiscard]] RunReport run();
  /// The last events so far; for the report of an assertion that failed in the middle of a step.
  [[nodiscard]] std::vector<std::string> last_events() const { return trace_.last(); }
  [[nodiscard]] const SimOptions& options() const { return options_; }

 private:
  enum class Phase : std::uint8_t { work, settle, over };

  // ReplicaHost
  void send(ReplicaId from, std::optional<ReplicaId> to, const Message& message) override;
  void reply(ReplicaId from, ClientId to, SessionId session, const Message& message) override;
  void executed(ReplicaId id, const checkers::Executed& what) override;
  void recording(ReplicaId id, const Record& record) override;
  void durable(ReplicaId id, const Record& record) override;
  void checkpoint(ReplicaId id, Seq seq, const Digest& root, std::uint64_t content_hash) override;
  void alarm(ReplicaId id, const std::string& reason) override;
  void distrusts(ReplicaId id, ReplicaId against, bool distrusted) override;
  void counted(ReplicaId id, std::string_view reason) override;
  void judge_eviction(ReplicaId by);
  void stepped(ReplicaId id, std::size_t effects) override;
  void replied_early(ReplicaId id) override;
  void collected(ReplicaId id, Seq up_to, Seq base) override;
  void forgot(ReplicaId id) override;
  void read_back(ReplicaId id, const std::vector<Record>& records, Seq collected) override;
  void returned(ReplicaId id, std::uint64_t life, Seq base, std::uint64_t torn_bytes) override;
  void installed(ReplicaId id, Seq seq) override;
  void disk_failed(ReplicaId id, const std::string& reason) override;

  // ClientHost
  void client_sends(ClientId from, ReplicaId to, const Message& message) override;
  [[nodiscard]] bool wants_more() const override { return phase_ == Phase::work; }
  void session_opened(ClientId client, SessionId session) override;
  void session_closed(ClientId client, SessionId session) override;
  void submitted(const checkers::RequestKey& request, const Planned& planned) override;
  void completed(const checkers::RequestKey& request, const Planned& planned, const Completed& completed) override;
  void remembered(const checkers::RequestKey& request, std::vector<checkers::KvOperation> operations) override;
  void violated(std::string what) override { verdict_.report(checkers::Oracle::acknowledged, std::move(what)); }

  // GroupHost (groups.cpp)
  void member_sends(ClientId from, ReplicaId to, const Message& message) override { client_sends(from, to, message); }
  [[nodiscard]] bool members_go_on() const override { return phase_ == Phase::work; }
  void vote_asked(const std::string& group, std::uint32_t member, std::uint64_t round) override {
    group_oracle_.asked(group, member, round);
  }
  void vote_answered(const std::string& group, std::uint32_t member, std::uint64_t round, const Bytes& value, Seq seq,
                     const ServiceReply& reply) override {
    group_oracle_.answered(group, member, round, value, seq, reply);
  }
  void result_told(const std::string& group, std::uint64_t round, Seq seq, const Bytes& text) override {
    group_oracle_.told(group, round, seq, text);
  }
  void begin_groups();
  /// Whoever has this number: a member of a group, or somebody whom administration is about; null if nobody has.
  [[nodiscard]] Requester* requester_with(ClientId id) const;
  void learn_agreed_time(Seq seq, const Digest& digest);
  void judge_groups();

  // AdministrationHost (administration.cpp)
  void requester_sends(ClientId from, ReplicaId to, const Message& message) override {
    client_sends(from, to, message);
  }
  [[nodiscard]] bool administration_goes_on() const override { return phase_ == Phase::work; }
  void change_wanted(AdminId administrator, const Words& change) override {
    admin_oracle_.wanted(administrator, change);
  }
  void administrator_told(Seq seq, const ServiceReply& reply) override;
  void probe_told(Seq seq, const ServiceReply& reply) override { admin_oracle_.probed(seq, reply); }
  void newcomer_told(Seq seq, const ServiceReply& reply) override;
  void usurper_told(const ServiceReply& reply) override;
  void begin_administration();
  /// A client that was removed, or not added yet.
  [[nodiscard]] bool may_stay_unanswered(ClientId id) const;
  void judge_administration();

  /// The second process of one replica's key.
  struct SecondTwin final : TwinHost {
    explicit SecondTwin(Simulation& of) : simulation(of) {}
    void send(ReplicaId from, std::optional<ReplicaId> to, const Message& message) override {
      simulation.twin_sends(Twin::second, from, to, message);
    }
    void reply(ReplicaId from, ClientId to, SessionId /*session*/, const Message& message) override {
      simulation.twin_replies(Twin::second, from, to, message);
    }
    Simulation& simulation;
    std::unique_ptr<ReplicaNode> node;
  };
  void twin_sends(Twin which, ReplicaId from, std::optional<ReplicaId> to, const Message& message);
  void twin_replies(Twin which, ReplicaId from, ClientId to, const Message& message);
  void transmit_of_twin(Twin which, ReplicaId from, const Principal& to, const Message& message);

  // Clients and their connections (client_traffic.cpp)
  void door_reopens(ReplicaId at);
  void connect_later(const ClientConnection& connection, ReplicaId at, VirtualUs delay_us);
  void shake_hands_again(const ClientConnection& connection, ReplicaId at);
  [[nodiscard]] bool passes_door(ClientId from, ReplicaId at, const Message& message);
  [[nodiscard]] bool leaves_by(const ClientDoor::Way& way, ReplicaId from, ClientId to, SessionId session);
  [[nodiscard]] std::size_t all_clients() const;
  [[nodiscard]] bool is_faulty_client(ClientId client) const;
  void faulty_client_connects(ClientId client);
  void remember_a_name(ReplicaId at);
  void ask_for_report();
  void check_report(ReplicaId from, const Report& report);

  // Network
  void transmit(const Principal& from, const Principal& to, const std::shared_ptr<Packet>& packet,
                const Message* message);
  /// Whether an attack lets a faulty replica say anything to `to` (X1).
  [[nodiscard]] bool may_leave(const Principal& from, const Principal& to);
  void note_silence(ReplicaId id, const std::set<ReplicaId>& left_out);
  void deliver(const Principal& from, const Principal& to, const std::shared_ptr<Packet>& packet);
  void learn_new_view(const NewView& message);
  void agreed_time_bound(ReplicaId id);
  void vote_leaves(ReplicaId from, const Message& message);
  void check_life(ReplicaId from, Seq seq);
  void learn_lives(ReplicaId from, Seq seq);
  void trace(std::string_view what, const Principal& who, const Principal* peer, const Message& message);
  void note(std::string_view what, std::string_view about, const Principal& who, Seq seq = 0,
            const Digest* digest = nullptr);

  // Phases and faults (faults.cpp)
  void schedule_faults();
  void perform_due_faults();
  void cut_something();
  void bridge_a_partition();
  void cut_for(const Principal& from, const Principal& to, VirtualUs duration_us);
  [[nodiscard]] ReplicaId primary() const;
  void crash_one();
  void move_a_clock();
  void restart_something();
  void restart(ReplicaId id);
  void lose_something();
  [[nodiscard]] bool impaired(ReplicaId id);
  void damage_something(ReplicaId id);
  void enemies_act();
  /// A liar's message, as its attacks bend it.
  void liar_sends(ReplicaId from, ReplicaId to, const Message& message);
  void liar_sends(ReplicaId from, const Outgoing& outgoing);
  /// Of the correct replicas that nothing is wrong with n-f stay, healed; whatever else there is fails for ever.
  void leave_the_core_alone();
  void tick();
  [[nodiscard]] bool work_is_done() const;
  [[nodiscard]] View view_of_quorum() const;
  /// By when everything that is pending has its answer, once the faults are over.
  [[nodiscard]] VirtualUs settled_within_us() const;
  [[nodiscard]] bool settled() const;
  void explain_what_hangs();
  void judge_history();
  [[nodiscard]] std::uint64_t stable_checkpoints() const;
  [[nodiscard]] bool correct(ReplicaId id) const { return !options_.is_liar(id); }
  [[nodiscard]] RunReport report() const;

  SimOptions options_;
  bool go_on_;
  checkers::Verdict verdict_;
  Trace trace_;
  Coverage coverage_;
  Scheduler scheduler_;
  Identities identities_;
  Network network_;
  Random random_;
  Random clock_random_;   ///< drawn apart, so that other draws stay as they were
  Random bridge_random_;  ///< the same
  Random door_random_;    ///< the same
  Conspiracy conspiracy_;
  Workload workload_;

  checkers::ExecutionOracle execution_oracle_;
  checkers::StateOracle state_oracle_;
  std::uint64_t steps_ = 0;
  checkers::VoteOracle vote_oracle_;
  checkers::CapsOracle caps_oracle_;
  checkers::LifeModel life_model_;
  checkers::GroupOracle group_oracle_;
  checkers::AdminOracle admin_oracle_;
  std::map<Seq, std::map<Digest, TimeUs>> proposed_us_;  ///< of slots that nobody has executed yet
  TimeUs agreed_us_ = 0;                                 ///< after the highest slot that anybody has executed
  bool agreed_known_ = true;
  /// Batches with REJOINs that correct replicas recorded, by slot and digest, until the model has been told of the
  /// slot.
  std::map<Seq, std::map<Digest, std::vector<Rejoin>>> rejoins_;
  std::map<Seq, Digest> decided_;  ///< what was decided for those slots, as far as it is known
  Seq lives_learnt_ = 0;           ///< the highest slot that anybody has executed

  std::vector<std::unique_ptr<ReplicaNode>> replicas_;
  std::vector<Seq> executed_;           ///< by replica, as of the last step
  std::vector<View> active_view_;       ///< by replica, the last one that it was in
  std::vector<VirtualUs> returned_us_;  ///< by replica, when it came back last
  std::vector<Seq> executed_ever_;      ///< by replica, of all its lives
  Seq committed_ = 0;                   ///< the highest slot that a correct replica has executed
  std::vector<Seq> certificate_ever_;   ///< by replica, of all its lives
  std::vector<Seq> installed_;          ///< the checkpoint that each last took from others
  std::map<ReplicaId, LyingReplica> liars_;
  std::map<ReplicaId, Attacks> attacks_;  ///< of the same
  std::map<ReplicaId, SecondTwin> twins_;
  std::map<ReplicaId, TwinSides> sides_;  ///< of the same
  std::vector<std::unique_ptr<ClientNode>> clients_;
  std::vector<std::unique_ptr<FaultyClient>> faulty_clients_;
  std::vector<std::unique_ptr<GroupMember>> members_;  ///< of groups
  Agenda agenda_;
  std::vector<std::unique_ptr<Administrator>> administrators_;
  std::vector<std::unique_ptr<ProbingClient>> probing_;
  std::map<ClientId, Requester*> requesters_;                                    ///< all of these
  std::vector<std::pair<checkers::RequestKey, checkers::KvOperation>> history_;  ///< sessions one after another

  std::vector<ClientDoor> doors_;           ///< by replica
  std::set<ClientConnection> connections_;  ///< of correct clients: one for each session, to all replicas
  /// When a connection may shake hands with a replica again.
  std::map<std::pair<ClientConnection, ReplicaId>, VirtualUs> shakes_again_us_;
  std::map<ClientId, std::uint64_t> asks_by_;            ///< the connection by which a correct client asks for reports
  std::map<ClientId, std::uint64_t> faulty_connection_;  ///< the one opened last
  std::vector<std::pair<ReplicaId, Bytes>> borrowable_;  ///< how a socket names, or named, connections

  Phase phase_ = Phase::work;
  VirtualUs settle_us_max_ = 0;  ///< how long the settling may take
  VirtualUs phase_began_us_ = 0;
  std::uint64_t completed_ = 0;
  std::uint64_t reports_asked_ = 0;
  std::uint64_t sessions_opened_ = 0;
  std::vector<std::uint64_t> cuts_due_;         ///< at how many completed operations, falling
  std::vector<std::uint64_t> bridges_due_;      ///< the same
  std::vector<std::uint64_t> crashes_due_;      ///< the same
  std::vector<std::uint64_t> restarts_due_;     ///< the same
  std::vector<std::uint64_t> losses_due_;       ///< the same
  std::vector<std::uint64_t> clock_jumps_due_;  ///< the same
  /// What a correct replica has lost and not made up for.
  struct Lost {
    bool memory = false;  ///< of its votes
    bool state = false;
    Seq state_after = 0;  ///< slot of the state that it had
  };
  std::vector<Lost> losses_;  ///< by replica
};

}  // namespace tagma::sim
