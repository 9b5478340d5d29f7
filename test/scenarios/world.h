// Where a scenario plays: processes, what they have sent each other and has not arrived, time, and what must hold
// whatever happens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "test/unit/core/core_cluster.h"

namespace tagma::test {

/// Processes as a scenario names them: "2", "2'" (the twin of replica 2), "all", "correct".
using Names = std::vector<std::string>;
/// Index of a process: the replicas in their order, then the twins.
using ProcessIndex = std::size_t;

/// Which messages are meant; what is left out may be anything.
struct Pattern {
  std::set<std::string> kinds;
  std::optional<View> view;
  std::optional<Seq> slot;
  std::optional<std::string> batch;
  std::optional<Names> from;
  std::optional<Names> to;
};

[[nodiscard]] bool is_kind(std::string_view kind);

[[nodiscard]] Digest digest_of(const Batch& batch);

/// One client's view of one number: what each replica has answered.
struct AnswerTo {
  ClientId client = 0;
  RequestNumber number = 0;
  auto operator<=>(const AnswerTo&) const = default;
};

/// Between a rule that is broken and the step that broke it there is never more than one event: every method that
/// steps a core looks at what must hold, and throws ScenarioError.
class World {
 public:
  explicit World(std::uint32_t replicas);

  // Processes.
  [[nodiscard]] std::set<ProcessIndex> find(const Names& names) const;
  [[nodiscard]] const std::string& name(ProcessIndex index) const { return processes_[index].name; }
  /// A process that is up.
  [[nodiscard]] Node& node(ProcessIndex index);
  [[nodiscard]] bool is_correct(ProcessIndex index) const { return processes_[index].correct; }
  [[nodiscard]] bool is_up(ProcessIndex index) const { return processes_[index].up; }
  [[nodiscard]] ReplicaId replica_of(ProcessIndex index) const { return processes_[index].replica; }
  void declare_faulty(ProcessIndex index) { processes_[index].correct = false; }
  void add_twin(ProcessIndex of);
  void crash(ProcessIndex index);
  void restart(ProcessIndex index);
  void wipe(ProcessIndex index);
  void sync(ProcessIndex index);

  /// The batch of this name; throws ScenarioError where there is none.
  [[nodiscard]] SharedBatch batch(const std::string& name) const;
  void name_batch(const std::string& name, const SharedBatch& batch);
  [[nodiscard]] const Membership& membership() const { return cluster_.nodes.front()->config.membership; }
  /// The clock on every wall.
  [[nodiscard]] TimeUs wall_us() const { return cluster_.nodes.front()->now.wall_us; }

  // Clients.
  void submit(ProcessIndex to, ClientId client, RequestNumber number, const std::string& payload);
  [[nodiscard]] std::shared_ptr<const SignedBundle> bundle(ClientId client, RequestNumber number,
                                                           const std::string& payload) const;
  /// What a replica answered last: the slot, and the reply with its status.
  [[nodiscard]] std::optional<std::pair<Seq, Bytes>> answer(ReplicaId from, const AnswerTo& to) const;
  /// The reply that f+1 replicas gave alike.
  [[nodiscard]] std::optional<Bytes> accepted(const AnswerTo& to) const;

  // Messages.
  void deliver(const Pattern& pattern);
  void drop(const Pattern& pattern);
  /// From here on these are lost, or wait.
  void lose(const Pattern& pattern) { lost_.push_back(pattern); }
  void hold(const Pattern& pattern) { held_.push_back(pattern); }
  void heal() { lost_.clear(); }
  void release() { held_.clear(); }
  /// Puts a message on its way that its sender has not sent; no loss concerns it.
  void inject(ProcessIndex from, ProcessIndex to, const Message& message);
  [[nodiscard]] bool was_sent(const Pattern& pattern) const;
  /// The last VIEW-CHANGE of this replica for this view, sent or forged, lost or not.
  [[nodiscard]] const ViewChange* view_change(ReplicaId replica, View view) const;
  /// The votes of all who said the same about the checkpoint of this slot; throws ScenarioError where they are no
  /// quorum.
  [[nodiscard]] CheckpointCertificate certificate(Seq seq) const;

  // Time.
  void pass(MonotonicUs us, bool delivering);
  /// Until all of these have executed the same and nothing waits there, for a second; or it throws. One of them may
  /// want another view than the others: a lone suspicion costs one vote, and the protocol lets it stand.
  void settle(const std::set<ProcessIndex>& who);

 private:
  struct Process {
    std::string name;
    ReplicaId replica = 0;
    bool up = true;
    bool correct = true;
    Seq checked = 0;  ///< its slots up to here are in the history
    std::uint8_t life = 0;
  };
  struct Letter {
    ProcessIndex from = 0;
    ProcessIndex to = 0;
    Message message;
  };
  /// Of a message that was sent, for was_sent().
  struct Trace {
    ProcessIndex from = 0;
    ProcessIndex to = 0;
    std::string kind;
    std::optional<View> view;
    std::optional<Seq> slot;
    std::optional<Digest> digest;
    auto operator<=>(const Trace&) const = default;
  };

  [[nodiscard]] bool matches(const Pattern& pattern, const Trace& trace) const;
  [[nodiscard]] bool matches_any(const std::vector<Pattern>& patterns, const Trace& trace) const;
  [[nodiscard]] static Trace trace_of(ProcessIndex from, ProcessIndex to, const Message& message);
  [[nodiscard]] Node& any_node(ProcessIndex index);
  void step(ProcessIndex index, Event event);
  /// Takes what the process has sent and answered, and looks at what must hold.
  void harvest(ProcessIndex index);
  void send(ProcessIndex from, const Send& sent);
  void collect_answers(ProcessIndex index);
  void check(ProcessIndex index);
  [[nodiscard]] bool settled(const std::set<ProcessIndex>& who);

  Cluster cluster_;
  std::map<std::string, SharedBatch> batches_;
  std::vector<std::unique_ptr<Node>> twins_;
  std::vector<Process> processes_;
  std::deque<Letter> letters_;
  std::vector<Pattern> lost_;
  std::vector<Pattern> held_;
  std::set<Trace> sent_;
  std::map<std::pair<ReplicaId, View>, ViewChange> view_changes_;
  std::map<std::pair<Seq, Digest>, std::map<ReplicaId, CheckpointVote>> checkpoints_;
  std::map<AnswerTo, std::map<ReplicaId, std::pair<Seq, Bytes>>> answers_;
  std::map<AnswerTo, std::pair<Seq, Bytes>> accepted_;
  /// What correct replicas executed, and the states they had; and which of them was the first.
  std::map<Seq, std::pair<Digest, ProcessIndex>> history_;
  std::map<Seq, std::pair<Digest, ProcessIndex>> states_;
};

}  // namespace tagma::test
