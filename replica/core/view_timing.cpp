// When a view is left for its primary's sake (docs/protocol.md, "When something is overdue"). Each thing that the
// primary owes has a time of its own, so that no other's progress puts it off (attack P4); and a busy primary is given
// the time for what stood before it.
#include <algorithm>
#include <utility>

#include "messages/mutant.h"
#include "replica/core/core_implementation.h"

namespace tagma {
namespace {

/// Requests that are sent to all others at once because the primary lets them wait.
constexpr std::size_t relayed_max = 64;
/// Requests that a new primary is told of.
constexpr std::size_t passed_on_max = 256;
/// A view that has gone on for so many timeouts takes back one doubling of the timeout.
constexpr MonotonicUs steady_timeouts = 10;
/// Timeouts that a request may wait at most because of what stood before it.
constexpr MonotonicUs patience_timeouts = 16;
/// Timeouts for which peers are believed that this replica is behind them.
constexpr MonotonicUs believed_timeouts = 2;
/// Timeouts after which a primary gives its view up for a replica that has left it, the first time.
constexpr MonotonicUs yielding_timeouts = 32;
/// It takes twice as long each further time, so many times.
constexpr std::uint32_t yielding_doublings_max = 8;
/// Waits, per member, after which a doubling is taken back: more than pass while each primary in turn makes room for
/// one that never stops asking.
constexpr MonotonicUs yielding_forgotten_waits = 4;
/// Heartbeats after which a peer that was not heard again no longer counts as waiting.
constexpr MonotonicUs said_lately_heartbeats = 4;

}  // namespace

bool ReplicaCore::Implementation::may_change_views() const { return voting_ && life_is_ordered(); }

MonotonicUs ReplicaCore::Implementation::view_timeout_us() const {
  return config_.view_change_timeout_us << doublings_;
}

void ReplicaCore::Implementation::begin_timing() {
  timing_since_us_ = steady_since_us_ = now_.monotonic_us;
  for (auto& peer : peers_) peer.waits_above_since_us = 0;
}

/// One that did not begin, or began and executed nothing: perhaps messages take longer than was thought.
void ReplicaCore::Implementation::note_fruitless_view() {
  if (active_ && executed_ > entered_at_) return;
  doublings_ = std::min(doublings_ + 1, config_.view_change_doublings_max);
}

/// Where others stay in the view that this replica has left, for longer than its own timeout, although something waits
/// and nothing is executed, theirs are longer: without it there may be no quorum to vote, and none to leave until
/// theirs have run out. So it takes the time that it has to wait for its timeout; among f+1 that say so one is correct,
/// so that this is no longer than a correct replica's.
void ReplicaCore::Implementation::note_lonely_suspicion() {
  const auto stays = [this](const Peer& peer) {
    return peer.stays_us > left_us_ && now_.monotonic_us - peer.stays_us <= 2 * config_.heartbeat_us;
  };
  const auto staying = std::count_if(peers_.begin(), peers_.end(), stays);
  const MonotonicUs since_us = std::max(left_us_, executed_us_);
  if (staying < config_.membership.weak_quorum() || now_.monotonic_us - since_us < view_timeout_us()) return;
  // They stay for no such reason where the view serves them, or nobody asks.
  if (doublings_ == config_.view_change_doublings_max || pool_.waiting().empty()) return;
  ++doublings_;
  count("timeout doubled: others stay in their view");
}

/// Whether this primary leads without a replica that has left the view and says so.
bool ReplicaCore::Implementation::leads_without_one() const {
  return active_ && is_primary() &&
         std::any_of(peers_.begin(), peers_.end(), [](const Peer& peer) { return peer.waits_above_since_us != 0; });
}

/// Whoever has left the view alone votes no more until the next one begins: for ever where nothing goes wrong, and then
/// one failure less is borne. So its primary makes room after a while. A view change that all take part in costs
/// little; and a faulty replica that asks for one again and again waits for each twice as long as for the one before.
/// What it waited for is forgotten as slowly.
bool ReplicaCore::Implementation::yields() {
  const auto wait_us_for = [this](const Peer& peer) {
    return (yielding_timeouts * config_.view_change_timeout_us) << peer.yielded;
  };
  for (auto& peer : peers_) {
    if (now_.monotonic_us - peer.waits_above_us > said_lately_heartbeats * config_.heartbeat_us) {
      peer.waits_above_since_us = 0;
    }
    const auto forgotten_us = [&] { return yielding_forgotten_waits * config_.membership.n() * wait_us_for(peer); };
    while (peer.yielded > 0 && now_.monotonic_us - peer.yielded_us >= forgotten_us()) {
      peer.yielded_us += forgotten_us();
      --peer.yielded;
    }
    if (peer.waits_above_since_us == 0 || now_.monotonic_us - peer.waits_above_since_us < wait_us_for(peer)) continue;
    peer.waits_above_since_us = 0;
    peer.yielded = std::min(peer.yielded + 1, yielding_doublings_max);
    peer.yielded_us = now_.monotonic_us;
    return true;
  }
  return false;
}

/// A process that was stopped, or a machine that slept, must not hold the time against the primary.
void ReplicaCore::Implementation::notice_pause() {
  if (wake_at_us_ == 0 || now_.monotonic_us - wake_at_us_ <= config_.view_change_timeout_us / 2) return;
  if (std::exchange(paused_wake_us_, wake_at_us_) == wake_at_us_) return;
  count("own pause noticed");
  begin_timing();
  if (new_view_due_us_ != 0) new_view_due_us_ = now_.monotonic_us + view_timeout_us();
}

/// What it lacks is its own lack: it fetches, and does not blame the primary. But where nothing comes of it for long,
/// those who are ahead may be too few to help: a liar, and one that has left the view. And where peers alone say so, it
/// is believed for a third of the time only: a primary that says so too, and lets one correct replica after the other
/// be a slot ahead, could let every request wait for ever.
bool ReplicaCore::Implementation::is_behind() {
  if (needs_state() || state_is_given_up()) return true;
  const auto ahead =
      std::count_if(peers_.begin(), peers_.end(), [this](const Peer& peer) { return peer.executed > executed_; });
  const MonotonicUs believed_us = believed_timeouts * view_timeout_us();
  if (ahead < config_.membership.weak_quorum() || now_.monotonic_us - executed_us_ >= believed_us) return false;
  if (now_.monotonic_us - believed_since_us_ >= 3 * believed_us) believed_since_us_ = now_.monotonic_us;
  return now_.monotonic_us - believed_since_us_ < believed_us;
}

/// How long a request may wait for its turn behind others, beside the timeout.
MonotonicUs ReplicaCore::Implementation::patience_us(const RequestPool::Waiting& waiting) const {
  const std::uint64_t operations_rate = std::max(operations_per_second_, config_.operations_per_second_min);
  const std::uint64_t bytes_rate = std::max(bytes_per_second_, config_.bytes_per_second_min);
  const std::uint64_t turn_us =
      waiting.backlog_operations * 1'000'000 / operations_rate + waiting.backlog_bytes * 1'000'000 / bytes_rate;
  // However much a client that is in league with the primary has put before the others.
  return std::min(static_cast<MonotonicUs>(turn_us * config_.slowness_max), patience_timeouts * view_timeout_us());
}

/// The best rate of late: it fades by a tenth with each look.
void ReplicaCore::Implementation::measure_rate() {
  const MonotonicUs elapsed_us = now_.monotonic_us - rate_since_us_;
  if (elapsed_us < config_.view_change_timeout_us) return;
  const auto renew = [elapsed_us](std::uint64_t& rate, std::uint64_t done, std::uint64_t& before) {
    rate = std::max((done - before) * 1'000'000 / static_cast<std::uint64_t>(elapsed_us), rate - rate / 10);
    before = done;
  };
  renew(operations_per_second_, operations_executed_, rate_since_operations_);
  renew(bytes_per_second_, bytes_executed_, rate_since_bytes_);
  rate_since_us_ = now_.monotonic_us;
}

/// Since when the lowest slot that the primary has proposed here, and that is not executed, has been waited for.
std::optional<MonotonicUs> ReplicaCore::Implementation::slot_waiting_since_us() const {
  for (auto found = slots_.upper_bound(executed_); found != slots_.end(); ++found) {
    const auto& slot = found->second;
    if ((slot.recorded && slot.recorded->view == view_) || slot.withheld || slot.chosen) {
      return std::max(executed_us_, slot.proposed_us);
    }
  }
  return std::nullopt;
}

std::optional<std::string_view> ReplicaCore::Implementation::overdue(
    const std::vector<RequestPool::Waiting>& requests) const {
  const MonotonicUs now_us = now_.monotonic_us;
  const auto late = [&](MonotonicUs since_us, MonotonicUs allowed_us) {
    return now_us - std::max(since_us, timing_since_us_) >= allowed_us;
  };
  const MonotonicUs timeout_us = view_timeout_us();
  if (const auto since_us = slot_waiting_since_us(); since_us && late(*since_us, timeout_us)) {
    return "timeout: a slot in flight";
  }
  for (const auto& waiting : requests) {
    if (mutant(Mutant::request_never_owed)) break;
    if (late(waiting.since_us, timeout_us + patience_us(waiting))) return "timeout: a request";
    if (late(std::max(waiting.since_us, executed_us_), timeout_us)) return "timeout: nothing is executed";
  }
  for (const auto& [replica, pending] : pending_rejoins_) {
    if (replica != config_.id && pending.due_since_us != 0 && late(pending.due_since_us, timeout_us)) {
      return "timeout: a REJOIN";
    }
  }
  const MonotonicUs null_us = 2'000'000 / static_cast<MonotonicUs>(config_.null_batches_per_second);
  for (ReplicaId id = 0; id < lives_.size(); ++id) {
    if (id != config_.id && needs_null_batches(id) &&
        late(std::max(executed_us_, null_since_us_), timeout_us + null_us)) {
      return "timeout: an empty window below a boundary";
    }
  }
  if (end_is_overdue()) return "timeout: the end of a group's round";
  return std::nullopt;
}

bool ReplicaCore::Implementation::has_timed() const {
  if (!may_change_views()) return false;
  if (!active_) return new_view_due_us_ != 0;
  if (leads_without_one()) return true;
  if (executor_.groups().next_deadline_us()) return true;
  if (pool_.operations() > 0 || slot_waiting_since_us() || !pending_rejoins_.empty() || doublings_ > 0) return true;
  for (ReplicaId id = 0; id < lives_.size(); ++id) {
    if (needs_null_batches(id)) return true;
  }
  return false;
}

/// Twice as often where it is to be seen what the primary lets wait.
MonotonicUs ReplicaCore::Implementation::timing_interval_us() const {
  const bool waits = config_.holds_primary_to_work && active_ && !is_primary() && pool_.operations() > 0;
  return std::max<MonotonicUs>(1, config_.view_change_timeout_us / (waits ? 32 : 16));
}

MonotonicUs ReplicaCore::Implementation::next_timing_us() const { return last_timing_us_ + timing_interval_us(); }

void ReplicaCore::Implementation::look_after_primary() {
  if (now_.monotonic_us < next_timing_us() || !may_change_views()) return;
  last_timing_us_ = now_.monotonic_us;
  measure_rate();
  note_due();
  note_deadlines();
  if (!active_) {
    // Behind, it waits for its own state and not for the primary.
    if (new_view_due_us_ == 0) note_lonely_suspicion();
    const bool waits_for_own_state = pending_new_view_ != nullptr && executed_ < certificate_;
    if (new_view_due_us_ == 0 || now_.monotonic_us < new_view_due_us_ || waits_for_own_state) return;
    note_fruitless_view();
    return suspect("timeout: no NEW-VIEW");
  }
  if (now_.monotonic_us - steady_since_us_ >= steady_timeouts * view_timeout_us()) {
    steady_since_us_ = now_.monotonic_us;
    doublings_ -= std::min<std::uint32_t>(doublings_, 1);
  }
  if (leads_without_one() && yields()) return suspect("own view given up: a replica has left it for long");
  // Where the window is full it is a checkpoint that is waited for.
  if (!has_heard_a_quorum() || is_behind() || !in_window(executed_ + 1)) {
    stop_watching();
    return begin_waiting_anew();
  }
  fetch_missing_batches();
  auto waiting = pool_.waiting();
  relay_waiting(waiting);
  if (const auto why = overdue(waiting)) {
    note_fruitless_view();
    return suspect(*why);
  }
  hold_to_work(std::move(waiting));
}

/// A process that has just begun has no connections yet: what does not reach it, and whom it does not reach, is
/// nobody's fault. Of all correct replicas a quorum is heard soon, so that faulty ones cannot keep it from timing.
void ReplicaCore::Implementation::note_heard(ReplicaId from) {
  auto& peer = peers_[from];
  if (peer.heard) return;
  peer.heard = true;
  ++heard_;
  if (active_ && heard_ + 1 == config_.membership.quorum()) begin_timing();
}

bool ReplicaCore::Implementation::has_heard_a_quorum() const { return heard_ + 1 >= config_.membership.quorum(); }

void ReplicaCore::Implementation::begin_waiting_anew() { timing_since_us_ = now_.monotonic_us; }

/// Since when things that have no arrival of their own are owed.
void ReplicaCore::Implementation::note_due() {
  for (auto& [replica, pending] : pending_rejoins_) {
    const bool due = executor_.members().may_rejoin(pending.rejoin.content, next_seq_);
    if (!due) pending.due_since_us = 0;
    if (due && pending.due_since_us == 0) pending.due_since_us = now_.monotonic_us;
  }
  bool needed = false;
  for (ReplicaId id = 0; id < lives_.size(); ++id) needed = needed || needs_null_batches(id);
  if (!needed) null_since_us_ = 0;
  if (needed && null_since_us_ == 0) null_since_us_ = now_.monotonic_us;
}

/// By monotonic time, and by the own clock as well: agreed time stands at the deadline when as much has passed as was
/// left, and three times what clocks may differ: agreed time may have been ahead of all clocks, and this primary's be
/// behind them. By neither alone: a clock that was set back, or is wrong, blames nobody.
void ReplicaCore::Implementation::note_deadlines() {
  const auto deadlines = executor_.groups().deadlines();
  std::erase_if(awaited_ends_, [&](const auto& awaited) {
    return std::none_of(deadlines.begin(), deadlines.end(), [&](const auto& each) {
      return each.first == awaited.first && each.second == awaited.second.deadline_us;
    });
  });
  for (const auto& [group, deadline_us] : deadlines) {
    const TimeUs left_us = std::max<TimeUs>(deadline_us - executor_.agreed_time_us(), 0);
    awaited_ends_.try_emplace(group, AwaitedEnd{.deadline_us = deadline_us,
                                                .due_us = now_.monotonic_us + left_us + 3 * config_.clock_window_us});
  }
}

bool ReplicaCore::Implementation::end_is_overdue() const {
  return std::any_of(awaited_ends_.begin(), awaited_ends_.end(), [this](const auto& awaited) {
    const MonotonicUs since_us = std::max(awaited.second.due_us, timing_since_us_);
    return is_behind_clock(awaited.second.deadline_us, time_lenience_.doublings()) &&
           now_.monotonic_us - since_us >= view_timeout_us();
  });
}

/// To all, after half of the time and again after each further quarter: a timer that runs at f or fewer correct
/// replicas would make them leave the view alone. Those who get it time it as well.
void ReplicaCore::Implementation::relay_waiting(const std::vector<RequestPool::Waiting>& requests) {
  std::size_t relayed = 0;
  for (const auto& waiting : requests) {
    if (relayed >= relayed_max) return;
    const MonotonicUs allowed_us = view_timeout_us() + patience_us(waiting);
    const MonotonicUs since_us = std::max(waiting.since_us, timing_since_us_);
    // Whichever of the two times runs out first: its own, or that in which something must be executed.
    const MonotonicUs idle_us = now_.monotonic_us - std::max(since_us, executed_us_);
    const bool idle = idle_us >= view_timeout_us() / 2;
    if (!idle && now_.monotonic_us - since_us < allowed_us / 2) continue;
    const MonotonicUs again_us = (idle ? view_timeout_us() : allowed_us) / 4;
    if (waiting.relayed_us > since_us && now_.monotonic_us - waiting.relayed_us < again_us) continue;
    pool_.relayed(waiting.client, waiting.session, now_.monotonic_us);
    count("request relayed to all");
    broadcast(Submit{waiting.bundle}, false);
    ++relayed;
  }
  for (auto& [replica, pending] : pending_rejoins_) {
    const MonotonicUs since_us = std::max({pending.due_since_us, timing_since_us_, pending.relayed_us});
    if (pending.due_since_us == 0 || now_.monotonic_us - since_us < view_timeout_us() / 2) continue;
    pending.relayed_us = now_.monotonic_us;
    broadcast(pending.rejoin, false);
  }
}

/// The new primary may know nothing of what the one before was asked.
void ReplicaCore::Implementation::pass_waiting_on() {
  if (is_primary()) return;
  const ReplicaId primary = config_.membership.primary(view_);
  std::size_t passed = 0;
  for (const auto& waiting : pool_.waiting()) {
    if (passed++ >= passed_on_max) return;
    send(primary, Submit{waiting.bundle}, false);
  }
  for (const auto& [replica, pending] : pending_rejoins_) {
    if (replica != primary) send(primary, pending.rejoin, false);
  }
}

}  // namespace tagma
