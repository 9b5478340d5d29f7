// Fetches what is missing of a certified state from several replicas, none of which is believed (attacks B8, B9).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "checkpoint/state_transfer.h"
#include "messages/messages.h"
#include "replica/core/config.h"

namespace tagma {

/// Which source is asked about what, and what becomes of it: StateTransfer's questions, spread over the sources. One
/// that lies is not asked again; one that does not answer in time is asked less; and nobody who is slow can hold up the
/// end, since others are asked about what waits for him. Single-threaded, deterministic.
class StateFetcher {
 public:
  struct Start {
    StateTransfer::Target target;
    StagedPieces staged;
    std::set<ReplicaId> sources;
    std::uint64_t nonce = 0;  ///< questions have higher ones: no answer to an earlier fetcher is taken for one to this
  };
  /// `config` and `local` outlive this object; the local state does not change meanwhile.
  StateFetcher(const CoreConfig& config, const StateReader& local, HashFunction hash, Start start);

  struct Query {
    ReplicaId to = 0;
    StatePartsQuery message;
  };
  /// What to ask now.
  [[nodiscard]] std::vector<Query> ask(MonotonicUs now_us);

  enum class Verdict : std::uint8_t {
    useful,
    late,      ///< answers no question that is open
    busy,      ///< has nothing for now
    lost,      ///< does not have this checkpoint any more; not asked again
    lie,       ///< not what the certified root stands for; not asked again
    splitter,  ///< answers with nodes what it should answer with pieces; not asked again
  };
  [[nodiscard]] Verdict take(ReplicaId from, StateParts parts, MonotonicUs now_us);

  /// One more that keeps the target.
  void add_source(ReplicaId source) { sources_[source]; }
  [[nodiscard]] std::size_t source_count() const { return sources_.size(); }
  [[nodiscard]] std::set<ReplicaId> sources() const;

  /// To be staged, all of it, before the target is installed.
  [[nodiscard]] std::vector<VerifiedPiece> take_verified() { return transfer_.take_verified(); }
  [[nodiscard]] bool complete() const { return transfer_.complete(); }
  /// Nobody is left to ask.
  [[nodiscard]] bool starved() const { return sources_.empty() && !complete(); }
  /// What came that was of use, pieces and nodes, in bytes.
  [[nodiscard]] std::uint64_t useful_bytes() const { return useful_bytes_; }
  [[nodiscard]] std::uint64_t nonce() const { return nonce_; }

  [[nodiscard]] const StateTransfer& transfer() const { return transfer_; }
  /// When ask() may have more to ask although nothing came; nothing while it waits for nothing.
  [[nodiscard]] std::optional<MonotonicUs> wake_at_us(MonotonicUs now_us) const;

 private:
  struct Request {
    std::vector<StateQuestion> places;
    MonotonicUs sent_us = 0;
    bool hedged = false;   ///< others were asked about the same
    bool overdue = false;  ///< it counts as not answered; what comes all the same is as good
  };
  struct Source {
    std::map<std::uint64_t, Request> requests;  ///< by nonce
    MonotonicUs not_before_us = 0;
    std::uint32_t strikes = 0;         ///< answers that did not come in time, since the last one that did
    std::uint64_t unwanted_nodes = 0;  ///< in the place of pieces
    [[nodiscard]] std::size_t open_requests() const;
  };
  using Sources = std::map<ReplicaId, Source>;

  [[nodiscard]] std::vector<Query> ask_in_turns(MonotonicUs now_us);
  void give_up_late(MonotonicUs now_us);
  void hedge(MonotonicUs now_us);
  void ask_again(const Request& request);
  [[nodiscard]] std::optional<Query> next_query(ReplicaId to, Source& source, MonotonicUs now_us);
  [[nodiscard]] bool may_ask(const Source& source, MonotonicUs now_us) const;
  /// What an answer said that holds.
  struct Judged {
    bool lie = false;
    bool useful = false;
    std::uint64_t unwanted_nodes = 0;
  };
  [[nodiscard]] Judged judge(ReplicaId from, Request& request, StateParts& parts);
  /// Whether a place was answered with a node in the place of a piece. Where f+1 sources say that so much lies below
  /// places of a depth, one of them correct, and most of its places were answered like that, they need not look in
  /// vain. Not where some were: whoever chooses keys can put much below a few places, down to any depth.
  void note_answer(ReplicaId from, std::size_t depth, bool split);
  /// Answers to questions for pieces of places of one depth.
  struct Depth {
    std::set<ReplicaId> splitters;  ///< who sent a node
    std::uint64_t nodes = 0;
    std::uint64_t pieces = 0;
    bool nodes_wanted = false;
  };
  /// Whether so many nodes came in the place of pieces that somebody must be splitting what would have been one; an
  /// honest source sends a node only where more lies below it than a piece may have.
  [[nodiscard]] bool too_many_unwanted_nodes() const;
  void drop(Sources::iterator source);

  const CoreConfig& config_;
  StateTransfer transfer_;
  Sources sources_;
  std::uint64_t useful_bytes_ = 0;
  std::uint64_t unwanted_nodes_ = 0;
  std::map<std::size_t, Depth> depths_;
  std::uint64_t nonce_ = 0;
  ReplicaId turn_ = 0;  ///< who was asked last
};

}  // namespace tagma
