#include "replica/core/primary_account.h"

#include <algorithm>
#include <utility>

namespace tagma {
namespace {

/// Requests of either kind that are pressed at the same time. Any one of them that waits is enough.
constexpr std::size_t pressed_max_each = 4;
/// Turns by which another may be ahead: one for its place in the round, one to spare.
constexpr std::uint32_t turns_ahead_max = 2;

}  // namespace

void PressedRequests::update(MonotonicUs now_us, const std::vector<UnproposedRequest>& unproposed) {
  const auto is_same = [](const UnproposedRequest& left, const UnproposedRequest& right) {
    return left.client == right.client && left.session == right.session && left.since_us == right.since_us;
  };
  std::erase_if(tracked_, [&](const Tracked& tracked) {
    return std::none_of(unproposed.begin(), unproposed.end(),
                        [&](const UnproposedRequest& each) { return is_same(each, tracked.request); });
  });
  track(now_us, Kind::oldest, unproposed.begin(), unproposed.end());
  track(now_us, Kind::newest, unproposed.rbegin(), unproposed.rend());
}

template <typename Iterator>
void PressedRequests::track(MonotonicUs now_us, Kind kind, Iterator first, Iterator last) {
  auto places = pressed_max_each -
                static_cast<std::size_t>(std::count_if(
                    tracked_.begin(), tracked_.end(), [kind](const Tracked& tracked) { return tracked.kind == kind; }));
  for (; first != last && places > 0; ++first) {
    if (tracks(first->client, first->session)) continue;
    Tracked tracked;
    tracked.kind = kind;
    tracked.request = *first;
    tracked.press_us = now_us;
    tracked_.push_back(std::move(tracked));
    --places;
  }
}

bool PressedRequests::tracks(ClientId client, SessionId session) const {
  return std::any_of(tracked_.begin(), tracked_.end(), [&](const Tracked& tracked) {
    return tracked.request.client == client && tracked.request.session == session;
  });
}

std::vector<PressedRequests::Press> PressedRequests::take_due(MonotonicUs now_us, MonotonicUs round_us) {
  constexpr std::uint32_t presses_needed = 2;
  std::vector<Press> due;
  for (auto& tracked : tracked_) {
    const MonotonicUs since_us = now_us - tracked.press_us;
    if (!tracked.pressed_us && tracked.presses >= presses_needed && since_us >= 2 * round_us) {
      tracked.pressed_us = now_us;
    }
    // The first at once, the second after a round; then ever again, as long as it lasts.
    const MonotonicUs wait_us = tracked.presses == 0 ? 0 : tracked.presses == 1 ? round_us : 2 * round_us;
    if (since_us < wait_us) continue;
    ++tracked.presses;
    tracked.press_us = now_us;
    due.push_back({.bundle = tracked.request.bundle, .to_all = tracked.presses == presses_needed});
  }
  return due;
}

void PressedRequests::proposed(MonotonicUs now_us, const SeenProposal& proposal) {
  for (auto& tracked : tracked_) {
    // Of several that pass it over the lowest counts: all before a far one may never be known.
    if (!tracked.pressed_us || (tracked.passed_over && tracked.passed_over->seq <= proposal.seq)) continue;
    if (++tracked.proposals <= rules_.under_way_max) continue;
    if (!proposal.full) {
      tracked.passed_over = {.at_us = now_us, .seq = proposal.seq};
      continue;
    }
    for (const auto& bundle : proposal.batch.bundles) {
      if (bundle.content.client != tracked.request.client) {
        ++tracked.turns[bundle.content.client];
      } else if (bundle.content.session != tracked.request.session) {
        ++tracked.own_turns;
        ++tracked.sessions[bundle.content.session];
      }
    }
    if (is_unfair(tracked)) tracked.passed_over = {.at_us = now_us, .seq = proposal.seq};
  }
}

bool PressedRequests::is_unfair(const Tracked& tracked) const {
  const auto more_than = [](std::uint32_t turns) { return [turns](const auto& each) { return each.second > turns; }; };
  return tracked.own_turns > rules_.sessions_waiting_max + turns_ahead_max ||
         std::any_of(tracked.turns.begin(), tracked.turns.end(), more_than(tracked.own_turns + turns_ahead_max)) ||
         std::any_of(tracked.sessions.begin(), tracked.sessions.end(), more_than(turns_ahead_max));
}

std::optional<MonotonicUs> PressedRequests::pressed_since_us() const {
  std::optional<MonotonicUs> since_us;
  for (const auto& tracked : tracked_) {
    if (tracked.pressed_us) since_us = std::min(since_us.value_or(*tracked.pressed_us), *tracked.pressed_us);
  }
  return since_us;
}

std::optional<MonotonicUs> PressedRequests::passed_over_since_us(Seq known_up_to) const {
  std::optional<MonotonicUs> since_us;
  for (const auto& tracked : tracked_) {
    if (!tracked.passed_over || tracked.passed_over->seq > known_up_to) continue;
    since_us = std::min(since_us.value_or(tracked.passed_over->at_us), tracked.passed_over->at_us);
  }
  return since_us;
}

void WasteAccount::pass(MonotonicUs elapsed_us, MonotonicUs wasted_us, std::uint32_t doublings) {
  const MonotonicUs allowed_us = (elapsed_us << doublings) / share;
  wasted_us_ = std::max<MonotonicUs>(0, wasted_us_ + wasted_us - allowed_us);
}

}  // namespace tagma
