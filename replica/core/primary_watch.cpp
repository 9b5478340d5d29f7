// How this replica, as a backup, holds the primary to its work (docs/primary_account.md):
// what waits is pressed on it, what it wastes of the time is kept account of, and the time of day that it proposes is
// compared with the own clock. The rules themselves are in primary_account.h.
#include <algorithm>
#include <map>
#include <utility>

#include "replica/core/core_implementation.h"

namespace tagma {
namespace {

/// Parts of the timeout: the shortest and the longest time that is taken for a round trip to the primary.
constexpr MonotonicUs round_parts_max = 32;
constexpr MonotonicUs round_parts_min = 4;
/// Requests that have waited longest, and shortest, among which those to be pressed are looked for.
constexpr std::ptrdiff_t looked_at_max = 32;
/// A primary that has served for so many timeouts without being given up takes back a doubling of what is allowed.
constexpr MonotonicUs served_well_timeouts = 64;
/// The part of the timeout that others have for their votes on what this replica does not vote on for its own clock.
constexpr MonotonicUs others_vote_within_parts = 8;
/// Proposals in a row that must be behind the own clock before it counts.
constexpr std::uint32_t proposals_behind_min = 8;

}  // namespace

// ---------------------------------------------------------------------------------------------------------------------
// The time that is wasted

/// From a message to the primary to what it makes of it: twice what a slot takes here of late, within bounds.
MonotonicUs ReplicaCore::Implementation::round_us() const {
  return std::clamp(2 * slot_time_us_, view_timeout_us() / round_parts_max, view_timeout_us() / round_parts_min);
}

/// The time in which this replica was able to watch: what it slept or was kept from looking is not the primary's.
MonotonicUs ReplicaCore::Implementation::watched_now() const {
  return watched_us_ + std::min(now_.monotonic_us - watched_at_us_, 2 * timing_interval_us());
}

void ReplicaCore::Implementation::begin_watching() {
  pressed_.clear();
  account_.begin();
  behind_clock_ = {};
  own_clock_doubted_ = false;
  old_time_needs_.reset();
  watched_at_us_ = served_since_us_ = now_.monotonic_us;
  served_since_slot_ = executed_;
  stirred_us_ = charged_us_ = watched_us_;
  // What the primary proposed before this replica was in the view.
  excused_until_us_ = watched_us_ + resending_us();
}

/// Until what is lost, or was refused here for an own lack, has been sent again.
MonotonicUs ReplicaCore::Implementation::resending_us() const {
  return 2 * std::max(config_.resend_us, config_.status_interval_us);
}

/// The primary's next slots are proposed, if this is one of them: only the own window is not as far yet.
void ReplicaCore::Implementation::excuse_refusal_of(Seq seq) {
  if (seq <= executed_ || seq > executed_ + config_.pipeline_depth + 1) return;  // an old one tells nothing
  excused_until_us_ = watched_now() + resending_us();
}

void ReplicaCore::Implementation::stop_watching() {
  account_.pass(now_.monotonic_us - watched_at_us_, 0, lenience_.doublings());
  watched_at_us_ = now_.monotonic_us;
  pressed_.clear();
}

/// One whose proposed time keeps this replica from voting does not count: it would be a way to let it wait. But where
/// the others did not mind the last time, they are given a while.
std::optional<SharedBatch> ReplicaCore::Implementation::proposed_in_view(Seq seq, const Slot& slot) const {
  const auto batch = [&](const Digest& digest) {
    return digest == null_digest_ ? std::make_shared<const Batch>() : find_batch(slot, digest);
  };
  if (slot.recorded && slot.recorded->view == view_) return batch(slot.recorded->digest);
  if (slot.decided) return batch(*slot.decided);
  if (slot.chosen) return batch(*slot.chosen);
  // Nor does one that asks for clients of whom nobody has heard here.
  if (slot.withheld && slot.withheld_unread) return std::nullopt;
  if (slot.withheld) {
    auto withheld = batch(slot.withheld->digest);
    const bool others_may_vote =
        own_clock_doubted_ && now_.monotonic_us - slot.proposed_us < view_timeout_us() / others_vote_within_parts;
    if (others_may_vote || time_is_acceptable(*withheld)) return withheld;
    return std::nullopt;
  }
  if (const auto digest = vouched_for(seq, slot)) return batch(*digest);
  return std::nullopt;
}

/// Whether the primary has nothing in flight where the next slot to execute is.
bool ReplicaCore::Implementation::next_slot_is_free() const {
  const auto found = slots_.find(executed_ + 1);
  return found == slots_.end() || !proposed_in_view(found->first, found->second);
}

/// The last slot up to which it is known here what the primary has proposed.
Seq ReplicaCore::Implementation::proposals_known_up_to() const {
  Seq known = executed_;
  for (auto slot = slots_.find(known + 1); slot != slots_.end() && slot->first == known + 1; ++slot, ++known) {
    const auto batch = proposed_in_view(slot->first, slot->second);
    if (!batch || *batch == nullptr) break;
  }
  return known;
}

/// Of what waits, the oldest, the newest and what is pressed already, in the order of their age.
std::vector<RequestPool::Waiting> ReplicaCore::Implementation::worth_pressing(
    std::vector<RequestPool::Waiting> waiting) const {
  // Of a client that wants to open many sessions, the primary may have no room for more by this replica's way.
  std::erase_if(
      waiting, [this](const RequestPool::Waiting& each) { return each.openings > config_.openings_per_relay_max / 2; });
  const auto is_older = [](const auto& left, const auto& right) {
    return std::tuple(left.since_us, left.client, left.session) <
           std::tuple(right.since_us, right.client, right.session);
  };
  if (waiting.size() > 2 * looked_at_max) {
    const auto middle = waiting.begin() + looked_at_max;
    const auto last = waiting.end() - looked_at_max;
    std::nth_element(waiting.begin(), middle, waiting.end(), is_older);
    std::nth_element(middle, last, waiting.end(), is_older);
    waiting.erase(
        std::remove_if(middle, last, [this](const auto& each) { return !pressed_.tracks(each.client, each.session); }),
        last);
  }
  std::sort(waiting.begin(), waiting.end(), is_older);
  return waiting;
}

/// Those of them that are in no proposal of this view.
std::vector<UnproposedRequest> ReplicaCore::Implementation::unproposed(
    const std::vector<RequestPool::Waiting>& waiting) const {
  std::map<std::pair<ClientId, SessionId>, UnproposedRequest> found;
  for (const auto& each : waiting) {
    found.try_emplace({each.client, each.session}, UnproposedRequest{.client = each.client,
                                                                     .session = each.session,
                                                                     .number = each.number,
                                                                     .bundle = each.bundle,
                                                                     .since_us = each.since_us});
  }
  for (auto slot = slots_.upper_bound(executed_); slot != slots_.end() && !found.empty(); ++slot) {
    const auto batch = proposed_in_view(slot->first, slot->second);
    if (!batch || *batch == nullptr) continue;
    for (const auto& bundle : (*batch)->bundles) {
      const auto request = found.find({bundle.content.client, bundle.content.session});
      if (request == found.end()) continue;
      const auto number = request->second.number;
      if (bundle.content.first <= number && number < bundle.content.end()) found.erase(request);
    }
  }
  std::vector<UnproposedRequest> result;
  for (const auto& each : waiting) {
    const auto request = found.find({each.client, each.session});
    if (request != found.end()) result.push_back(std::move(request->second));
  }
  return result;
}

void ReplicaCore::Implementation::press_on_primary(std::vector<UnproposedRequest> requests) {
  pressed_.update(watched_us_, requests);
  for (auto& press : pressed_.take_due(watched_us_, round_us())) {
    count(press.to_all ? "request pressed: to all" : "request pressed on the primary");
    Submit message{std::move(press.bundle)};
    if (press.to_all) {
      broadcast(std::move(message), false);
    } else {
      send(config_.membership.primary(view_), std::move(message), false);
    }
  }
}

/// Since when something waits for the next slot, in watched time: what is pressed; and what is proposed beyond it,
/// which is of no use before the gap is filled. By then the primary had the time to send a proposal that was lost
/// again.
std::optional<MonotonicUs> ReplicaCore::Implementation::waits_for_next_since_us() const {
  auto since_us = pressed_.pressed_since_us();
  for (auto slot = slots_.upper_bound(executed_ + 1); slot != slots_.end(); ++slot) {
    const auto batch = proposed_in_view(slot->first, slot->second);
    if (!batch || *batch == nullptr || (*batch)->orders_nothing() || slot->second.proposed_us == 0) continue;
    const MonotonicUs beyond_us = watched_us_ - (now_.monotonic_us - slot->second.proposed_us) + resending_us();
    since_us = std::min(since_us.value_or(beyond_us), beyond_us);
  }
  return since_us;
}

/// What is to be charged now: the time in which a pressed request is in no proposal although the primary has proposed
/// nothing for a round, or has passed it over. Once, however many requests wait. That something was passed over is
/// certain only when all that was proposed before is known here; then it is charged from when it was.
MonotonicUs ReplicaCore::Implementation::take_wasted(MonotonicUs step_us) {
  MonotonicUs from_us = watched_us_;
  if (const auto since_us = next_slot_is_free() ? waits_for_next_since_us() : std::nullopt) {
    const MonotonicUs idle_us = std::max({*since_us, stirred_us_ + round_us(), excused_until_us_});
    from_us = std::min(from_us, std::max(idle_us, watched_us_ - step_us));
  }
  if (const auto since_us = pressed_.passed_over_since_us(proposals_known_up_to())) {
    from_us = std::min(from_us, *since_us);
  }
  from_us = std::max(from_us, charged_us_);
  if (from_us >= watched_us_) return 0;
  charged_us_ = watched_us_;
  return watched_us_ - from_us;
}

/// At each look at the primary, where this replica is able to judge it.
void ReplicaCore::Implementation::hold_to_work(std::vector<RequestPool::Waiting> waiting) {
  const MonotonicUs elapsed_us = now_.monotonic_us - watched_at_us_;
  const MonotonicUs step_us = watched_now() - watched_us_;
  watched_us_ += step_us;
  watched_at_us_ = now_.monotonic_us;
  if (is_primary() || !config_.holds_primary_to_work) return;
  press_on_primary(unproposed(worth_pressing(std::move(waiting))));
  account_.pass(elapsed_us, take_wasted(step_us), lenience_.doublings());
  if (account_.overdrawn(view_timeout_us(), lenience_.doublings())) {
    lenience_.given_up(config_.membership.primary(view_));
    return suspect("primary wastes time");
  }
  const bool long_enough = now_.monotonic_us - served_since_us_ >= served_well_timeouts * view_timeout_us();
  if (!long_enough || executed_ == served_since_slot_) return;
  served_since_us_ = now_.monotonic_us;
  served_since_slot_ = executed_;
  lenience_.served_well();
  if (!is_behind_clock(executor_.agreed_time_us(), std::max(time_lenience_.doublings(), 1U) - 1)) {
    time_lenience_.served_well();
  }
}

/// What is proposed beyond a gap is not what is waited for.
void ReplicaCore::Implementation::note_stirred(Seq seq) {
  if (seq <= executed_ + 1) stirred_us_ = watched_now();
}

void ReplicaCore::Implementation::note_proposal(Seq seq, const Batch& batch) {
  note_stirred(seq);
  const std::size_t operations = batch.operation_count();
  const std::size_t next_bytes_max =
      std::min(config_.bundle_bytes_max + limits::signature_bytes_max, config_.batch_bytes_max);
  const bool full = operations + std::min(config_.bundle_operations_max, config_.batch_operations_max) >
                        config_.batch_operations_max ||
                    batch.bytes.size() + next_bytes_max > config_.batch_bytes_max ||
                    batch.bundles.size() >= limits::batch_bundles_max;
  pressed_.proposed(watched_now(), {.seq = seq, .batch = batch, .full = full});
}

/// From when it and all before it were proposed here: what a primary lets stand beyond a gap must not make the rounds
/// longer that it is given.
void ReplicaCore::Implementation::note_slot_time(const Slot& slot) {
  if (!slot.recorded || slot.recorded->view != view_) return;
  proposed_without_gap_us_ = std::max(proposed_without_gap_us_, slot.proposed_us);
  const MonotonicUs took_us = now_.monotonic_us - proposed_without_gap_us_;
  slot_time_us_ = slot_time_us_ == 0 ? took_us : slot_time_us_ + (took_us - slot_time_us_) / 8;
}

// ---------------------------------------------------------------------------------------------------------------------
// The time of day

/// Whether it is behind the own clock by more than agreed time may be ahead of it.
bool ReplicaCore::Implementation::is_behind_clock(TimeUs time_us, std::uint32_t doublings) const {
  return time_us < now_.wall_us - (config_.clock_window_us << doublings);
}

/// Whether agreed time would stay behind if this were executed.
bool ReplicaCore::Implementation::is_behind_clock(const Batch& batch) const {
  return is_behind_clock(std::max(executor_.agreed_time_us(), batch.proposed_time_us), time_lenience_.doublings());
}

/// Of what is executed, in the order of the slots: in that of the proposals a late one with the right time, or an empty
/// one, could hide the others.
void ReplicaCore::Implementation::note_proposed_time(const Batch& batch) {
  if (batch.is_null() || !config_.holds_primary_to_work) return;
  if (!is_behind_clock(batch)) {
    behind_clock_ = {};
    return;
  }
  if (behind_clock_.proposals++ == 0) behind_clock_.since_us = now_.monotonic_us;
}

/// Whether this primary holds agreed time back, as the own clock has it: not by one proposal that was long on its way.
bool ReplicaCore::Implementation::holds_time_back() const {
  return behind_clock_.proposals >= proposals_behind_min &&
         now_.monotonic_us - behind_clock_.since_us >= view_timeout_us();
}

/// This primary's proposal waits since it leaves agreed time behind the own clock. Of several the one that lacks least
/// counts: a correct primary's all lack about the same.
void ReplicaCore::Implementation::note_old_time(const Batch& batch) {
  std::uint32_t needed = 0;
  while (needed < time_doublings_max && batch.proposed_time_us < now_.wall_us - (config_.clock_window_us << needed)) {
    ++needed;
  }
  if (needed > 0) old_time_needs_ = std::min(needed, old_time_needs_.value_or(needed));
}

/// Where rounds of groups end by time, none is to begin with an old hour and to go on with a new one: what leaves
/// agreed time behind waits for f+1 others at once, and not only where a primary does it for long.
bool ReplicaCore::Implementation::time_is_acceptable(const Batch& batch) const {
  if (!in_clock_window(batch)) return false;
  const bool judged = executor_.groups().any_deadline() || holds_time_back();
  return batch.is_null() || !judged || !is_behind_clock(batch);
}

}  // namespace tagma
