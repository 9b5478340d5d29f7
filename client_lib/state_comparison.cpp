#include "client_lib/state_comparison.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "tagma/limits.h"

namespace tagma {
namespace {

/// More slots than any replica remembers: one that claims more is not asked for them.
constexpr Seq slots_looked_at_max = 65'536;
/// How often the oldest slot that a replica remembers may move on while it is asked.
constexpr std::uint32_t jumps_max = 8;
/// Attempts in which two newest checkpoints may still meet at one slot, once it is known that the replicas differ.
constexpr std::size_t attempts_to_meet = 3;

CheckpointRoot newest_root(const History& history) {
  return history.roots.empty() ? CheckpointRoot{} : history.roots.back();
}

const Digest* root_at(const History& history, Seq seq) {
  const auto at = std::lower_bound(history.roots.begin(), history.roots.end(), seq,
                                   [](const CheckpointRoot& root, Seq wanted) { return root.seq < wanted; });
  return at != history.roots.end() && at->seq == seq ? &at->root : nullptr;
}

/// What the roots that both remember say.
struct CommonRoots {
  Seq newest = 0;           ///< the newest checkpoint that both remember; 0 if there is none
  Seq first_different = 0;  ///< 0: they differ nowhere
  Seq last_same = 0;        ///< below first_different; 0: none, or the beginning
};

CommonRoots compare_roots(const History& left, const History& right) {
  CommonRoots common;
  for (const auto& root : left.roots) {
    const Digest* other = root_at(right, root.seq);
    if (other == nullptr) continue;
    common.newest = root.seq;
    if (*other == root.root) {
      common.last_same = root.seq;
      common.first_different = 0;  // what differed before has been repaired
    } else if (common.first_different == 0) {
      common.first_different = root.seq;
    }
  }
  return common;
}

std::string of_slot(const CheckpointRoot& root) {
  return root.seq == 0 ? "none yet" : "of slot " + std::to_string(root.seq);
}

class Comparer {
 public:
  Comparer(StateSource& left, StateSource& right, const DigestFunction& digest, const ComparisonOptions& options)
      : left_(left), right_(right), digest_(digest), options_(options) {}

  Comparison run() {
    for (std::size_t attempt = 1;; ++attempt) {
      if (attempt > 1 && options_.pause) options_.pause();
      result_ = {};
      if (look(attempt)) return std::move(result_);
    }
  }

 private:
  /// One attempt. False if another one may tell more.
  bool look(std::size_t attempt) {
    const bool last_attempt = attempt >= options_.attempts_max;
    auto left = fetch_roots(left_);
    auto right = fetch_roots(right_);
    if (!left || !right) return true;
    result_.left = newest_root(*left);
    result_.right = newest_root(*right);
    const auto common = compare_roots(*left, *right);
    const bool same_slot = result_.left.seq == result_.right.seq;
    if (!same_slot && !last_attempt && (common.first_different == 0 || attempt < attempts_to_meet)) return false;
    if (!fetch_slots(left_, common, *left) || !fetch_slots(right_, common, *right)) return true;
    result_.parting = find_parting(*left, *right);
    if (common.first_different != 0) {
      result_.verdict = Comparison::Verdict::different;
      result_.same_up_to = common.last_same;
      return walk(last_attempt);
    }
    judge_without_difference(*left, *right, common, same_slot);
    return true;
  }

  std::optional<History> fetch_roots(StateSource& source) {
    auto history = source.history(1, 0);
    if (history) return *std::move(history);
    no_answer(source, history.reason());
    return std::nullopt;
  }

  void no_answer(const StateSource& source, const std::string& reason) {
    result_.answered = false;
    result_.culprit = &source == &left_ ? Culprit::left : Culprit::right;
    result_.trouble = reason;
  }

  /// The slots behind the last checkpoint at which both were the same, up to the first at which they differed.
  bool fetch_slots(StateSource& source, const CommonRoots& common, History& history) {
    history.first = common.last_same + 1;
    history.slots.clear();
    Seq end = common.first_different != 0 ? common.first_different : history.executed;
    if (end <= common.last_same) return true;
    end = common.last_same + std::min(end - common.last_same, slots_looked_at_max);
    std::uint32_t jumps = 0;
    for (Seq next = common.last_same + 1; next <= end;) {
      const auto count = static_cast<std::uint32_t>(std::min<Seq>(limits::history_slots_max, end - next + 1));
      auto part = source.history(next, count);
      if (!part) {
        no_answer(source, part.reason());
        return false;
      }
      history.oldest = std::max(history.oldest, part->oldest);
      if (part->slots.empty()) {
        // Nothing more is remembered, or a replica that names one slot behind the other leads us on for ever.
        if (part->oldest <= next || ++jumps > jumps_max) break;
        next = part->oldest;
        history.slots.clear();
        continue;
      }
      if (part->first < next || part->first > end) break;  // not what was asked for
      if (history.slots.empty() || part->first != next) {
        history.slots.clear();
        history.first = part->first;
      }
      history.slots.insert(history.slots.end(), part->slots.begin(), part->slots.end());
      next = history.first + history.slots.size();
    }
    return true;
  }

  bool walk(bool last_attempt) {
    auto walked = walk_states({left_, result_.left}, {right_, result_.right}, digest_, options_.walk);
    if (auto* difference = std::get_if<StateDifference>(&walked)) {
      result_.keys = std::move(*difference);
      if (result_.left.seq != result_.right.seq) {
        result_.trouble = checkpoints_in_words() + ": what was written in between is among the keys that differ";
      }
      return true;
    }
    const auto& failure = std::get<WalkFailure>(walked);
    if (failure.kind == WalkFailure::Kind::moved && !last_attempt) return false;
    result_.trouble = failure.reason;
    result_.culprit = failure.culprit;
    if (failure.kind == WalkFailure::Kind::moved) result_.trouble += "; it keeps moving on, so no key can be named";
    result_.answered = failure.kind != WalkFailure::Kind::no_answer;
    return true;
  }

  std::string checkpoints_in_words() {
    return left_.name() + "'s newest checkpoint is " + of_slot(result_.left) + ", " + right_.name() + "'s is " +
           of_slot(result_.right);
  }

  void judge_without_difference(const History& left, const History& right, const CommonRoots& common, bool same_slot) {
    if (result_.parting && result_.parting->kind != Parting::Kind::forgotten) {
      result_.verdict = Comparison::Verdict::different;
      result_.same_up_to = std::max<Seq>(common.last_same, result_.parting->slot - 1);
      return;
    }
    result_.parting.reset();
    if (common.newest == 0) {
      result_.trouble =
          same_slot ? "there is no checkpoint yet: the first one is of slot " + std::to_string(left.checkpoint_interval)
                    : checkpoints_in_words() + "; they remember none that both have";
      const bool from_the_start = left.first == 1 && right.first == 1;
      if (from_the_start) result_.same_up_to = std::min(left.slots.size(), right.slots.size());
      return;
    }
    result_.verdict = Comparison::Verdict::same;
    result_.same_up_to = common.newest;
    if (!same_slot) result_.trouble = checkpoints_in_words();
  }

  StateSource& left_;
  StateSource& right_;
  const DigestFunction& digest_;
  const ComparisonOptions& options_;
  Comparison result_;
};

}  // namespace

Comparison compare_replicas(StateSource& left, StateSource& right, const DigestFunction& digest,
                            const ComparisonOptions& options) {
  return Comparer(left, right, digest, options).run();
}

std::optional<Parting> find_parting(const History& left, const History& right) {
  const auto common = compare_roots(left, right);
  Parting parting;
  parting.after = common.last_same;
  parting.before = common.first_different;
  const Seq first = std::max(left.first, right.first);
  const Seq left_end = left.first + left.slots.size();
  const Seq right_end = right.first + right.slots.size();
  Seq end = std::min(left_end, right_end);
  if (common.first_different != 0) end = std::min(end, common.first_different + 1);
  for (Seq seq = first; seq < end; ++seq) {
    const auto& one = left.slots[seq - left.first];
    const auto& other = right.slots[seq - right.first];
    if (one == other) continue;
    parting.kind = one.batch == other.batch ? Parting::Kind::writes : Parting::Kind::batches;
    parting.slot = seq;
    parting.may_be_earlier = first > common.last_same + 1;
    return parting;
  }
  if (common.first_different == 0) return std::nullopt;
  const bool all_remembered = first <= common.last_same + 1 && end == common.first_different + 1;
  parting.kind = all_remembered ? Parting::Kind::outside : Parting::Kind::forgotten;
  parting.slot = all_remembered ? 0 : std::max(first, std::max(left.oldest, right.oldest));
  return parting;
}

std::optional<Majority> find_majority(const Membership& membership,
                                      const std::vector<std::optional<History>>& histories) {
  std::map<Seq, std::map<Digest, std::vector<ReplicaId>>, std::greater<>> claims;  // the newest slot first
  for (ReplicaId id = 0; id < histories.size(); ++id) {
    if (!histories[id]) continue;
    for (const auto& root : histories[id]->roots) claims[root.seq][root.root].push_back(id);
  }
  for (const auto& [seq, by_root] : claims) {
    std::optional<Majority> best;
    bool alone = true;
    for (const auto& [root, members] : by_root) {
      if (best && members.size() < best->members.size()) continue;
      alone = !best || members.size() > best->members.size();
      best = Majority{{seq, root}, members};
    }
    if (best && alone && best->members.size() >= membership.weak_quorum()) return best;
  }
  return std::nullopt;
}

std::vector<ComparedPair> compare_with_majority(
    const std::vector<ReplicaId>& members, const std::vector<ReplicaId>& replicas, std::size_t faults,
    const std::function<Comparison(ReplicaId left, ReplicaId right)>& compare) {
  std::vector<ComparedPair> best;
  std::size_t best_contradicted = 0;
  for (const ReplicaId member : members) {
    std::vector<ComparedPair> pairs;
    std::size_t contradicted = 0;
    for (const ReplicaId other : replicas) {
      if (other == member) continue;
      pairs.push_back({member, other, compare(member, other)});
      const auto& found = pairs.back().comparison;
      const bool at_fault = found.culprit == Culprit::left || found.culprit == Culprit::either;
      if (at_fault || found.verdict == Comparison::Verdict::different) ++contradicted;
    }
    if (best.empty() || contradicted < best_contradicted) {
      best = std::move(pairs);
      best_contradicted = contradicted;
    }
    if (best_contradicted <= faults) break;
  }
  return best;
}

}  // namespace tagma
