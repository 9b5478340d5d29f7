#include "replica/runtime/flood_guard.h"

#include <algorithm>
#include <functional>
#include <vector>

namespace tagma::runtime {

void FloodGuard::roll(MonotonicUs now_us) {
  const MonotonicUs elapsed_us = now_us - period_since_us_;
  if (elapsed_us < period_us) return;
  period_since_us_ = now_us;
  for (auto& [principal, member] : members_) {
    member.before = elapsed_us < 2 * period_us ? member.now : Cost{};
    member.now = {};
  }
}

void FloodGuard::served(const Principal& sender, std::uint64_t cost_ns, MonotonicUs now_us) {
  if (faulty_max_ == 0) return;
  roll(now_us);
  auto& cost = members_[sender].now;
  ++cost.messages;
  cost.ns += cost_ns;
}

bool FloodGuard::overflowed(const Principal& sender, MonotonicUs now_us) {
  if (faulty_max_ == 0) return false;
  roll(now_us);
  auto& member = members_[sender];
  if (now_us < member.cut_until_us || !floods(sender)) return false;
  const bool again = member.cut_us > 0 && now_us - member.cut_until_us < forgotten_us;
  member.cut_us = again ? std::min(2 * member.cut_us, cut_max_us) : cut_min_us;
  member.cut_until_us = now_us + member.cut_us;
  return true;
}

bool FloodGuard::floods(const Principal& sender) const {
  std::vector<std::uint64_t> messages;
  std::vector<std::uint64_t> costs_ns;
  for (const auto& [principal, member] : members_) {
    if (principal == sender) continue;
    messages.push_back(member.lately().messages);
    costs_ns.push_back(member.lately().ns);
  }
  if (messages.size() < faulty_max_) return false;
  // The sender is one of f that may be faulty; of the others f-1 may be.
  const auto of_a_correct_one = [this](std::vector<std::uint64_t>& figures) {
    const auto at = figures.begin() + (faulty_max_ - 1);
    std::nth_element(figures.begin(), at, figures.end(), std::greater<>());
    return *at;
  };
  const Cost own = members_.at(sender).lately();
  return own.messages > messages_free + times_others * of_a_correct_one(messages) ||
         own.ns > cost_free_ns + times_others * of_a_correct_one(costs_ns);
}

bool FloodGuard::is_cut_off(const Principal& sender, MonotonicUs now_us) const { return now_us < cut_until_us(sender); }

MonotonicUs FloodGuard::cut_until_us(const Principal& sender) const {
  const auto found = members_.find(sender);
  return found == members_.end() ? 0 : found->second.cut_until_us;
}

}  // namespace tagma::runtime
