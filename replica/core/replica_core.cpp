#include "replica/core/replica_core.h"

#include <algorithm>
#include <utility>

#include "messages/assert.h"
#include "messages/mutant.h"
#include "messages/wire/codec.h"
#include "replica/core/core_implementation.h"

namespace tagma {

namespace {

/// With so many, the share of the time that a primary may waste is more than all of it: nothing is held against it.
constexpr std::uint32_t waste_doublings_max = 4;
/// So many view change timeouts pass before a replica doubts a primary of its own accord again; at first.
constexpr MonotonicUs doubting_timeouts = 32;

}  // namespace

ReplicaCore::ReplicaCore(CoreConfig config, Authenticator& authenticator, const ServiceRegistry& services,
                         const StateReader& store, const std::vector<Record>& records)
    : implementation_(std::make_unique<Implementation>(std::move(config), authenticator, services, store, records)) {}
ReplicaCore::~ReplicaCore() = default;
Effects ReplicaCore::step(const Now& now, Event event) { return implementation_->step(now, std::move(event)); }
CoreView ReplicaCore::view() const { return implementation_->view(); }
CoreHeld ReplicaCore::held() const { return implementation_->held(); }
const LayeredState& ReplicaCore::state() const { return implementation_->state(); }
std::optional<Digest> ReplicaCore::executed_digest(Seq seq) const { return implementation_->executed_digest(seq); }

ReplicaCore::Implementation::Implementation(CoreConfig config, Authenticator& authenticator,
                                            const ServiceRegistry& services, const StateReader& store,
                                            const std::vector<Record>& records)
    : config_(std::move(config)),
      authenticator_(authenticator),
      store_(store),
      state_(store),
      executor_(config_, authenticator, services, state_),
      pool_(config_),
      null_digest_(authenticator.digest({})),
      pressed_({.under_way_max = config_.pipeline_depth,
                .sessions_waiting_max = static_cast<std::uint32_t>(
                    config_.sessions_per_client_max + config_.openings_per_relay_max * (config_.membership.n() + 1))}),
      lenience_(config_.membership.weak_quorum(), waste_doublings_max),
      time_lenience_(config_.membership.weak_quorum(), time_doublings_max),
      lives_(config_.membership.n()),
      null_paid_until_us_(config_.membership.n(), 0),
      decided_(config_.decided_kept_max, config_.decided_kept_bytes_max),
      trace_([&authenticator](ByteView bytes) { return authenticator.digest(bytes); }),
      history_(config_.history_slots, limits::history_roots_max),
      peers_(config_.membership.n()),
      evidence_(config_.membership.n()),
      doubts_(config_.membership.n(), config_.membership.faults, doubting_timeouts * config_.view_change_timeout_us) {
  TAGMA_ASSERT(!validate(config_.membership), "the caller validated the membership");
  TAGMA_ASSERT(config_.membership.find_replica(config_.id) != nullptr, "this replica is a member");
  TAGMA_ASSERT(config_.checkpoint_interval >= 1 && config_.window >= 2 * config_.checkpoint_interval,
               "the window holds two checkpoint intervals");
  TAGMA_ASSERT(config_.pipeline_depth >= 1, "a primary may propose");
  state_.trace_writes(trace_);
  restore(records);
}

std::uint32_t ReplicaCore::Implementation::quorum() const {
  return config_.membership.quorum() - (mutant(Mutant::quorum_one_too_small) ? 1U : 0U);
}

// ---------------------------------------------------------------------------------------------------------------------
// Events

Effects ReplicaCore::Implementation::step(const Now& now, Event event) {
  TAGMA_ASSERT(now.monotonic_us >= now_.monotonic_us, "monotonic time does not go back");
  now_ = now;
  effects_.clear();
  notice_pause();
  std::visit([this](auto& content) { on(content); }, event);
  review_lives();
  review_clients();
  enter_pending();
  // More of the own state may tell who votes, and so decide the view that this replica is to begin.
  const std::pair progress{executed_, certificate_};
  if (std::exchange(progress_judged_, progress) != progress) begin_own_view();
  schedule();
  return std::exchange(effects_, {});
}

void ReplicaCore::Implementation::on(const Started& /*event*/) {
  next_status_us_ = progress_us_ = executed_us_ = last_timing_us_ = rate_since_us_ = now_.monotonic_us;
  begin_watching();
  replay();
  begin_in_view();
  send_status();
}

void ReplicaCore::Implementation::on(Received& event) {
  const auto& principal = event.from.principal;
  if (principal.kind == PrincipalKind::replica) {
    const auto* member = config_.membership.find_replica(principal.id);
    if (member == nullptr || member->incarnation != event.from.incarnation || principal.id == config_.id) {
      count("message from no current replica");
      return;
    }
    note_heard(principal.id);
  }
  std::visit([&](auto& message) { receive(event.from, message); }, event.message);
}

void ReplicaCore::Implementation::on(const Persisted& event) {
  while (!own_votes_.empty() && own_votes_.front().after <= event.up_to) {
    const OwnVote vote = own_votes_.front();
    own_votes_.pop_front();
    if (vote.kind == OwnVote::Kind::certificate) {
      if (vote.seq == certificate_) certificate_durable_ = true;
      collect_log();
      continue;
    }
    if (vote.kind == OwnVote::Kind::view) {
      view_durable_ = view_durable_ || (active_ && vote.ballot.view == view_);
      continue;
    }
    const auto found = slots_.find(vote.seq);
    if (found == slots_.end()) continue;  // stable meanwhile
    auto& slot = found->second;
    if (vote.kind == OwnVote::Kind::prepare) {
      slot.own_prepare_durable = slot.own_prepare_durable || slot.recorded == vote.ballot;
      add_ballot(slot.prepares, config_.id, vote.ballot);
      check_prepared(vote.seq, slot);
    } else {
      slot.own_commit_durable = slot.own_commit_durable || slot.prepared == vote.ballot;
      add_ballot(slot.commits, config_.id, vote.ballot);
      check_decided(vote.seq, slot);
    }
  }
  execute_decided();
}

void ReplicaCore::Implementation::on(const InputDrained& /*event*/) { propose(); }

void ReplicaCore::Implementation::on(const Woken& /*event*/) {
  wake_at_us_ = 0;
  look_after_transfer();
  look_after_rejoin();
  end_lease_in_time();
  look_after_primary();
  resend_view_change();
  if (now_.monotonic_us >= next_status_us_) {
    reconsider_all_withheld();
    accept_chosen();
    fetch_new_views();
    send_status();
    fetch_missing_batches();
  }
  propose();
}

void ReplicaCore::Implementation::schedule() {
  if (unfinished()) next_status_us_ = std::min(next_status_us_, now_.monotonic_us + config_.status_interval_us);
  MonotonicUs at_us = next_status_us_;
  // Age matters only where a slot is free: otherwise something else has to happen first, and that is an event.
  if (has_free_slot()) {
    const MonotonicUs due_us = pool_.has_ready() ? pool_.oldest_ready_us() + batch_wait_us() : 0;
    at_us = std::min(at_us, std::max(now_.monotonic_us + 1, due_us));
  } else if (const auto due_us = may_lead() ? null_batch_due_us() : std::nullopt; due_us > now_.monotonic_us) {
    at_us = std::min(at_us, *due_us);
  }
  if (const auto deadline_us = executor_.groups().next_deadline_us(); may_lead() && deadline_us > now_.wall_us) {
    at_us = std::min(at_us, now_.monotonic_us + (*deadline_us - now_.wall_us));
  }
  if (!life_is_ordered() && voting_) at_us = std::min(at_us, std::max(now_.monotonic_us + 1, next_rejoin_us_));
  at_us = std::min(at_us, transfer_wake_us());
  if (has_timed()) at_us = std::min(at_us, std::max(now_.monotonic_us + 1, next_timing_us()));
  if (!active_ && may_change_views()) {
    at_us = std::min(at_us, std::max(now_.monotonic_us + 1, view_change_sent_us_ + view_change_resend_us_));
  }
  if (wake_at_us_ != 0 && wake_at_us_ <= at_us) return;  // an earlier waking looks again
  wake_at_us_ = at_us;
  effects_.emplace_back(WakeAt{at_us});
}

CoreView ReplicaCore::Implementation::view() const {
  CoreView view;
  view.view = view_;
  view.active = active_;
  view.executed = executed_;
  view.certificate = certificate_;
  view.voting = voting_ && active_ && !diverged_ && certificate_ >= wrong_votes_up_to_ && remembers_enough() &&
                !(transfer_ && certificate_ > executed_) && has_room(certificate_ + 1);
  if (!own_roots_.empty()) {
    view.state_digest_seq = own_roots_.rbegin()->first;
    view.state_digest = own_roots_.rbegin()->second;
  }
  view.pending_operations = pool_.operations();
  view.pending_bytes = pool_.bytes();
  view.slots_held = slots_.size();
  view.base = base_;
  view.remembers = remembers_enough();
  view.incarnation = own_life().incarnation;
  view.agreed_time_us = executor_.agreed_time_us();
  view.view_timeout_us = view_timeout_us();
  return view;
}

CoreHeld ReplicaCore::Implementation::held() const {
  CoreHeld held;
  for (const auto& [seq, votes] : checkpoint_votes_) held.checkpoint_votes += votes.size();
  held.view_changes = view_changes_.size();
  held.new_views = dropped_by_.size();
  for (const auto& [seq, slot] : slots_)
    held.batches_of_slot_max = std::max(held.batches_of_slot_max, slot.batches.size());
  return held;
}

std::optional<Digest> ReplicaCore::Implementation::executed_digest(Seq seq) const {
  if (const auto* entry = decided_.find(seq)) return entry->digest;
  return std::nullopt;
}

// ---------------------------------------------------------------------------------------------------------------------
// Requests

void ReplicaCore::Implementation::receive(const Sender& from, Submit& message) {
  const auto& bundle = message.bundle->content;
  if (from.principal.kind != PrincipalKind::replica && from.principal != principal_of(bundle.client)) {
    count("bundle of another client");
    return;
  }
  if (!voting_ || diverged_) return refuse(from, bundle, RefusalReason::not_serving);
  if (const auto reason = judge_bundle(bundle)) return refuse(from, bundle, *reason);
  if (executor_.administration().is_removed(bundle.client)) {
    return refuse(from, bundle, RefusalReason::unknown_client);
  }
  if (answer_without_ordering(from, bundle)) return;
  admit(from, message.bundle);
}

std::optional<RefusalReason> ReplicaCore::Implementation::judge_bundle(const Bundle& bundle) const {
  if (bundle.cluster != config_.membership.cluster || bundle.epoch != config_.membership.epoch) {
    return RefusalReason::wrong_epoch;
  }
  if (executor_.administration().find_key(bundle.client) == nullptr) return RefusalReason::unknown_client;
  return std::nullopt;
}

/// What ordered changes have made of the clients: whoever keeps the connections is told, what a client that is gone
/// wanted is not owed, and a proposal may have waited for one who has come.
void ReplicaCore::Implementation::review_clients() {
  const auto& administration = executor_.administration();
  if (std::exchange(clients_reviewed_, administration.client_changes()) == administration.client_changes()) return;
  const auto tell = [this](ClientId id, std::optional<PublicKey> key) {
    effects_.emplace_back(SetClient{.client = id, .key = std::move(key)});
  };
  for (const auto id : clients_told_) {
    // Of a state that is gone: what the configuration says holds.
    const auto* configured = config_.membership.find_client(id);
    if (!administration.clients().contains(id)) {
      tell(id, configured == nullptr ? std::nullopt : std::optional(configured->key));
    }
  }
  clients_told_.clear();
  for (const auto& [id, entry] : administration.clients()) {
    tell(id, entry.removed ? std::nullopt : std::optional(entry.key));
    clients_told_.insert(id);
  }
  for (const auto& [client, session] : pool_.sessions()) {
    const bool unknown =
        administration.find_key(client) == nullptr;  // by a state that was taken instead of the own one
    if (unknown || administration.is_removed(client)) pool_.executed(client, session, 0, now_.monotonic_us);
  }
  reconsider_all_withheld();
}

SessionProgress ReplicaCore::Implementation::progress_of(const Bundle& bundle) const {
  const auto session = executor_.sessions().find(bundle.client, bundle.session);
  if (!session) return {};
  return {.open = true, .last_executed = session->last_executed};
}

bool ReplicaCore::Implementation::answer_without_ordering(const Sender& from, const Bundle& bundle) {
  const auto& sessions = executor_.sessions();
  const auto session = sessions.find(bundle.client, bundle.session);
  if (session ? bundle.end() - 1 > session->last_executed : bundle.session > sessions.evicted_floor(bundle.client)) {
    return false;
  }
  // Only the client itself is answered, and only as fast as its budget allows: a small bundle may ask for large
  // replies.
  if (!is_requester(from.principal) ||
      !may_send_more(reply_budgets_[bundle.client], config_.reply_again_bytes_per_second)) {
    count("reply not sent again");
    return true;
  }
  std::vector<ReplyEntry> entries;
  if (session) {
    entries = sessions.find_replies(bundle.client, bundle.session, *session, bundle.first, bundle.end());
    count("reply sent again");
  } else {
    for (std::size_t at = 0; at < bundle.operations.size(); ++at) {
      entries.push_back({.number = bundle.first + at,
                         .request_digest = authenticator_.digest(bundle.operations[at]),
                         .seq = 0,
                         .outcome = Outcome::session_evicted,
                         .result = {}});
    }
    count("request of an evicted session");
  }
  auto& budget = reply_budgets_[bundle.client];
  for (const auto& entry : entries) budget.owed_bytes += entry.result.size();
  Execution answer;
  answer.replies[{bundle.client, bundle.session}] = std::move(entries);
  reply(answer);
  return true;
}

/// Whoever was sent much waits until the rate has made up for it.
bool ReplicaCore::Implementation::may_send_more(SendBudget& budget, std::size_t bytes_per_second) {
  const auto elapsed_us = static_cast<std::uint64_t>(now_.monotonic_us - budget.updated_us);
  const std::uint64_t made_up = std::min<std::uint64_t>(elapsed_us, 60'000'000) * bytes_per_second / 1'000'000;
  budget.owed_bytes -= std::min(budget.owed_bytes, made_up);
  budget.updated_us = now_.monotonic_us;
  return budget.owed_bytes <= bytes_per_second / 8;
}

void ReplicaCore::Implementation::admit(const Sender& from, const std::shared_ptr<const SignedBundle>& bundle) {
  const auto& content = bundle->content;
  const auto progress = progress_of(content);
  // The window check has no overflow: the codec refuses numbers that could.
  if (content.end() - 1 > progress.last_executed + limits::session_window) {
    return refuse(from, content, RefusalReason::outside_window);
  }
  const bool from_replica = from.principal.kind == PrincipalKind::replica;
  const std::uint32_t relay = from_replica ? from.principal.id : config_.membership.n();
  switch (pool_.judge(*bundle, progress, relay)) {
    case RequestPool::Admission::known: count("request already pending"); break;
    case RequestPool::Admission::busy: return refuse(from, content, RefusalReason::busy);
    case RequestPool::Admission::too_many_sessions: return refuse(from, content, RefusalReason::too_many_sessions);
    case RequestPool::Admission::admitted:
      if (!signature_holds(*bundle)) return refuse(from, content, RefusalReason::bad_signature);
      pool_.add(bundle, progress, relay, now_.monotonic_us);
      break;
  }
  // A backup passes on what a client sends it, again each time the client does: the primary may have lost it.
  if (from_replica || (active_ && is_primary())) return;
  count("request passed on to the primary");
  if (active_) return send(config_.membership.primary(view_), Submit{bundle}, false);
  broadcast(Submit{bundle}, false);  // the others may have another primary, and know nothing of this replica's wish
}

void ReplicaCore::Implementation::refuse(const Sender& from, const Bundle& bundle, RefusalReason reason) {
  count(to_string(reason));
  if (!is_requester(from.principal)) return;
  effects_.emplace_back(Reply{.client = bundle.client,
                              .session = bundle.session,
                              .message = Refusal{.session = bundle.session, .first = bundle.first, .reason = reason},
                              .after_persists = false});
}

bool ReplicaCore::Implementation::signature_holds(const SignedBundle& bundle) {
  const auto* key = executor_.administration().find_key(bundle.content.client);
  return key != nullptr && authenticator_.verify(*key, wire::bundle_statement(bundle.body), bundle.signature);
}

void ReplicaCore::Implementation::receive(const Sender& from, ReportQuery& message) {
  if (!is_requester(from.principal) || executor_.administration().is_removed(requester_of(from.principal))) {
    count("report asked for by no client");
    return;
  }
  const auto own = view();
  Report report;
  report.nonce = message.nonce;
  report.epoch = config_.membership.epoch;
  report.incarnation = own_life().incarnation;
  report.view = own.view;
  report.last_executed = own.executed;
  report.stable_checkpoint = own.certificate;
  report.state_digest_seq = own.state_digest_seq;
  report.state_digest = own.state_digest;
  report.voting = own.voting;
  report.counters = {{"operations executed", operations_executed_},
                     {"bundles executed", bundles_executed_},
                     {"batches executed", batches_executed_},
                     {"operations pending", own.pending_operations},
                     {"slots held", own.slots_held},
                     {"durable state slot", own.base}};
  if (!active_) report.counters.emplace_back("view not begun", view_);
  if (!remembers_enough()) {
    report.counters.emplace_back("rejoin boundary slot", life_is_ordered() ? own_life().boundary : 0);
  }
  for (ReplicaId id = 0; id < config_.membership.n(); ++id) {
    const auto& held = evidence_.against(id);
    if (held.count == 0) continue;
    report.counters.emplace_back("contradictions of replica " + std::to_string(id) + ", first " + to_string(held.first),
                                 held.count);
  }
  if (const auto wasted_us = account_.wasted_us(); wasted_us > 0) {
    report.counters.emplace_back("ms wasted by the primary", wasted_us / 1'000);
  }
  if (lenience_.doublings() > 0) report.counters.emplace_back("lenience with primaries", lenience_.doublings());
  report_transfer(report);
  constexpr std::size_t members_told_max = 24;  // four counters each; the others' counters have room too
  for (auto& counter : executor_.groups().member_counters(members_told_max)) {
    report.counters.push_back(std::move(counter));
  }
  effects_.emplace_back(Reply{
      .client = requester_of(from.principal), .session = 0, .message = std::move(report), .after_persists = false});
}

void ReplicaCore::Implementation::receive(const Sender& /*from*/, Replies& /*message*/) {
  count("message not meant for a replica");
}
void ReplicaCore::Implementation::receive(const Sender& /*from*/, Refusal& /*message*/) {
  count("message not meant for a replica");
}
void ReplicaCore::Implementation::receive(const Sender& /*from*/, Report& /*message*/) {
  count("message not meant for a replica");
}

// ---------------------------------------------------------------------------------------------------------------------
// Proposing

void ReplicaCore::Implementation::propose() {
  // A quorum of those who wanted this view does not vote on the slots to come any more.
  if (may_lead() && next_seq_ <= executed_ + config_.window && !view_supports(next_seq_)) {
    return suspect("own view given up: no quorum of it votes on the next slot");
  }
  for (skip_taken_slots(); may_propose_now(); skip_taken_slots()) propose_batch();
}

bool ReplicaCore::Implementation::has_free_slot() const {
  return may_lead() && voting_ && in_window(next_seq_) && view_supports(next_seq_) &&
         next_seq_ - 1 - executed_ < config_.pipeline_depth &&
         (pool_.has_ready() || has_due_rejoin() || time_is_to_be_told() ||
          null_batch_due_us().value_or(now_.monotonic_us + 1) <= now_.monotonic_us);
}

/// A group's round ends by time, and nothing else is under way that would tell it.
bool ReplicaCore::Implementation::time_is_to_be_told() const {
  if (next_seq_ - 1 != executed_) return false;
  const auto deadline_us = executor_.groups().next_deadline_us();
  return deadline_us && *deadline_us <= now_.wall_us;
}

/// Idle: at once. Busy: when a batch is full, or when the oldest has waited for its part of what a slot takes. So
/// nothing waits when idle, the slots in flight follow each other at even distances, and where they take long because
/// processors or disks are busy, they become fewer and larger.
bool ReplicaCore::Implementation::may_propose_now() const {
  if (!has_free_slot()) return false;
  const bool idle = next_seq_ - 1 == executed_;
  if (idle || !pool_.has_ready() || has_due_rejoin()) return true;
  return pool_.ready_operations() >= config_.batch_operations_max ||
         now_.monotonic_us - pool_.oldest_ready_us() >= batch_wait_us();
}

/// How long a request waits for company while other slots are in flight.
MonotonicUs ReplicaCore::Implementation::batch_wait_us() const {
  return std::min(config_.batch_age_max_us, slot_time_us_ / config_.pipeline_depth);
}

/// Of what waits; the time alone, or the null batch, where nothing does.
SharedBatch ReplicaCore::Implementation::make_batch(std::vector<Rejoin> rejoins) {
  const auto pending = pool_.take(config_.batch_operations_max, config_.batch_bytes_max);
  if (pending.empty() && rejoins.empty() && time_is_to_be_told()) {
    count("time told");
    return std::make_shared<const Batch>(wire::encode_batch(now_.wall_us, {}, {}));
  }
  if (pending.empty() && rejoins.empty()) {
    charge_null_batch();
    count("null batch proposed");
    return std::make_shared<const Batch>();
  }
  std::vector<SignedBundle> bundles;
  bundles.reserve(pending.size());
  for (const auto& bundle : pending) bundles.push_back(*bundle);
  auto batch = wire::encode_batch(now_.wall_us, std::move(bundles), std::move(rejoins));
  return std::make_shared<const Batch>(std::move(batch));
}

/// Slots that are taken in this view: by somebody who has the same key (attack X4), whom others have believed.
void ReplicaCore::Implementation::skip_taken_slots() {
  for (auto slot = slots_.find(next_seq_); slot != slots_.end(); slot = slots_.find(next_seq_)) {
    const auto& recorded = slot->second.recorded;
    if (!recorded || recorded->view < view_) return;
    ++next_seq_;
  }
}

void ReplicaCore::Implementation::propose_batch() {
  const Seq seq = next_seq_;
  const auto batch = make_batch(take_due_rejoins(seq));
  ++next_seq_;
  auto& slot = slots_[seq];
  TAGMA_ASSERT(!slot.recorded || slot.recorded->view < view_, "a primary proposes a slot once in a view");
  // It promises nothing, and need not wait for the record: a primary that returns does not go on in a view that it
  // finds on its disk, and the view is durable.
  broadcast(PrePrepare{.view = view_, .seq = seq, .batch = batch}, false);
  const Digest digest = authenticator_.digest(batch->bytes);
  if (may_vote_in_view(seq)) return record(seq, slot, view_, digest, batch);
  slot.batches[digest] = batch;  // an earlier life's slot: the others vote on it
  slot.withheld = Ballot{.view = view_, .digest = digest};
  slot.withheld_unread = false;
  slot.proposed_us = now_.monotonic_us;
}

// ---------------------------------------------------------------------------------------------------------------------
// Effects

PersistNumber ReplicaCore::Implementation::persist(Record record) {
  effects_.emplace_back(Persist{.number = ++persists_, .record = std::move(record)});
  return persists_;
}

void ReplicaCore::Implementation::broadcast(Message message, bool after_persists) {
  effects_.emplace_back(Send{.to = std::nullopt, .message = std::move(message), .after_persists = after_persists});
}

void ReplicaCore::Implementation::send(ReplicaId to, Message message, bool after_persists) {
  effects_.emplace_back(Send{.to = to, .message = std::move(message), .after_persists = after_persists});
}

void ReplicaCore::Implementation::contradicts(ReplicaId replica, std::string_view counted_as,
                                              const Contradiction& contradiction) {
  count(counted_as);
  if (!evidence_.add(replica, contradiction)) return;
  effects_.emplace_back(Distrust{.replica = replica, .distrusted = true});
  effects_.emplace_back(
      Notice{"replica " + std::to_string(replica) + " is faulty: it has sent " + to_string(contradiction)});
}

void ReplicaCore::Implementation::alarm(std::string reason) {
  voting_ = false;
  effects_.emplace_back(Alarm{std::move(reason)});
}

}  // namespace tagma
