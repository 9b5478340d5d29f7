#include "test/sim/simulation.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "messages/validate.h"
#include "messages/wire/codec.h"
#include "test/sim/fake_authenticator.h"

namespace tagma::sim {
namespace {

using checkers::Oracle;

constexpr VirtualUs tick_us = 2'000;
/// A run that takes longer than this has stopped. Timeouts that doubled again and again reach a quarter of a minute.
constexpr VirtualUs work_us_max = 600'000'000;
/// Without liveness to wait for, a run ends here.
constexpr VirtualUs unlive_us_max = 1'500'000;
/// Against those who do much in no time; a run that is only slow (a storm of 400 s, parts of the state a byte each) has
/// about a quarter of them.
constexpr std::uint64_t events_max = 24'000'000;

Principal replica(ReplicaId id) { return {PrincipalKind::replica, id}; }
Principal client(ClientId id) { return {PrincipalKind::client, id}; }

std::int64_t thread_cpu_us() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000 + time.tv_nsec / 1'000;
}

/// Room that one bundle of the run's clients may take.
std::size_t bundle_operations_of(const SimOptions& options) {
  const std::size_t correct = std::min(options.client.bundle_operations_max, options.client.window);
  return options.faulty_clients > 0 ? std::max<std::size_t>(correct, 12) : correct;
}

}  // namespace

Simulation::Simulation(SimOptions options, const RunSwitches& switches)
    : options_(std::move(options)),
      go_on_(switches.go_on),
      trace_(switches.print_trace),
      identities_(options_),
      network_(options_, scheduler_, coverage_,
               [this](const Principal& from, const Principal& to, const std::shared_ptr<Packet>& packet) {
                 deliver(from, to, packet);
               }),
      random_(options_.seed, "faults"),
      clock_random_(options_.seed, "jumps"),
      bridge_random_(options_.seed, "bridges"),
      door_random_(options_.seed, "doors"),
      conspiracy_(options_.seed),
      workload_(options_, coverage_),
      execution_oracle_(verdict_),
      state_oracle_(verdict_),
      vote_oracle_(verdict_, quorum_size(options_.n, options_.f), {options_.liars.begin(), options_.liars.end()}),
      caps_oracle_(verdict_),
      life_model_(options_.core.checkpoint_interval, options_.core.window),
      group_oracle_(verdict_),
      admin_oracle_(verdict_),
      executed_(options_.n, 0),
      active_view_(options_.n, 0),
      returned_us_(options_.n, 0),
      executed_ever_(options_.n, 0),
      certificate_ever_(options_.n, 0),
      installed_(options_.n, 0),
      doors_(options_.n, ClientDoor(options_.core.sessions_per_client_max)),
      losses_(options_.n) {
  verdict_.listen_to(switches.oracles);
  const auto& membership = identities_.membership();
  for (ReplicaId id = 0; id < options_.n; ++id) {
    auto& authenticator = identities_.authenticator(replica(id));
    SimOptions own = options_;
    if (!correct(id) && options_.profile != Profile::twins && proposes_tiny_batches(options_.seed, id)) {
      own.core.batch_operations_max = own.core.pipeline_depth = 1;
    }
    replicas_.push_back(std::make_unique<ReplicaNode>(own, id, membership, authenticator, scheduler_,
                                                      static_cast<ReplicaHost&>(*this)));
    if (options_.profile == Profile::twins && !correct(id)) {
      auto& twin = twins_.try_emplace(id, *this).first->second;
      twin.node = std::make_unique<ReplicaNode>(own, id, membership, authenticator, scheduler_, twin);
      sides_.try_emplace(id, options_.seed + id);
    } else if (!correct(id)) {
      liars_.try_emplace(id, options_, id, membership, authenticator, conspiracy_, coverage_);
      attacks_.try_emplace(id, options_, id, membership, coverage_);
    }
  }
  const auto& liars = options_.liars;
  if (liars.size() > 1 && liars.front() == 0 && liars.back() + 1 == liars.size()) {
    coverage_.count("row B3: faulty primaries in a row");
  }
  for (ClientId id = 0; id < options_.client.clients; ++id) {
    clients_.push_back(std::make_unique<ClientNode>(options_, id, membership, identities_.authenticator(client(id)),
                                                    workload_, coverage_, scheduler_, static_cast<ClientHost&>(*this)));
  }
  for (std::uint32_t at = 0; at < options_.faulty_clients; ++at) {
    const ClientId id = options_.client.clients + at;
    faulty_clients_.push_back(
        std::make_unique<FaultyClient>(options_, id, membership, identities_.authenticator(client(id)), coverage_));
  }
  begin_groups();
  begin_administration();
}

Simulation::~Simulation() = default;

RunReport Simulation::run() {
  const auto cpu_start_us = thread_cpu_us();
  for (auto& node : replicas_) node->boot();
  for (auto& [id, twin] : twins_) twin.node->boot();
  for (auto& node : clients_) node->start();
  for (auto& member : members_) member->start();
  for (auto& administrator : administrators_) administrator->start();
  for (auto& client : probing_) client->start();
  schedule_faults();
  scheduler_.after(tick_us, [this] { tick(); });
  while (phase_ != Phase::over && (go_on_ || !verdict_.violated()) && scheduler_.run_next()) {
    if (scheduler_.events() > events_max) explain_what_hangs();
  }
  if (go_on_ || !verdict_.violated()) judge_history();
  auto result = report();
  result.cpu_us = thread_cpu_us() - cpu_start_us;
  return result;
}

// ---------------------------------------------------------------------------------------------------------------------
// The network

void Simulation::trace(std::string_view what, const Principal& who, const Principal* peer, const Message& message) {
  TraceLine line;
  line.at_us = scheduler_.now_us();
  line.what = what;
  line.who = who;
  if (peer != nullptr) {
    line.peer = *peer;
    line.has_peer = true;
  }
  describe(message, line);
  trace_.add(line);
}

void Simulation::note(std::string_view what, std::string_view about, const Principal& who, Seq seq,
                      const Digest* digest) {
  TraceLine line;
  line.at_us = scheduler_.now_us();
  line.what = what;
  line.note = about;
  line.who = who;
  line.seq = seq;
  if (digest != nullptr) {
    for (std::size_t byte = 0; byte < 8; ++byte) line.digest = line.digest << 8U | digest->bytes[byte];
  }
  trace_.add(line);
}

void Simulation::transmit(const Principal& from, const Principal& to, const std::shared_ptr<Packet>& packet,
                          const Message* message) {
  if (!may_leave(from, to)) return;
  const auto fate = network_.send(from, to, packet);
  if (message != nullptr && fate != "sent") trace(fate, from, &to, *message);
}

bool Simulation::may_leave(const Principal& from, const Principal& to) {
  const auto found = from.kind == PrincipalKind::replica ? attacks_.find(from.id) : attacks_.end();
  if (found == attacks_.end()) return true;
  auto& attacks = found->second;
  const bool was_silent = attacks.silent();
  const bool leaves = attacks.lets_leave(to);
  if (attacks.silent() && !was_silent) note_silence(from.id, attacks.left_out());
  return leaves;
}

/// It counts where the others have got further than those who were left out.
void Simulation::note_silence(ReplicaId id, const std::set<ReplicaId>& left_out) {
  note("falls silent", "", replica(id));
  Seq with = 0;
  Seq without = 0;
  for (ReplicaId other = 0; other < options_.n; ++other) {
    if (!correct(other)) continue;
    auto& most = left_out.contains(other) ? without : with;
    most = std::max(most, executed_[other]);
  }
  if (with > without) coverage_.count("row X1: some are left out, then silence");
}

void Simulation::send(ReplicaId from, std::optional<ReplicaId> to, const Message& message) {
  if (twins_.contains(from)) return twin_sends(Twin::first, from, to, message);
  const auto liar = liars_.find(from);
  if (liar == liars_.end()) vote_leaves(from, message);
  std::shared_ptr<Packet> honest;
  const auto self = replica(from);
  const auto last = to ? *to + 1 : options_.n;
  for (ReplicaId receiver = to.value_or(0); receiver < last; ++receiver) {
    if (receiver == from) continue;
    const auto peer = replica(receiver);
    if (liar != liars_.end()) {
      for (const auto& bent : liar->second.bend(receiver, message)) liar_sends(from, receiver, bent);
      continue;
    }
    if (honest == nullptr) {
      honest = std::make_shared<Packet>(wire::encode(message));
      trace("sent", self, to ? &peer : nullptr, message);
      coverage_.count(std::string("sent ").append(name_of(message)));
    }
    transmit(self, peer, honest, &message);
  }
}

void Simulation::twin_sends(Twin which, ReplicaId from, std::optional<ReplicaId> to, const Message& message) {
  const auto last = to ? *to + 1 : options_.n;
  for (ReplicaId receiver = to.value_or(0); receiver < last; ++receiver) {
    if (receiver != from) transmit_of_twin(which, from, replica(receiver), message);
  }
}

void Simulation::twin_replies(Twin which, ReplicaId from, ClientId to, const Message& message) {
  transmit_of_twin(which, from, principal_of(to), message);
}

void Simulation::transmit_of_twin(Twin which, ReplicaId from, const Principal& to, const Message& message) {
  auto& sides = sides_.at(from);
  if (!sides.speaks(which, to, scheduler_.now_us())) return;
  if (which == Twin::second) coverage_.count("row X4: the second process spoke for its replica");
  if (sides.spoke(which, to) && to.kind == PrincipalKind::replica) {
    coverage_.count("row X4: both spoke to the same replica");
  }
  const auto self = replica(from);
  trace(which == Twin::first ? "sent" : "sent, as a twin,", self, &to, message);
  transmit(self, to, std::make_shared<Packet>(wire::encode(message)), &message);
}

void Simulation::liar_sends(ReplicaId from, ReplicaId to, const Message& message) {
  for (const auto& outgoing : attacks_.at(from).bend(to, message)) liar_sends(from, outgoing);
}

void Simulation::liar_sends(ReplicaId from, const Outgoing& outgoing) {
  const auto leave = [this, from, to = outgoing.to, message = outgoing.message] {
    const auto self = replica(from);
    const auto peer = replica(to);
    trace("sent", self, &peer, message);
    coverage_.count(std::string("sent ").append(name_of(message)));
    transmit(self, peer, std::make_shared<Packet>(wire::encode(message)), &message);
  };
  if (outgoing.delay_us == 0) return leave();
  scheduler_.after(outgoing.delay_us, leave);
}

void Simulation::deliver(const Principal& from, const Principal& to, const std::shared_ptr<Packet>& packet) {
  if (const auto* reason = packet->refused()) {
    coverage_.count("codec refused: " + *reason);
    return;
  }
  const auto& message = packet->message();
  if (const auto* begun = std::get_if<NewView>(&message)) learn_new_view(*begun);
  if (!may_send(from.kind, message)) {
    coverage_.count("codec refused: a message that this kind of sender may not send");
    return;
  }
  if (to.kind == PrincipalKind::replica) {
    const auto receive = [&](ReplicaNode& node) {
      if (!node.running()) return;
      trace("received", to, &from, message);
      coverage_.count(std::string("received ").append(name_of(message)));
      if (is_requester(from) && !passes_door(requester_of(from), to.id, message)) return;
      const auto attacks = attacks_.find(to.id);
      if (attacks == attacks_.end() || attacks->second.hears(message)) node.receive({from, 0}, message);
    };
    const auto twin = twins_.find(to.id);
    if (twin == twins_.end()) return receive(*replicas_[to.id]);
    auto& sides = sides_.at(to.id);
    if (sides.speaks(Twin::first, from, scheduler_.now_us())) receive(*replicas_[to.id]);
    if (sides.speaks(Twin::second, from, scheduler_.now_us())) receive(*twin->second.node);
  } else if (to.kind == PrincipalKind::client && to.id < clients_.size()) {
    trace("received", to, &from, message);
    coverage_.count(std::string("received ").append(name_of(message)));
    if (const auto* answer = std::get_if<Report>(&message)) return check_report(from.id, *answer);
    clients_[to.id]->receive(from.id, message);
  } else if (auto* const requester = requester_with(requester_of(to))) {
    trace("received", to, &from, message);
    requester->receive(from.id, message);
  }
}

void Simulation::vote_leaves(ReplicaId from, const Message& message) {
  if (const auto* prepare = std::get_if<Prepare>(&message)) {
    vote_oracle_.sent_prepare(from, prepare->view, prepare->seq, prepare->digest);
    check_life(from, prepare->seq);
  } else if (const auto* commit = std::get_if<Commit>(&message)) {
    vote_oracle_.sent_commit(from, commit->view, commit->seq, commit->digest);
    check_life(from, commit->seq);
  } else if (const auto* vote = std::get_if<CheckpointVote>(&message)) {
    vote_oracle_.sent_checkpoint(from, vote->content.seq, vote->content.root);
  } else if (const auto* wish = std::get_if<ViewChange>(&message)) {
    if (wish->content.replica == from) vote_oracle_.sent_view_change(from, wish->content);  // else passed on
  } else if (const auto* proposal = std::get_if<PrePrepare>(&message)) {
    auto& authenticator = identities_.authenticator(replica(from));
    vote_oracle_.sent_pre_prepare(from, proposal->view, proposal->seq, authenticator.digest(proposal->batch->bytes));
  } else if (const auto* begun = std::get_if<NewView>(&message)) {
    learn_new_view(*begun);
  }
}

/// Whoever sent it; a correct replica names none that it has not received, or sent itself.
void Simulation::learn_new_view(const NewView& message) {
  const auto& membership = identities_.membership();
  auto& authenticator = identities_.authenticator(replica(0));
  std::vector<const ViewChangeStatement*> statements;
  for (const auto& view_change : message.content.view_changes) statements.push_back(&view_change.content);
  const DecisionRules rules{.quorum = membership.quorum(),
                            .weak_quorum = membership.weak_quorum(),
                            .window = options_.core.window,
                            .null_digest = authenticator.digest({}),
                            .genesis_slot = options_.core.genesis_slot};
  const auto first_lives = [](ReplicaId, Seq) { return std::optional<Incarnation>(0); };
  vote_oracle_.saw_new_view({.view = message.content.view, .digest = authenticator.digest(message.body)},
                            decide_new_view(statements, rules, 0, first_lives));
}

/// Votes leave when they are durable, which is after the step that brought them about; so the model knows what the
/// voter has executed.
void Simulation::check_life(ReplicaId from, Seq seq) {
  if (!rejoins_.empty() && rejoins_.begin()->first <= lives_learnt_) {
    return coverage_.count("vote not judged: who lives is not known yet");
  }
  if (life_model_.may_vote(from, replicas_[from]->config().life_nonce, seq)) return;
  verdict_.report(Oracle::durable_votes, "replica " + std::to_string(from) + " votes on slot " + std::to_string(seq) +
                                             ", which is not its life's to vote on");
}

/// `from` has executed the slot. The model is told once it is known which of its batches was decided: a replica that
/// executes several at once may not keep them, and then another one tells.
void Simulation::learn_lives(ReplicaId from, Seq seq) {
  lives_learnt_ = std::max(lives_learnt_, seq);
  if (!rejoins_.contains(seq)) return;
  if (const auto digest = replicas_[from]->executed_digest(seq)) decided_.emplace(seq, *digest);
  while (!rejoins_.empty() && rejoins_.begin()->first <= lives_learnt_) {
    const auto& [oldest, proposed] = *rejoins_.begin();
    const auto digest = decided_.find(oldest);
    if (digest == decided_.end()) return;
    const auto batch = proposed.find(digest->second);
    if (batch != proposed.end()) {
      life_model_.decided(oldest, batch->second);
      vote_oracle_.voters_change();
    }
    decided_.erase(digest);
    rejoins_.erase(rejoins_.begin());
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// What replicas do

void Simulation::executed(ReplicaId id, const checkers::Executed& what) {
  if (!correct(id)) return;
  agreed_time_bound(id);
  execution_oracle_.executed(id, what);
}

/// No correct replica votes for a time that is further ahead of its clock.
void Simulation::agreed_time_bound(ReplicaId id) {
  execution_oracle_.may_agree_on(replicas_[id]->wall_us() + options_.core.clock_window_us);
}

void Simulation::recording(ReplicaId id, const Record& record) {
  if (!correct(id)) return;
  const auto* accepted = std::get_if<RecordPrePrepared>(&record);
  const bool may_be_decided =
      accepted != nullptr && (accepted->seq > lives_learnt_ || rejoins_.contains(accepted->seq));
  if (may_be_decided && !accepted->batch->rejoins.empty()) {
    rejoins_[accepted->seq].try_emplace(accepted->digest, accepted->batch->rejoins);
  }
  if (accepted != nullptr && accepted->seq > committed_ && !options_.groups.empty()) {
    proposed_us_[accepted->seq][accepted->digest] = accepted->batch->proposed_time_us;
  }
  if (const auto* prepared = std::get_if<RecordPrepared>(&record)) {
    vote_oracle_.claims_prepared(id, prepared->view, prepared->seq, prepared->digest);
  } else if (const auto* stable = std::get_if<RecordCertificate>(&record)) {
    const auto& first = stable->certificate.votes.front().content;
    note("holds for stable", "CHECKPOINT", replica(id), first.seq, &first.root);
    vote_oracle_.claims_stable(id, first.seq, first.root);
    state_oracle_.certified(id, first.seq, first.root);
  }
}

void Simulation::durable(ReplicaId id, const Record& record) {
  if (const auto* accepted = std::get_if<RecordPrePrepared>(&record)) {
    note("made durable", "PRE-PREPARE", replica(id), accepted->seq, &accepted->digest);
    vote_oracle_.pre_prepared(id, accepted->view, accepted->seq, accepted->digest);
  } else if (const auto* prepared = std::get_if<RecordPrepared>(&record)) {
    note("made durable", "prepared", replica(id), prepared->seq, &prepared->digest);
    vote_oracle_.prepared(id, prepared->view, prepared->seq, prepared->digest);
  } else if (const auto* wanted = std::get_if<RecordView>(&record)) {
    vote_oracle_.view_durable(id, wanted->view);
  } else if (const auto* begun = std::get_if<RecordNewView>(&record)) {
    learn_new_view(*begun->new_view);  // its primary may crash before it is sent, and name it when it returns
    vote_oracle_.view_durable(id, begun->new_view->content.view);
  }
}

void Simulation::checkpoint(ReplicaId id, Seq seq, const Digest& root, std::uint64_t content_hash) {
  note("wrote checkpoint", "", replica(id), seq, &root);
  if (!correct(id)) return;
  state_oracle_.checkpoint(id, seq, root, content_hash);
  vote_oracle_.checkpoint_durable(id, seq, root);
}

void Simulation::alarm(ReplicaId id, const std::string& reason) {
  note("raised the alarm", "", replica(id));
  coverage_.count(correct(id) ? "alarm of a correct replica" : "alarm of a faulty replica");
  if (correct(id)) {
    verdict_.report(Oracle::alarm, "replica " + std::to_string(id) + " raised the alarm: " + reason);
  }
}

/// Nothing that befalls a correct replica makes it contradict itself.
void Simulation::distrusts(ReplicaId id, ReplicaId against, bool distrusted) {
  if (!correct(id)) return;
  coverage_.count(distrusted ? "evidence: a liar contradicted itself" : "evidence: another life is trusted again");
  if (distrusted && correct(against)) {
    verdict_.report(Oracle::durable_votes, "replica " + std::to_string(id) + " has evidence against replica " +
                                               std::to_string(against) + ", which is correct");
  }
}

void Simulation::counted(ReplicaId id, std::string_view reason) {
  // Faulty replicas run an honest core too, but what it refuses says nothing about attacks.
  if (!correct(id)) return;
  coverage_.count(std::string("core: ").append(reason));
  if (reason == "primary wastes time") judge_eviction(id);
}

/// The account of wasted time may be overdrawn by a primary that is faulty, or was away; an honest one that was there
/// all the time should not be given up, and is counted.
void Simulation::judge_eviction(ReplicaId by) {
  const auto primary = static_cast<ReplicaId>(active_view_[by] % options_.n);
  note("gives up for wasted time", "its primary", replica(by), active_view_[by]);
  if (!correct(primary)) return coverage_.count("account: a faulty primary was given up");
  const VirtualUs grace_us = 4 * options_.core.view_change_timeout_us;
  if (!replicas_[primary]->running() || scheduler_.now_us() - returned_us_[primary] < grace_us) {
    return coverage_.count("account: a primary that was away was given up");
  }
  const auto own = replicas_[primary]->view();
  if (own.base + options_.core.window < own.certificate) {
    return coverage_.count("account: a primary whose disk is far behind was given up");
  }
  const TimeUs wall_us = replicas_[primary]->wall_us();
  const auto differing = std::count_if(replicas_.begin(), replicas_.end(), [&](const auto& node) {
    return std::abs(node->wall_us() - wall_us) > options_.core.clock_window_us;
  });
  if (differing > options_.f) return coverage_.count("account: a primary with a wrong clock was given up");
  coverage_.count("account: an honest primary was given up");
}

void Simulation::replied_early(ReplicaId id) {
  if (!correct(id)) return;
  verdict_.report(Oracle::durable_votes,
                  "replica " + std::to_string(id) + " replied before the records that it had asked for were durable");
}

void Simulation::collected(ReplicaId id, Seq up_to, Seq base) {
  if (!correct(id) || up_to <= base) return;
  verdict_.report(Oracle::durable_votes, "replica " + std::to_string(id) + " collected its log up to slot " +
                                             std::to_string(up_to) + " although its durable state is of slot " +
                                             std::to_string(base));
}

void Simulation::forgot(ReplicaId id) {
  note("found damage in", "its log", replica(id));
  coverage_.count("restart: damaged log found");
  vote_oracle_.forgets(id);
}

void Simulation::read_back(ReplicaId id, const std::vector<Record>& records, Seq collected) {
  if (correct(id)) vote_oracle_.read_back(id, records, collected);
}

void Simulation::returned(ReplicaId id, std::uint64_t life, Seq base, std::uint64_t torn_bytes) {
  note("returned", "with its disk", replica(id), base);
  coverage_.count("restart: replica returned");
  if (torn_bytes > 0) coverage_.count("restart: torn tail cut");
  if (base > 0) coverage_.count("restart: from a checkpoint");
  if (life > 2) coverage_.count("restart: third life or later");
  executed_[id] = base;
  returned_us_[id] = scheduler_.now_us();
  door_reopens(id);
  if (correct(id)) execution_oracle_.returned(id, base);
}

void Simulation::installed(ReplicaId id, Seq seq) {
  note("installed", "state", replica(id), seq);
  coverage_.count(correct(id) ? "transfer: state installed" : "transfer: state installed by a liar");
  executed_[id] = installed_[id] = seq;
  if (correct(id)) execution_oracle_.returned(id, seq);
}

void Simulation::disk_failed(ReplicaId id, const std::string& /*reason*/) {
  note("stopped", "its disk failed", replica(id));
  coverage_.count("fault: sync failed");
}

void Simulation::stepped(ReplicaId id, std::size_t effects) {
  constexpr std::uint64_t held_checked_every = 61;  // it looks at every slot
  const auto& node = *replicas_[id];
  const auto view = node.view();
  if (view.active) active_view_[id] = view.view;
  executed_ever_[id] = std::max(executed_ever_[id], view.executed);
  certificate_ever_[id] = std::max(certificate_ever_[id], view.certificate);
  if (!correct(id)) {
    executed_[id] = view.executed;
    return;
  }
  for (auto seq = executed_[id] + 1; seq <= view.executed; ++seq) {
    const bool first = seq > committed_;
    agreed_known_ = agreed_known_ && (!first || node.executed_digest(seq).has_value());
    if (first) coverage_.slot_committed();
    committed_ = std::max(committed_, seq);
    learn_lives(id, seq);
    if (const auto digest = node.executed_digest(seq)) {
      note("executed", "", replica(id), seq, &*digest);
      execution_oracle_.executed_digest(id, seq, *digest);
      vote_oracle_.executed(id, seq, *digest);
      if (first) learn_agreed_time(seq, *digest);
    }
  }
  if (options_.demand_first_view && view.view > 0) {
    verdict_.report(Oracle::liveness, "replica " + std::to_string(id) + " suspects a correct primary");
  }
  if (view.executed == committed_ && view.executed > executed_[id]) {
    agreed_known_ = true;
    agreed_us_ = view.agreed_time_us;
    group_oracle_.agreed(view.executed, agreed_us_);
  }
  execution_oracle_.advanced(id, view.executed);
  agreed_time_bound(id);
  executed_[id] = view.executed;
  std::size_t faulty_sessions = 0;
  for (const auto& faulty : faulty_clients_) faulty_sessions += faulty->sessions_opened();
  const auto caps = checkers::caps_of(node.config(), sessions_opened_ + faulty_sessions, limits::bundle_bytes_max,
                                      bundle_operations_of(options_));
  caps_oracle_.check(id, caps, view, node.effects_waiting(), effects);
  if (++steps_ % held_checked_every == 0) caps_oracle_.check(id, caps, node.held());
}

// ---------------------------------------------------------------------------------------------------------------------
// What clients do

void Simulation::submitted(const checkers::RequestKey& request, const Planned& planned) {
  if (planned.unseen) execution_oracle_.expect_unseen(request);
}

void Simulation::completed(const checkers::RequestKey& request, const Planned& planned, const Completed& completed) {
  TraceLine line;
  line.at_us = scheduler_.now_us();
  line.what = "accepted the answer to";
  line.who = client(request.client);
  line.session = request.session;
  line.number = request.number;
  line.seq = completed.seq;
  trace_.add(line);
  ++completed_;
  if (completed.outcome == Outcome::outside_window) coverage_.count("client: told that a number is outside the window");
  if (completed.outcome != Outcome::executed) return;
  const auto reply = decode_reply(completed.result);
  if (!reply.ok()) return violated(checkers::to_string(request) + " was answered with bytes that are no reply");
  if (planned.kind == Planned::Kind::hostile && reply->status != ReplyStatus::refused) {
    violated(checkers::to_string(request) + " is malformed and was not refused");
  }
  if (!planned.unseen) execution_oracle_.accepted(request, fast_hash(17, completed.result));
}

void Simulation::remembered(const checkers::RequestKey& request, std::vector<checkers::KvOperation> operations) {
  for (auto& operation : operations) history_.emplace_back(request, std::move(operation));
}

// ---------------------------------------------------------------------------------------------------------------------
// Phases

void Simulation::tick() {
  perform_due_faults();
  const auto elapsed_us = scheduler_.now_us() - phase_began_us_;
  if (phase_ == Phase::work) {
    enemies_act();
    if (random_.chance(100'000)) ask_for_report();
    if (work_is_done() || (!options_.demand_liveness && elapsed_us > unlive_us_max)) {
      phase_ = options_.demand_liveness ? Phase::settle : Phase::over;
      phase_began_us_ = scheduler_.now_us();
      network_.heal();
      note("healed", "the network", client(0));
      if (options_.profile == Profile::liveness) leave_the_core_alone();
      settle_us_max_ = settled_within_us();
    } else if (elapsed_us > work_us_max) {
      explain_what_hangs();
    }
  } else if (phase_ == Phase::settle) {
    if (settled()) {
      phase_ = Phase::over;
    } else if (elapsed_us > settle_us_max_) {
      explain_what_hangs();
    }
  }
  scheduler_.after(tick_us, [this] { tick(); });
}

std::uint64_t Simulation::stable_checkpoints() const {
  Seq highest = 0;
  for (ReplicaId id = 0; id < options_.n; ++id) {
    if (correct(id)) highest = std::max(highest, replicas_[id]->view().certificate);
  }
  return highest / options_.core.checkpoint_interval;
}

bool Simulation::work_is_done() const {
  return completed_ >= options_.operations_min && stable_checkpoints() >= options_.checkpoints_min;
}

/// The highest view in which a quorum is; 0 where there is none.
View Simulation::view_of_quorum() const {
  std::map<View, std::uint32_t> active;
  for (const auto& node : replicas_) {
    if (node->running() && node->view().active) ++active[node->view().view];
  }
  View highest = 0;
  for (const auto& [view, replicas] : active) {
    if (replicas >= quorum_size(options_.n, options_.f)) highest = view;
  }
  return highest;
}

/// Every operation has its outcome, and all correct replicas that run are at the same slot with the same state. A view
/// in which a quorum votes is known to all (who wants a higher one may be alone with that).
bool Simulation::settled() const {
  for (const auto& node : clients_) {
    if (node->outstanding() > 0) return false;
  }
  for (const auto& [id, requester] : requesters_) {
    if (requester->outstanding() && !may_stay_unanswered(id)) return false;
  }
  const ReplicaNode* first = nullptr;
  for (ReplicaId id = 0; id < options_.n; ++id) {
    const auto& node = *replicas_[id];
    if (!correct(id) || node.crashed()) continue;
    if (!node.running()) return false;
    if (first == nullptr) first = &node;
    const auto view = node.view();
    const auto expected = first->view();
    if (view.executed != expected.executed || view.certificate != expected.certificate) return false;
    if (!view.remembers || view.view < view_of_quorum()) return false;
  }
  return true;
}

void Simulation::explain_what_hangs() {
  std::string text = phase_ == Phase::work ? "the clients' work never ended"
                                           : "not settled within " + std::to_string(settle_us_max_ / 1'000) +
                                                 " ms after the network healed";
  for (const auto& node : clients_) {
    if (const auto waiting = node->waiting_for(); !waiting.empty()) text += "; " + waiting;
  }
  for (ReplicaId id = 0; id < options_.n; ++id) {
    const auto& node = *replicas_[id];
    const auto view = node.view();
    text += "; replica " + std::to_string(id) +
            (node.crashed() ? " crashed"
             : correct(id)  ? ""
                            : " faulty") +
            " view " + std::to_string(view.view) + (view.active ? "" : " wanted") + " executed " +
            std::to_string(view.executed) + " timeout " + std::to_string(view.view_timeout_us / 1'000) + " ms stable " +
            std::to_string(view.certificate) + " pending " + std::to_string(view.pending_operations);
  }
  verdict_.report(Oracle::liveness, text);
  phase_ = Phase::over;
}

void Simulation::judge_history() {
  if (options_.demand_liveness && settled()) {
    const ReplicaNode* first = nullptr;
    for (ReplicaId id = 0; id < options_.n; ++id) {
      const auto& node = *replicas_[id];
      if (!correct(id) || node.crashed()) continue;
      if (first == nullptr) first = &node;
      if (node.content_hash() != first->content_hash()) {
        verdict_.report(Oracle::state_digest,
                        "replica " + std::to_string(id) + " ends with another state than the others");
      }
    }
    if (!work_is_done()) {
      verdict_.report(Oracle::simulator, "only " + std::to_string(completed_) + " operations and " +
                                             std::to_string(stable_checkpoints()) + " stable checkpoints");
    }
  }
  judge_groups();
  judge_administration();
  for (auto& node : clients_) node->finish();
  std::vector<checkers::KvOperation> history;
  for (auto& [request, operation] : history_) {
    // Where it stands in the log guides the search; whether the history is linearizable does not depend on it.
    operation.hint = execution_oracle_.position(request).value_or(~std::uint64_t{0});
    history.push_back(std::move(operation));
  }
  const auto result = checkers::check_linearizable(history);

  if (!result.linearizable) verdict_.report(Oracle::linearizability, result.explanation);
}

RunReport Simulation::report() const {
  RunReport result;
  result.options = options_;
  result.violated = verdict_.violated();
  result.reported = verdict_.reported();
  if (result.violated) {
    result.violation = verdict_.first();
    result.last_events = trace_.last();
  }
  result.operations = completed_;
  result.checkpoints = stable_checkpoints();
  for (const auto seq : executed_) result.slots = std::max<std::uint64_t>(result.slots, seq);
  result.events = scheduler_.events();
  result.messages = network_.sent();
  result.message_bytes = network_.bytes();
  result.simulated_us = scheduler_.now_us();
  result.trace_hash = trace_.hash();
  result.coverage = coverage_;
  return result;
}

}  // namespace tagma::sim
