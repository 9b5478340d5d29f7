// Faulty replicas: a thin layer around an honest one that bends what it says. What a liar says is well-formed and
// authentic, since frames are authenticated and the codec refuses the rest.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "messages/authenticator.h"
#include "messages/messages.h"
#include "test/sim/coverage.h"
#include "test/sim/options.h"
#include "test/sim/random.h"

namespace tagma::sim {

/// What the liars of one run have agreed on: two batches for some slots, and who is shown which.
class Conspiracy {
 public:
  explicit Conspiracy(std::uint64_t seed);

  enum class Side : std::uint8_t { first, second, both };
  /// Which batch of the slot `to` is shown. The same for all liars.
  [[nodiscard]] Side side(Seq seq, ReplicaId to) const;
  [[nodiscard]] bool splits(Seq seq) const;
  /// The digest that liars vote for towards `to`; null if the slot is not split.
  [[nodiscard]] const Digest* digest_for(Seq seq, ReplicaId to) const;
  void agree(Seq seq, const Digest& first, const Digest& second) {
    digests_.insert_or_assign(seq, std::pair{first, second});
  }

 private:
  [[nodiscard]] std::uint64_t draw(Seq seq, std::uint64_t what) const;
  std::uint64_t seed_;
  std::uint32_t split_ppm_ = 0;
  std::uint32_t second_ppm_ = 0;
  std::uint32_t both_ppm_ = 0;
  std::uint32_t everyone_ppm_ = 0;
  std::map<Seq, std::pair<Digest, Digest>> digests_;
};

class LyingReplica {
 public:
  using Outgoing = std::vector<std::pair<ReplicaId, Message>>;

  LyingReplica(const SimOptions& options, ReplicaId id, const Membership& membership, Authenticator& authenticator,
               Conspiracy& conspiracy, Coverage& coverage);

  /// What `to` gets instead of `message`.
  [[nodiscard]] std::vector<Message> bend(ReplicaId to, const Message& message);
  [[nodiscard]] std::vector<Message> bend_for_client(const Message& message);
  /// Something that nobody asked for.
  [[nodiscard]] Outgoing mischief(Seq executed);

 private:
  [[nodiscard]] bool lies(std::uint32_t which) const { return (lies_ >> which & 1U) != 0; }
  void bend_pre_prepare(ReplicaId to, const PrePrepare& message, std::vector<Message>& out);
  /// Another batch for the slot, with one of the things that a primary may not do. The same each time it is asked.
  [[nodiscard]] SharedBatch second_batch(Seq seq, const Batch& first);
  template <typename Vote>
  void bend_vote(ReplicaId to, Vote vote, std::vector<Message>& out);
  void bend_checkpoint(CheckpointVote vote, std::vector<Message>& out);
  [[nodiscard]] CheckpointVote signed_vote(CheckpointStatement content);
  void vary_rejoins(std::vector<Rejoin>& rejoins);
  [[nodiscard]] Rejoin signed_rejoin(ReplicaId replica, Incarnation incarnation);
  void bend_parts(const StateParts& message, std::vector<Message>& out);
  [[nodiscard]] Status garbage_status(const Status& honest);
  [[nodiscard]] Message stray_message(Seq executed);
  void far_checkpoints(Seq executed, Outgoing& out);
  [[nodiscard]] Message stray_of_transfer(Seq executed);
  [[nodiscard]] Message forged_request();

  /// Claims what it has not prepared, leaves out what it has, says other things to others.
  void bend_view_change(ReplicaId to, const ViewChange& message, std::vector<Message>& out);
  void bend_new_view(ReplicaId to, const NewView& message, std::vector<Message>& out);
  void falsify(std::vector<SlotClaim>& claims, const ViewChangeStatement& content, Seq start);
  [[nodiscard]] ViewChange signed_view_change(ViewChangeStatement content);
  [[nodiscard]] NewView signed_new_view(NewViewStatement content);

  ReplicaId id_;
  bool equivocates_ = false;  ///< as a primary
  const Membership& membership_;
  Authenticator& authenticator_;
  Conspiracy& conspiracy_;
  Coverage& coverage_;
  Random random_;
  std::map<Seq, SharedBatch> seconds_;
  std::vector<SignedBundle> earlier_;  ///< ordered before: to be ordered again
  std::uint32_t lies_ = 0;
  std::uint32_t silent_ppm_ = 0;
  // As a source of the state; drawn apart, so that other draws stay as they were.
  Random source_random_;
  std::uint32_t wrong_parts_ppm_ = 0;
  std::uint32_t withheld_parts_ppm_ = 0;
  std::uint32_t withheld_leases_ppm_ = 0;
  std::uint32_t late_votes_ppm_ = 0;
  std::uint32_t stray_transfer_ppm_ = 0;
  std::map<ReplicaId, std::optional<CheckpointVote>> held_votes_;  ///< by receiver
  // About lives; drawn apart too.
  Random rejoin_random_;
  std::uint32_t stray_rejoin_ppm_ = 0;
  std::vector<Rejoin> earlier_rejoins_;  ///< ordered before: to be ordered again
  // About views; drawn apart too.
  Random view_random_;
  std::uint32_t dropped_proposals_ppm_ = 0;
  std::uint32_t wrong_claims_ppm_ = 0;
  std::uint64_t lie_in_claims_ = 0;  ///< which it always tells; other than one of them: another one each time
  std::uint32_t withheld_view_changes_ppm_ = 0;
  std::uint32_t withheld_new_views_ppm_ = 0;
  std::uint32_t wrong_new_views_ppm_ = 0;
  Random checkpoint_random_;
  Seq checkpoint_interval_;
  std::uint32_t far_checkpoints_ppm_ = 0;
  std::uint32_t stray_view_changes_ppm_ = 0;
  std::map<ReplicaId, ViewChange> earlier_view_changes_;  ///< its own, by receiver
  std::vector<SlotClaim> earlier_claims_;                 ///< that were true
};

}  // namespace tagma::sim
