// Oracle 5: no vote of a correct replica contradicts an earlier one, no vote leaves before it is durable, and whatever
// is prepared, decided or stable rests on the durable votes of a quorum.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "messages/messages.h"
#include "replica/core/effects.h"
#include "replica/core/new_view.h"
#include "test/checkers/violation.h"

namespace tagma::checkers {

/// Follows the durable records and the sent votes of correct replicas. Faulty replicas are counted as voting for
/// everything, so what this oracle demands is what any execution with at most f faults must show.
///
/// Legal and not reported: PREPARE d' in a later view than a COMMIT d; a slot executed because f+1 others decided it.
class VoteOracle {
 public:
  VoteOracle(Verdict& verdict, std::uint32_t quorum, std::set<ReplicaId> faulty)
      : verdict_(verdict), quorum_(quorum), faulty_(std::move(faulty)) {}

  /// These records of `replica` are durable.
  void pre_prepared(ReplicaId replica, View view, Seq seq, const Digest& digest);
  void prepared(ReplicaId replica, View view, Seq seq, const Digest& digest);
  void checkpoint_durable(ReplicaId replica, Seq seq, const Digest& root);
  /// It is durable that `replica` votes in no view below this one.
  void view_durable(ReplicaId replica, View view);

  /// `replica` returns without its records: what it voted before counts for ever, and it votes on those slots no more.
  void forgets(ReplicaId replica) {
    forgotten_up_to_[replica] = voted_up_to_[replica];
    durable_view_.erase(replica);
    left_view_.erase(replica);
  }
  /// `replica` returns and has found these records in its log, which it had collected up to this slot: what was durable
  /// above it must be among them.
  void read_back(ReplicaId replica, const std::vector<Record>& records, Seq collected);
  /// `replica` returns without its checkpoints. What rested on them when they were told of may go on doing so.
  void loses_state(ReplicaId replica);

  /// `replica` held the record for true and asked for it to be made durable.
  void claims_prepared(ReplicaId replica, View view, Seq seq, const Digest& digest);
  void claims_stable(ReplicaId replica, Seq seq, const Digest& root);

  /// `replica` handed these votes to the network.
  void sent_prepare(ReplicaId replica, View view, Seq seq, const Digest& digest);
  void sent_commit(ReplicaId replica, View view, Seq seq, const Digest& digest);
  /// Not a vote: but a correct primary proposes one batch for a slot in a view.
  void sent_pre_prepare(ReplicaId replica, View view, Seq seq, const Digest& digest);
  /// Speaks of everything that is durable above its certificate, but for what a NEW-VIEW that it names dropped, and of
  /// nothing that is not durable.
  void sent_view_change(ReplicaId replica, const ViewChangeStatement& statement);
  /// There is such a NEW-VIEW, sound or not; `choices` are what it chooses, nothing where that is not known: it may
  /// have dropped anything then.
  void saw_new_view(const NewViewName& name, std::optional<ViewChoices> choices);
  /// From now on not every life of before votes on every slot: what a NEW-VIEW chooses is not known any more.
  void voters_change();
  void sent_checkpoint(ReplicaId replica, Seq seq, const Digest& root);

  /// `replica` executed `digest` at `seq`.
  void executed(ReplicaId replica, Seq seq, const Digest& digest);

 private:
  using Ballot = std::tuple<Seq, View, Digest>;
  using Vote = std::tuple<ReplicaId, Seq, View>;

  [[nodiscard]] bool correct(ReplicaId replica) const { return !faulty_.contains(replica); }
  [[nodiscard]] bool has_quorum(const std::set<ReplicaId>* voters) const;
  /// A life that does not know what an earlier one voted must not vote there.
  void remembers(ReplicaId replica, View view, Seq seq, const Digest& digest);
  void votes_in(ReplicaId replica, View view, Seq seq, const Digest& digest);
  /// `durable` records of `replica` above the statement's certificate must be among its `claims`.
  void all_claimed(ReplicaId replica, const ViewChangeStatement& statement,
                   const std::map<Ballot, std::set<ReplicaId>>& durable, const std::vector<SlotClaim>& claims);
  /// Each of its `claims` must be among its durable records; what it knows to be prepared it vouches for too.
  void all_durable(ReplicaId replica, const std::vector<SlotClaim>& claims, bool prepared);
  /// Whether a NEW-VIEW that the statement names makes its sender drop such a record.
  [[nodiscard]] bool is_dropped(const ViewChangeStatement& statement, const Ballot& ballot) const;
  void one_digest(std::map<Vote, Digest>& votes, ReplicaId replica, View view, Seq seq, const Digest& digest,
                  std::string_view what);

  Verdict& verdict_;
  std::uint32_t quorum_;
  std::set<ReplicaId> faulty_;
  std::map<Ballot, std::set<ReplicaId>> pre_prepared_;                      ///< durable, by correct replicas
  std::map<Ballot, std::set<ReplicaId>> prepared_;                          ///< durable, by correct replicas
  std::map<std::pair<Seq, Digest>, std::set<ReplicaId>> checkpoints_;       ///< durable at some time
  std::map<std::pair<Seq, Digest>, std::set<ReplicaId>> checkpoints_held_;  ///< and not lost since
  std::map<ReplicaId, Seq> voted_up_to_;      ///< the highest slot that it recorded or voted on
  std::map<ReplicaId, Seq> forgotten_up_to_;  ///< up to here an earlier life may have
  std::map<ReplicaId, View> durable_view_;
  std::map<ReplicaId, View> left_view_;                          ///< no vote below it any more: as its VIEW-CHANGE said
  std::map<NewViewName, std::optional<ViewChoices>> new_views_;  ///< of which there are such
  bool voters_changed_ = false;
  std::map<Vote, Digest> proposed_digest_;
  std::map<Vote, Digest> recorded_digest_;
  std::map<Vote, Digest> prepare_digest_;
  std::map<Vote, Digest> commit_digest_;
  std::map<Seq, Digest> supported_;  ///< slots whose decision was found to rest on a quorum
};

}  // namespace tagma::checkers
