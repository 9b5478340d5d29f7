// The inside of ReplicaCore, shared by its source files:
//   replica_core.cpp    events, requests of clients, proposing
//   normal_case.cpp     PRE-PREPARE, PREPARE, COMMIT, execution in order
//   stability.cpp       checkpoint votes, certificates, collection of the log
//   retransmission.cpp  status exchange, decided slots for those behind, missing batches
//   inspection.cpp      what administrators ask about the state
//   restart.cpp         the memory of an earlier process
//   rejoin.cpp          the lives of the members: this replica's after a loss of memory, and the others'
//   transfer.cpp        taking the state from others, and being a source of it
//   view_change.cpp     VIEW-CHANGEs and NEW-VIEWs: how a view is left and how one is entered
//   view_timing.cpp     when a view is left for its primary's sake
//   primary_watch.cpp   how the primary is held to its work
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "messages/messages.h"
#include "messages/vote_set.h"
#include "replica/core/doubts.h"
#include "replica/core/evidence.h"
#include "replica/core/executor.h"
#include "replica/core/lenience.h"
#include "replica/core/member_table.h"
#include "replica/core/primary_account.h"
#include "replica/core/recent_history.h"
#include "replica/core/replica_core.h"
#include "replica/core/request_pool.h"
#include "replica/core/slot_log.h"
#include "replica/core/state_fetcher.h"

namespace tagma {

class ReplicaCore::Implementation {
 public:
  Implementation(CoreConfig config, Authenticator& authenticator, const ServiceRegistry& services,
                 const StateReader& store, const std::vector<Record>& records);

  [[nodiscard]] Effects step(const Now& now, Event event);
  [[nodiscard]] CoreView view() const;
  [[nodiscard]] CoreHeld held() const;
  [[nodiscard]] const LayeredState& state() const { return state_; }
  [[nodiscard]] std::optional<Digest> executed_digest(Seq seq) const;

 private:
  /// An own vote that counts once its persist effect is durable.
  struct OwnVote {
    enum class Kind : std::uint8_t { prepare, commit, certificate, view };
    PersistNumber after = 0;
    Kind kind = Kind::prepare;
    Seq seq = 0;
    Ballot ballot;
  };

  /// What is known of another replica's progress, from its own statements.
  struct Peer {
    bool heard = false;  ///< by this process
    Seq executed = 0;
    Seq certificate = 0;
    MonotonicUs certificate_sent_us = 0;
    MonotonicUs rejoin_judged_us = 0;  ///< when the signature of its REJOIN was last checked; 0: never
    MonotonicUs helped_us = 0;         ///< when its STATUS was last answered; 0: never
    /// Of decided slots above those that every answer tells again: how many it may still be told of, earned by what is
    /// executed here; up to where it was told.
    Seq slots_to_tell = 0;
    Seq told_up_to = 0;
    /// What it had executed, and what had been executed here, at the last answer; answers in a row before which it had
    /// executed no more than what each tells again.
    Seq executed_when_answered = 0;
    Seq executed_here_when_answered = 0;
    std::uint32_t answers_without_gain = 0;
    MonotonicUs stays_us = 0;  ///< when it last said that it votes in a view below the own; 0: never
    /// Since when, and when last, it has said that it waits for a view above the own; 0: it does not say so.
    MonotonicUs waits_above_since_us = 0;
    MonotonicUs waits_above_us = 0;
    /// When it was last sent that the primary it stays with has given the view up; 0: never.
    MonotonicUs passed_on_us = 0;
    std::uint32_t yielded = 0;   ///< doublings of the time after which this replica gives its view up for it
    MonotonicUs yielded_us = 0;  ///< when it last did, or took back a doubling
    MonotonicUs batches_since_us = 0;
    std::size_t bytes_sent = 0;  ///< bytes of batches sent to it again since batches_since_us
    MonotonicUs new_views_since_us = 0;
    std::uint32_t new_views_sent = 0;  ///< NEW-VIEWs that it was sent again since new_views_since_us
    MonotonicUs judged_since_us = 0;
    struct Asked {
      MonotonicUs at_us = 0;
      std::uint32_t times = 0;
    };
    std::map<NewViewName, Asked> asked_new_views;  ///< of those that its newest VIEW-CHANGE names
    View told_view = 0;                            ///< whose NEW-VIEW it was last sent because of its STATUS
    MonotonicUs told_view_us = 0;
    MonotonicUs tell_view_again_us = 0;
    std::uint32_t judged = 0;  ///< VIEW-CHANGEs and NEW-VIEWs of it whose signatures were checked since judged_since_us
  };

  /// What somebody was sent at request and the allowed rate has not made up for yet.
  struct SendBudget {
    MonotonicUs updated_us = 0;
    std::uint64_t owed_bytes = 0;
  };

  /// Of a replica whose new life is not ordered yet.
  struct PendingRejoin {
    Rejoin rejoin;
    Seq proposed = 0;              ///< primary: the slot at which it stands; 0: none
    MonotonicUs due_since_us = 0;  ///< since when it may be ordered; 0: it may not
    MonotonicUs relayed_us = 0;
  };

  /// A NEW-VIEW that made this replica drop something that it had recorded, of slots up to `last`.
  struct DroppedBy {
    SharedNewView new_view;
    Seq last = 0;
  };

  /// A NEW-VIEW that this replica acted under, and what it chose.
  struct ActedView {
    SharedNewView new_view;
    Digest digest;
    ViewChoices choices;
  };

  /// The state is being taken from others.
  struct Transfer {
    enum class Phase : std::uint8_t {
      reading_staged,  ///< before anybody is asked: it may take longer than a lease that nobody uses
      leasing,         ///< who keeps which checkpoint? Until the target is chosen, execution may still catch up
      fetching,        ///< from here on nothing is executed: the state below would move
      installing,
    };
    Phase phase = Phase::reading_staged;
    MonotonicUs since_us = 0;
    MonotonicUs told_us = 0;        ///< when the last line about it was written
    std::uint64_t nonce = 0;        ///< of the last question for a lease
    std::uint64_t parts_nonce = 0;  ///< of the last question for parts
    MonotonicUs next_query_us = 0;
    MonotonicUs leased_us = 0;                           ///< when the first lease came; 0: none has
    std::map<ReplicaId, std::uint64_t> judged_leases;    ///< the nonce of the last one from each
    std::map<ReplicaId, std::pair<Seq, Digest>> leases;  ///< who keeps which checkpoint
    /// Authentic votes for the checkpoints that are kept.
    std::map<std::pair<Seq, Digest>, std::map<ReplicaId, CheckpointVote>> votes;
    std::map<ReplicaId, std::uint64_t> content_bytes;  ///< as they say
    std::pair<Seq, Digest> target;
    std::map<ReplicaId, MonotonicUs> avoided_until_us;  ///< who lied, or was too slow
    MonotonicUs review_us = 0;                          ///< when the rate was last looked at
    std::uint64_t reviewed_bytes = 0;
    StagedPieces staged;  ///< that were read, for the next target
    std::optional<StateFetcher> fetcher;
    std::vector<VerifiedPiece> waiting;  ///< to be staged next
    std::size_t waiting_bytes = 0;
    bool staging = false;
    std::size_t staging_bytes = 0;
    MonotonicUs staging_since_us = 0;
  };
  struct TransferTarget {
    std::pair<Seq, Digest> seq_and_root;
    std::set<ReplicaId> sources;
  };

  /// A checkpoint that is kept for others, with what proves it.
  struct Lease {
    std::unique_ptr<StateReader> reader;
    CheckpointCertificate votes;  ///< for it, as they were last told
    MonotonicUs since_us = 0;
    MonotonicUs used_us = 0;
    [[nodiscard]] Seq seq() const { return reader->seq(); }
  };

  // Events (replica_core.cpp)
  void on(const Started& event);
  void on(Received& event);
  void on(const Persisted& event);
  void on(const CheckpointWritten& event);
  void on(StagedRead& event);
  void on(const PiecesStaged& event);
  void on(const StateInstalled& event);
  void on(const InputDrained& event);
  void on(const Woken& event);

  // The memory of an earlier process (restart.cpp)
  void restore(const std::vector<Record>& records);
  void restore(const RecordPrePrepared& record);
  void restore(const RecordPrepared& record);
  void restore(const RecordCertificate& record);
  void restore(const RecordStanding& record);
  void restore(const RecordDecided& record);
  void restore(const RecordView& record);
  /// The latest of these that the last NEW-VIEW has not dropped.
  [[nodiscard]] bool is_dropped_by_acted(Seq seq, const Ballot& ballot) const;
  void restore(const RecordNewView& record);
  /// The view that the records leave this replica in.
  void settle_restored_view();
  void begin_in_view();
  /// The slot that a record of an earlier life speaks of, with the record's batch.
  [[nodiscard]] Slot& slot_to_restore(Seq seq, const Digest& digest, const SharedBatch& batch);
  /// Counts the own votes, which are durable. Slots that need no log any more promise nothing and go; the batches that
  /// the durable state covers stay for those behind.
  void settle_restored_slots();
  /// Executes what is known to be decided. Nobody is answered: those who asked ask again.
  void replay();
  void vote_again_for_checkpoints();

  // Messages. The sender of each but Submit and the queries is a replica in its current incarnation.
  void receive(const Sender& from, Submit& message);
  void receive(const Sender& from, PrePrepare& message);
  void receive(const Sender& from, Prepare& message);
  void receive(const Sender& from, Commit& message);
  void receive(const Sender& from, CheckpointVote& message);
  void receive(const Sender& from, CheckpointCertificate& message);
  void receive(const Sender& from, Status& message);
  void receive(const Sender& from, Decided& message);
  void receive(const Sender& from, FetchBatch& message);
  void receive(const Sender& from, BatchBody& message);
  void receive(const Sender& from, ReportQuery& message);
  void receive(const Sender& from, Replies& message);
  void receive(const Sender& from, Refusal& message);
  void receive(const Sender& from, Report& message);
  void receive(const Sender& from, HistoryQuery& message);
  void receive(const Sender& from, History& message);
  void receive(const Sender& from, StateNodesQuery& message);
  void receive(const Sender& from, StateNodes& message);
  void receive(const Sender& from, StateKeysQuery& message);
  void receive(const Sender& from, StateKeys& message);
  void receive(const Sender& from, StateValuesQuery& message);
  void receive(const Sender& from, StateValues& message);
  void receive(const Sender& from, StateLeaseQuery& message);
  void receive(const Sender& from, StateLease& message);
  void receive(const Sender& from, StatePartsQuery& message);
  void receive(const Sender& from, StateParts& message);
  void receive(const Sender& from, Rejoin& message);
  void receive(const Sender& from, ViewChange& message);
  [[nodiscard]] bool gives_up_own_view(const ViewChangeStatement& content) const;
  void doubt_primary();
  void consider_doubts();
  void receive(const Sender& from, NewView& message);
  void receive(const Sender& from, FetchNewView& message);

  // Requests and proposing (replica_core.cpp)
  /// Whether a bundle needs no ordering: evicted, or executed before. Answers it, if it came from its client.
  [[nodiscard]] bool answer_without_ordering(const Sender& from, const Bundle& bundle);
  /// Whether the budget has room for one more answer.
  [[nodiscard]] bool may_send_more(SendBudget& budget, std::size_t bytes_per_second);
  void admit(const Sender& from, const std::shared_ptr<const SignedBundle>& bundle);
  [[nodiscard]] std::optional<RefusalReason> judge_bundle(const Bundle& bundle) const;
  void refuse(const Sender& from, const Bundle& bundle, RefusalReason reason);
  void review_clients();
  [[nodiscard]] SessionProgress progress_of(const Bundle& bundle) const;
  [[nodiscard]] bool signature_holds(const SignedBundle& bundle);
  [[nodiscard]] bool is_primary() const { return config_.membership.primary(view_) == config_.id; }
  void propose();
  /// Whether this replica leads, has something to propose and may have one more slot in flight.
  [[nodiscard]] bool has_free_slot() const;
  [[nodiscard]] bool time_is_to_be_told() const;
  [[nodiscard]] bool may_propose_now() const;
  [[nodiscard]] MonotonicUs batch_wait_us() const;
  void skip_taken_slots();
  void propose_batch();
  [[nodiscard]] SharedBatch make_batch(std::vector<Rejoin> rejoins);

  // Normal case (normal_case.cpp)
  /// Whether a vote on this slot counts: above the stable checkpoint, at most L above it.
  [[nodiscard]] bool in_window(Seq seq) const {
    return seq > certificate_ && seq - certificate_ <= config_.window && has_room(seq);
  }
  /// Whether this replica may hold the slot. One whose own checkpoints lag behind the others' stops here instead of
  /// holding ever more of its log.
  /// Of one whose state is lost a half is for the slots that it executes again.
  [[nodiscard]] bool has_room(Seq seq) const {
    return seq <= collected_ + (executed_ < collected_ ? 1 : 2) * config_.window;
  }
  /// Whether every bundle of the batch is one that this cluster's clients signed. One of a client that this replica
  /// does not know may be of one that was added in a slot which it has not executed yet.
  enum class Authenticity : std::uint8_t { authentic, forged, client_unknown };
  [[nodiscard]] Authenticity authenticity_of(Seq seq, const Batch& batch);
  [[nodiscard]] bool in_clock_window(const Batch& batch) const;
  /// Records the batch for (view, seq) and sends PREPARE: the record is durable before the vote leaves or counts.
  void record(Seq seq, Slot& slot, View view, const Digest& digest, const SharedBatch& batch);
  /// Accepts a PRE-PREPARE whose time was too far ahead, once the own clock has come near or others vouch for it, and
  /// one that came before this life might vote.
  void reconsider_withheld(Seq seq, Slot& slot);
  [[nodiscard]] bool lacks_proposal(Seq seq, const Slot& slot) const;
  void note_vouched(Seq seq, Slot& slot);
  void compare_with_others(Seq seq);
  /// What f+1 others have PREPAREd in the own view, where no proposal of it came here.
  [[nodiscard]] std::optional<Digest> vouched_for(Seq seq, const Slot& slot) const;
  void record_vouched(Seq seq, Slot& slot);
  void reconsider_all_withheld();
  /// What is known to have been PREPAREd by a quorum in the own view: by its PREPAREs, or by f+1 COMMITs, one of which
  /// a correct replica sent after it had seen those PREPAREs.
  [[nodiscard]] std::optional<Ballot> known_prepared(const Slot& slot) const;
  void check_prepared(Seq seq, Slot& slot);
  void check_decided(Seq seq, Slot& slot);
  void decide(Seq seq, Slot& slot, const Digest& digest);
  void execute_decided();
  [[nodiscard]] bool may_skip_checkpoint(Seq seq) const;
  void execute(Seq seq, const Digest& digest, const SharedBatch& batch);
  /// `durably`: before the checkpoint that ends with it, so that the state on disk is never ahead of the log.
  void remember_decision(Seq seq, const Digest& digest, const SharedBatch& batch, bool durably);
  void reply(const Execution& execution);
  void forget_executed(const Execution& execution, const Batch& batch);

  // Checkpoints (stability.cpp)
  [[nodiscard]] bool checkpoint_vote_is_authentic(const CheckpointVote& vote);
  [[nodiscard]] CheckpointVote signed_vote_for(const StateRoot& checkpoint) const;
  void vote_for_checkpoint(const CheckpointWritten& event);
  void count_checkpoint_vote(const CheckpointVote& vote);
  /// Whether a quorum signed it; counts why not.
  [[nodiscard]] bool certificate_holds(const CheckpointCertificate& certificate);
  void adopt_certificate(CheckpointCertificate certificate);
  void found_divergence();
  void found_old_disk();
  [[nodiscard]] bool is_forgotten_vote_in(const CheckpointCertificate& certificate) const;
  void compare_with_certificate();
  void collect_log();

  // Lives (rejoin.cpp)
  /// Whether the slot is this life's to vote on. One that has lost its memory may have voted there in its earlier life.
  [[nodiscard]] bool may_vote_on(Seq seq) const;
  /// Whether this life has been ordered, or is the first.
  [[nodiscard]] bool life_is_ordered() const { return own_life().nonce == config_.life_nonce; }
  [[nodiscard]] const MemberLife& own_life() const { return lives_[config_.id]; }
  /// Whether this replica votes on every slot to come, and nothing that it forgot matters any more.
  [[nodiscard]] bool remembers_enough() const { return life_is_ordered() && certificate_ >= own_life().boundary; }
  [[nodiscard]] bool may_lead() const;
  /// The state has changed: who lives.
  void read_lives();
  void review_lives();
  void look_after_rejoin();
  [[nodiscard]] bool is_rejoin_of_member(const Rejoin& rejoin) const;
  [[nodiscard]] bool rejoin_is_authentic(const Rejoin& rejoin);
  void give_up_lost_primary(ReplicaId replica);
  void tell_if_too_many_rejoin();
  /// The REJOINs that begin a life if they are proposed next.
  [[nodiscard]] std::vector<Rejoin> take_due_rejoins(Seq seq);
  [[nodiscard]] bool is_due(const PendingRejoin& pending) const;
  [[nodiscard]] bool has_due_rejoin() const;
  /// For whom slots must be ordered although nobody asks for anything: whose boundary is to be passed, or whose REJOIN
  /// waits for a later slot.
  [[nodiscard]] bool needs_null_batches(ReplicaId replica) const;
  /// When the next one may be proposed for somebody; nothing if nobody needs one.
  [[nodiscard]] std::optional<MonotonicUs> null_batch_due_us() const;
  void charge_null_batch();

  // State transfer (transfer.cpp)
  [[nodiscard]] bool is_stuck_behind() const;
  /// Begins one where it is needed, and moves it on.
  void look_after_transfer();
  void ask_for_leases(MonotonicUs interval_us);
  void seek_leases();
  [[nodiscard]] bool take_lease(ReplicaId from, StateLease& message);
  void reconsider_sources(ReplicaId from);
  [[nodiscard]] std::optional<TransferTarget> best_target() const;
  void choose(const TransferTarget& target);
  void discard_staged();
  void avoid(ReplicaId source, MonotonicUs duration_us);
  void fetch_parts();
  void stage_waiting();
  void install_if_staged();
  [[nodiscard]] bool is_too_slow();
  void seek_new_target(std::string_view why);
  void forget_executed(ClientId client, SessionId session);
  /// Whether the state is about to become another one.
  [[nodiscard]] bool state_is_given_up() const {
    return diverged_ || (transfer_ && transfer_->phase >= Transfer::Phase::fetching);
  }
  /// The highest slot whose state is of no use to take.
  [[nodiscard]] Seq useless_up_to() const { return diverged_ ? base_ - 1 : executed_; }
  [[nodiscard]] bool needs_state() const { return diverged_ || certificate_ > executed_; }
  /// For whoever looks after this replica: the keys in which its own state was another one.
  void tell_differences(const VerifiedPiece& verified);
  void grant_leases();
  void end_lease_in_time();
  [[nodiscard]] MonotonicUs lease_end_us() const;
  [[nodiscard]] CheckpointCertificate votes_for(Seq seq) const;
  /// What the cluster began with, which is stable although nobody has voted for it.
  [[nodiscard]] bool is_beginning(const StateRoot& checkpoint) const {
    return checkpoint == StateRoot{config_.genesis_slot, config_.genesis_root};
  }
  [[nodiscard]] std::size_t fill(StateParts& parts, const std::vector<StateQuestion>& places) const;
  [[nodiscard]] MonotonicUs transfer_wake_us() const;
  /// How far a transfer is, for whoever asks.
  void report_transfer(Report& report) const;

  // View changes (view_change.cpp)
  /// Which life of the replica votes on the slot; nothing where what is executed here does not tell.
  [[nodiscard]] std::optional<Incarnation> voter_of(ReplicaId replica, Seq seq) const;
  /// Whether a quorum of the active view's VIEW-CHANGEs is of those who vote on the slot. Otherwise what was decided
  /// there before the view is not known to it, and nobody may vote in it.
  [[nodiscard]] bool view_supports(Seq seq) const;
  [[nodiscard]] bool supports(const NewView& new_view, Seq seq) const;
  [[nodiscard]] bool may_vote_in_view(Seq seq) const;
  [[nodiscard]] DecisionRules decision_rules() const;
  [[nodiscard]] std::optional<ViewChoices> decide_among(
      const std::vector<const ViewChangeStatement*>& statements) const;
  [[nodiscard]] std::optional<ViewChoices> choices_of(const NewView& message) const;
  /// Leaves the view for the next one; counts why.
  void suspect(std::string_view why);
  void change_view(View target, std::string_view why);
  void issue_view_change();
  [[nodiscard]] ViewChangeStatement own_view_change() const;
  void resend_view_change();
  /// Whether one more signed message of this peer may be judged now; counts it.
  [[nodiscard]] bool may_judge(Peer& peer);
  [[nodiscard]] bool view_change_is_authentic(const ViewChange& message);
  [[nodiscard]] bool certificate_of_view_change_holds(const ViewChange& message);
  /// The views above this one that others want, rising.
  [[nodiscard]] std::vector<View> wanted_views(View above) const;
  [[nodiscard]] std::optional<std::string_view> reason_to_give_up_primary() const;
  void consider_view_changes();
  void begin_own_view();
  void fetch_new_views();
  [[nodiscard]] bool has_asked_for(const NewViewName& name) const;
  [[nodiscard]] NewViewName acted_name() const;
  void note_dropped(const NewViewName& name, const SharedNewView& new_view, Seq last);
  [[nodiscard]] bool may_send_new_view(ReplicaId to);
  [[nodiscard]] bool new_view_is_sound(const NewView& message);
  [[nodiscard]] bool is_forgotten_view_in(const NewViewStatement& content) const;
  void prune_by_fetched(const SharedNewView& message, const NewViewName& name);
  /// Drops the P and Q entries of lower views that the view does not choose; the highest slot that had one, or 0.
  Seq prune(const NewView& new_view, const ViewChoices& choices);
  /// Bodies of batches that nothing names any more, and that the view (null: none) has not chosen.
  static void drop_unnamed_batches(Slot& slot, const Digest* choice);
  void enter_pending();
  void enter(ActedView entered);
  void open_slots_of_view();
  void open_chosen(Seq seq, const Digest& digest);
  void note_ordered_by_choices();
  /// Records and PREPAREs what the view chose, where it can.
  void accept_chosen();
  void pass_on_given_up(ReplicaId to, const Status& status);
  void answer_status_of_view(ReplicaId to, const Status& status);

  // The primary's time (view_timing.cpp)
  [[nodiscard]] bool may_change_views() const;
  [[nodiscard]] MonotonicUs view_timeout_us() const;
  /// Takes note that this view has not got anything done, if that is so.
  void note_fruitless_view();
  void note_lonely_suspicion();
  [[nodiscard]] bool leads_without_one() const;
  [[nodiscard]] bool yields();
  void begin_timing();
  void begin_waiting_anew();
  void note_deadlines();
  [[nodiscard]] bool end_is_overdue() const;
  void note_heard(ReplicaId from);
  [[nodiscard]] bool has_heard_a_quorum() const;
  void notice_pause();
  [[nodiscard]] bool is_behind();
  [[nodiscard]] MonotonicUs patience_us(const RequestPool::Waiting& waiting) const;
  void measure_rate();
  [[nodiscard]] std::optional<MonotonicUs> slot_waiting_since_us() const;
  /// What the primary has let wait for too long.
  [[nodiscard]] std::optional<std::string_view> overdue(const std::vector<RequestPool::Waiting>& requests) const;
  [[nodiscard]] bool has_timed() const;
  [[nodiscard]] MonotonicUs timing_interval_us() const;
  [[nodiscard]] MonotonicUs next_timing_us() const;
  void look_after_primary();
  void note_due();
  void relay_waiting(const std::vector<RequestPool::Waiting>& requests);
  void pass_waiting_on();

  // The primary's work (primary_watch.cpp)
  [[nodiscard]] MonotonicUs round_us() const;
  [[nodiscard]] MonotonicUs watched_now() const;
  void begin_watching();
  [[nodiscard]] MonotonicUs resending_us() const;
  void stop_watching();
  /// What this view has proposed for the slot, if anything; null where it is not here.
  [[nodiscard]] std::optional<SharedBatch> proposed_in_view(Seq seq, const Slot& slot) const;
  [[nodiscard]] Seq proposals_known_up_to() const;
  [[nodiscard]] bool next_slot_is_free() const;
  [[nodiscard]] std::vector<RequestPool::Waiting> worth_pressing(std::vector<RequestPool::Waiting> waiting) const;
  [[nodiscard]] std::vector<UnproposedRequest> unproposed(const std::vector<RequestPool::Waiting>& waiting) const;
  void press_on_primary(std::vector<UnproposedRequest> requests);
  [[nodiscard]] MonotonicUs take_wasted(MonotonicUs step_us);
  [[nodiscard]] std::optional<MonotonicUs> waits_for_next_since_us() const;
  void hold_to_work(std::vector<RequestPool::Waiting> waiting);
  void note_stirred(Seq seq);
  void note_proposal(Seq seq, const Batch& batch);
  void excuse_refusal_of(Seq seq);
  void note_slot_time(const Slot& slot);
  [[nodiscard]] bool is_behind_clock(TimeUs time_us, std::uint32_t doublings) const;
  [[nodiscard]] bool is_behind_clock(const Batch& batch) const;
  void note_proposed_time(const Batch& batch);
  void note_old_time(const Batch& batch);
  [[nodiscard]] bool holds_time_back() const;
  [[nodiscard]] bool time_is_acceptable(const Batch& batch) const;

  // Retransmission (retransmission.cpp)
  void note_votes_held(ReplicaId by, const Status& status);
  [[nodiscard]] bool unfinished() const;
  [[nodiscard]] Status own_status() const;
  void send_status();
  void answer_status_of_executed(ReplicaId to, const Status& status);
  /// Tells of one decided slot; false where this replica cannot, or should not yet.
  bool tell_decided(ReplicaId to, Seq seq);
  [[nodiscard]] std::optional<Digest> decided_in_log(Seq seq) const;
  void answer_status_in_flight(ReplicaId to, const Status& status);
  /// Whether this peer may be sent one more batch now; counts it.
  [[nodiscard]] bool may_send_batch(ReplicaId to, std::size_t bytes);
  /// Sends what `theirs` lacks of the own messages for a slot; whether anything was sent.
  [[nodiscard]] bool send_slot_again(ReplicaId to, Seq seq, const Slot& slot, const SlotStatus& theirs);
  void answer_status_of_checkpoints(ReplicaId to, const Status& status);
  /// Asks for the batches of slots that are decided, or that a quorum PREPAREd, or after a while f+1 others.
  void fetch_missing_batches();
  /// Asks one of those who vouch for it for the batch that this slot lacks, unless that was done just now; whether it
  /// was asked for.
  bool fetch_missing_batch(Seq seq, Slot& slot);
  /// The digest whose batch this slot lacks; nothing if it lacks none.
  [[nodiscard]] std::optional<Digest> missing_batch(Seq seq, const Slot& slot) const;

  // Questions of administrators (inspection.cpp)
  [[nodiscard]] bool may_inspect(const Sender& from);
  void answer(const Sender& to, Message message, std::size_t cost_bytes);

  // Effects
  PersistNumber persist(Record record);
  void broadcast(Message message, bool after_persists = true);
  void send(ReplicaId to, Message message, bool after_persists = true);
  void count(std::string_view reason) { effects_.emplace_back(Counted{reason}); }
  void alarm(std::string reason);
  /// Counts what another replica has said against its own word, and tells the first time.
  void contradicts(ReplicaId replica, std::string_view counted_as, const Contradiction& contradiction);
  void schedule();

  [[nodiscard]] std::uint32_t quorum() const;
  [[nodiscard]] SharedBatch find_batch(const Slot& slot, const Digest& digest) const;

  const CoreConfig config_;
  Authenticator& authenticator_;
  const StateReader& store_;
  LayeredState state_;
  Executor executor_;
  RequestPool pool_;

  Effects effects_;  ///< of the running step
  Now now_;

  const Digest null_digest_;        ///< of the null batch
  View view_ = 0;                   ///< nothing of a lower view is voted on any more
  bool active_ = true;              ///< its NEW-VIEW has been acted on (view 0 has none); else it is wanted
  bool view_durable_ = false;       ///< the record of the view is
  bool led_ = false;                ///< this process began the view, as its primary: it knows what it proposed in it
  std::uint64_t issue_ = 0;         ///< of the own VIEW-CHANGE for view_
  std::optional<ActedView> acted_;  ///< the NEW-VIEW acted under last; nothing in view 0
  std::map<ReplicaId, ViewChange> view_changes_;  ///< the newest of each, own included; sound, for view_ or above
  /// By which primaries gave up a view, so that this replica left it: the last of each.
  std::map<ReplicaId, ViewChange> given_up_by_;
  MonotonicUs view_change_sent_us_ = 0;
  MonotonicUs view_change_resend_us_ = 0;
  SharedNewView pending_new_view_;  ///< sound, for view_ or above, not acted on: the own state must catch up first
  std::optional<Seq>
      undecided_at_;  ///< the certificate with which pending_new_view_ was found to leave a slot undecided
  std::set<ClientId> clients_told_;              ///< of whom SetClient has told
  std::uint64_t clients_reviewed_ = 0;           ///< AdminTable::client_changes() at the last look
  std::pair<Seq, Seq> progress_judged_;          ///< executed_ and certificate_ when the own new view was last decided
  std::map<NewViewName, DroppedBy> dropped_by_;  ///< at most limits::view_change_named_max, the latest
  std::set<NewViewName> harmless_new_views_;     ///< fetched, and dropped nothing
  MonotonicUs new_view_due_us_ = 0;              ///< when the wanted view must have begun; 0: too few want it
  MonotonicUs left_us_ = 0;                      ///< when the own view was left for the one that is wanted now
  std::uint32_t doublings_ = 0;                  ///< of the timeout
  std::uint32_t heard_ = 0;                      ///< others that this process has heard
  MonotonicUs timing_since_us_ = 0;              ///< nothing is held against the primary that was before
  MonotonicUs steady_since_us_ = 0;
  MonotonicUs believed_since_us_ = 0;  ///< since when peers have been believed that this replica is behind
  MonotonicUs last_timing_us_ = 0;
  /// Of a group's round that ends by time: until when, and by when any correct primary has ordered it.
  struct AwaitedEnd {
    TimeUs deadline_us = 0;
    MonotonicUs due_us = 0;
  };
  std::map<std::string, AwaitedEnd> awaited_ends_;  ///< by group
  MonotonicUs null_since_us_ = 0;                   ///< since when null batches are owed; 0: none are
  MonotonicUs executed_us_ = 0;                     ///< when a slot was last executed
  Seq entered_at_ = 0;                              ///< the last slot that was executed when the view was entered
  MonotonicUs paused_wake_us_ = 0;                  ///< the waking that came too late, as was noticed
  std::uint64_t operations_per_second_ = 0;
  std::uint64_t bytes_per_second_ = 0;
  MonotonicUs rate_since_us_ = 0;
  std::uint64_t rate_since_operations_ = 0;
  std::uint64_t rate_since_bytes_ = 0;
  std::uint64_t bytes_executed_ = 0;
  PressedRequests pressed_;
  WasteAccount account_;
  Lenience lenience_;              ///< with the time that primaries waste
  MonotonicUs watched_us_ = 0;     ///< the time in which this replica was able to watch a primary, up to the last look
  MonotonicUs watched_at_us_ = 0;  ///< when that was
  MonotonicUs stirred_us_ = 0;     ///< in that time: when a slot was last executed, or the next one to execute proposed
  MonotonicUs charged_us_ = 0;     ///< in that time: up to when the account has what was wasted
  MonotonicUs excused_until_us_ = 0;         ///< in that time: what was refused for an own lack is sent again by then
  MonotonicUs slot_time_us_ = 0;             ///< from a proposal to its execution, smoothed
  MonotonicUs proposed_without_gap_us_ = 0;  ///< when the last executed slot and all before it were proposed here
  MonotonicUs served_since_us_ = 0;
  Seq served_since_slot_ = 0;
  /// Proposals in a row that leave agreed time behind the own clock.
  struct BehindClock {
    std::uint32_t proposals = 0;
    MonotonicUs since_us = 0;
  };
  BehindClock behind_clock_;
  bool own_clock_doubted_ = false;  ///< f+1 others found nothing wrong with the time of the last withheld proposal
  /// Doublings of the clock window with which what this primary proposed would not have had to wait.
  std::optional<std::uint32_t> old_time_needs_;
  Lenience time_lenience_;  ///< with the time of day that they propose
  RecordView restored_view_;
  /// All that the records say, until it is known what the last NEW-VIEW dropped.
  std::map<Seq, std::vector<Ballot>> restored_recorded_;
  std::map<Seq, std::vector<Ballot>> restored_prepared_;
  bool view_was_recorded_ = false;  ///< by a process before this one
  bool voting_ = true;              ///< false for ever after an alarm
  std::vector<MemberLife> lives_;   ///< by id, as the executed state has them
  bool life_was_ordered_ = false;   ///< this life, at some time
  Seq remembered_ = 0;     ///< the highest slot that the disk knew to be decided or stable when this process began
  bool diverged_ = false;  ///< the own state is not the certified one: nothing is executed until it has been repaired
  std::size_t differences_told_ = 0;
  Seq wrong_votes_up_to_ =
      0;  ///< own CHECKPOINTs up to here may have been wrong; it is one of the f until one above is stable
  bool lives_changed_ = false;  ///< in the running step
  std::map<ReplicaId, PendingRejoin> pending_rejoins_;
  std::optional<Rejoin> own_rejoin_;  ///< the last one that was sent
  MonotonicUs next_rejoin_us_ = 0;
  bool told_of_rejoins_ = false;
  MonotonicUs next_null_us_ = 0;  ///< primary: before it no null batch is proposed
  /// Primary: by replica, up to when the null batches that it has caused are paid for at the allowed rate.
  std::vector<MonotonicUs> null_paid_until_us_;
  bool replaying_ = false;

  SlotLog slots_;
  DecidedBatches decided_;
  Seq next_seq_ = 1;  ///< primary: the next slot to propose; above every slot it proposed in this view
  Seq executed_ = 0;  ///< all slots up to here are executed
  Seq highest_ = 0;   ///< the highest slot that anything was heard of; for status only

  /// Highest stable checkpoint: the window is (certificate_, certificate_ + window].
  Seq certificate_ = 0;
  CheckpointCertificate certificate_message_;
  bool certificate_durable_ = true;
  Seq base_ = 0;          ///< seq of the durable state; replay starts here
  Seq frozen_up_to_ = 0;  ///< the last slot whose state was frozen for a checkpoint; it may not be written yet
  Seq collected_ = 0;
  WriteTrace trace_;                                                     ///< of the slot that is being executed
  RecentHistory history_;                                                ///< of executed slots and own checkpoints
  std::map<Seq, Digest> own_roots_;                                      ///< from the certificate upwards
  std::map<Seq, std::map<ReplicaId, CheckpointVote>> checkpoint_votes_;  ///< above the certificate; authentic
  MonotonicUs checkpoint_sent_us_ = 0;

  std::deque<OwnVote> own_votes_;  ///< waiting for durability, in order
  PersistNumber persists_ = 0;
  std::vector<Peer> peers_;  ///< by id
  EvidenceLog evidence_;
  Doubts doubts_;
  std::map<Seq, std::set<ReplicaId>>
      forgotten_votes_;                               ///< who says that it holds an own vote that there is no record of
  std::map<ClientId, SendBudget> reply_budgets_;      ///< of clients of the membership only
  std::map<AdminId, SendBudget> inspection_budgets_;  ///< of administrators of the membership only

  MonotonicUs progress_us_ = 0;  ///< when a slot was last executed, or none was missing
  std::optional<Transfer> transfer_;
  bool discarding_staged_ = false;  ///< the next PiecesStaged tells of no piece of a transfer
  std::optional<Lease> lease_;
  std::map<ReplicaId, StateLeaseQuery> lease_wanted_;
  std::map<ReplicaId, SendBudget> transfer_budgets_;

  MonotonicUs next_status_us_ = 0;
  MonotonicUs wake_at_us_ = 0;  ///< of the last WakeAt effect; 0: none

  std::uint64_t operations_executed_ = 0;
  std::uint64_t bundles_executed_ = 0;
  std::uint64_t batches_executed_ = 0;
};

}  // namespace tagma
