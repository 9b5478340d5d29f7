// Whether the proposals of the own view's primary are doubted: here, and by how many others.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "messages/membership.h"
#include "replica/core/config.h"

namespace tagma {

/// A replica that sees two accounts of one proposal cannot tell who lies, the primary or the one that voted for the
/// other batch, and if it left the view alone a vote would be missing there. So it says that it doubts, and leaves when
/// 2f+1 do. Of these f+1 are correct, so that all hear as many, doubt as well, and leave (the amplification of Bracha's
/// broadcast, Information and Computation 75, 1987): whether a view is left for doubts is the same for all.
///
/// Invariants: what others said counts for the view that they said it of; the own doubt is of the own view. A liar
/// among the backups can make correct replicas doubt; each does so of its own accord only after a wait, which doubles.
class Doubts {
 public:
  /// `wait_us`: the first wait.
  Doubts(std::uint32_t replicas, std::uint32_t faults, MonotonicUs wait_us)
      : faults_(faults), wait_us_(wait_us), doubted_(replicas) {}

  /// The own view has been left, or another one begins.
  void forget_own() { own_ = false; }
  /// Two accounts of a proposal of the own view are here. Whether this replica doubts from now on, and did not before.
  [[nodiscard]] bool raise(MonotonicUs now_us) {
    take_back(now_us);
    if (own_ || now_us < next_us_) return false;
    next_us_ = now_us + wait_now_us();
    raised_us_ = now_us;
    doublings_ = std::min(doublings_ + 1, doublings_max);
    return own_ = true;
  }
  /// f+1 others doubt: one of them is correct, and has seen the two accounts.
  [[nodiscard]] bool join(std::uint32_t others) {
    if (own_ || others <= faults_) return false;
    return own_ = true;
  }
  /// Another replica says that it doubts in a view. It takes that back for no other word about it: a correct one that
  /// says so no more has left the view, or forgotten it in a restart, and all must count it alike.
  void heard(ReplicaId from, View view) { doubted_[from] = view; }
  [[nodiscard]] bool is_doubted_by(ReplicaId other, View view) const { return doubted_[other] == view; }
  [[nodiscard]] bool own() const { return own_; }
  [[nodiscard]] bool suffice(std::uint32_t others) const { return own_ && others + 1 > 2 * faults_; }

  static constexpr std::uint32_t doublings_max = 8;
  static constexpr MonotonicUs waits_without = 16;  ///< after so many of the waits without a doubt the next is shorter

 private:
  [[nodiscard]] MonotonicUs wait_now_us() const { return wait_us_ << doublings_; }
  void take_back(MonotonicUs now_us) {
    while (doublings_ > 0 && now_us - raised_us_ >= waits_without * wait_now_us()) {
      raised_us_ += waits_without * wait_now_us();
      --doublings_;
    }
  }

  std::uint32_t faults_;
  MonotonicUs wait_us_;
  bool own_ = false;
  MonotonicUs next_us_ = 0;    ///< before it nothing is doubted of one's own accord
  MonotonicUs raised_us_ = 0;  ///< when it last was, or a doubling was taken back
  std::uint32_t doublings_ = 0;
  std::vector<std::optional<View>> doubted_;  ///< by id: the view whose primary it doubts
};

}  // namespace tagma
