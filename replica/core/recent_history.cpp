#include "replica/core/recent_history.h"

#include <algorithm>

#include "messages/assert.h"

namespace tagma {

void RecentHistory::executed(Seq seq, const SlotHistory& slot) {
  TAGMA_ASSERT(seq == executed_ + 1, "slots are executed in order");
  executed_ = seq;
  slots_.push_back(slot);
  if (slots_.size() > slots_max_) slots_.pop_front();
}

void RecentHistory::checkpoint(Seq seq, const Digest& root) {
  TAGMA_ASSERT(roots_.empty() || seq > roots_.back().seq, "checkpoints rise");
  roots_.push_back({seq, root});
  if (roots_.size() > roots_max_) roots_.pop_front();
}

History RecentHistory::tell(Seq first, std::uint32_t count) const {
  History history;
  history.executed = executed_;
  history.oldest = executed_ + 1 - slots_.size();
  history.first = std::max(first, history.oldest);
  if (history.first <= executed_ && history.first - first < count) {
    const auto from = static_cast<std::ptrdiff_t>(history.first - history.oldest);
    const auto wanted = std::min<Seq>(count - (history.first - first), executed_ - history.first + 1);
    history.slots.assign(slots_.begin() + from, slots_.begin() + from + static_cast<std::ptrdiff_t>(wanted));
  }
  history.roots.assign(roots_.begin(), roots_.end());
  return history;
}

}  // namespace tagma
