// State transfer: what a replica does that fell behind further than the others' logs reach (Castro and Liskov, TOCS
// 2002, section 5.3; docs/protocol.md), and what it does as a source for one.
#include <algorithm>
#include <utility>

#include "messages/assert.h"
#include "messages/mutant.h"
#include "messages/state_key.h"
#include "replica/core/core_implementation.h"

namespace tagma {
namespace {

/// Between two lines in the log on a transfer that takes long.
constexpr MonotonicUs notice_interval_us = 5'000'000;

/// While fewer than f+1 keep one checkpoint, more of them are waited for so many times as long.
constexpr MonotonicUs few_sources_wait = 10;
/// Time-outs for which sources that together were too slow are left out.
constexpr MonotonicUs slow_avoided_timeouts = 10;
/// While the state is fetched, further sources are sought so many times as seldom as before.
constexpr MonotonicUs further_leases_interval = 5;

std::string megabytes(std::uint64_t bytes) { return std::to_string(bytes / 1'000'000) + " MB"; }

}  // namespace

// ---------------------------------------------------------------------------------------------------------------------
// Behind

/// Nothing was executed for a while although a quorum certified more: nobody keeps the log any more that is missing.
bool ReplicaCore::Implementation::is_stuck_behind() const {
  if (!voting_) return false;
  if (diverged_) return !state_.has_frozen();
  return certificate_ > executed_ && now_.monotonic_us - progress_us_ >= config_.transfer_patience_us;
}

void ReplicaCore::Implementation::look_after_transfer() {
  if (!transfer_ && is_stuck_behind()) {
    count("state transfer begun");
    if (!diverged_) {
      effects_.emplace_back(Notice{"behind: executed up to slot " + std::to_string(executed_) + ", stable checkpoint " +
                                   std::to_string(certificate_) + "; fetching the state"});
    }
    transfer_.emplace(Transfer{});
    transfer_->since_us = transfer_->told_us = now_.monotonic_us;
    effects_.emplace_back(ReadStaged{});
  }
  if (!transfer_) return;
  std::erase_if(transfer_->avoided_until_us,
                [this](const auto& avoided) { return avoided.second <= now_.monotonic_us; });
  if (transfer_->phase == Transfer::Phase::leasing) seek_leases();
  if (transfer_ && transfer_->phase == Transfer::Phase::fetching) fetch_parts();
}

void ReplicaCore::Implementation::ask_for_leases(MonotonicUs interval_us) {
  auto& transfer = *transfer_;
  if (now_.monotonic_us < transfer.next_query_us) return;
  transfer.next_query_us = now_.monotonic_us + interval_us;
  broadcast(StateLeaseQuery{.nonce = ++transfer.nonce, .above = useless_up_to()}, false);
}

void ReplicaCore::Implementation::seek_leases() {
  if (!needs_state()) {
    count("state transfer not needed any more");
    if (!transfer_->staged.empty()) discard_staged();
    transfer_.reset();
    return;
  }
  ask_for_leases(config_.transfer_lease_resend_us);
  auto& transfer = *transfer_;
  // An own checkpoint that is being written changes the state that the walk compares with.
  if (transfer.leases.empty() || state_.has_frozen()) return;
  const auto best = best_target();
  if (!best) return;
  const bool everybody = transfer.leases.size() + transfer.avoided_until_us.size() + 1 >= config_.membership.n();
  const MonotonicUs waited_us = now_.monotonic_us - transfer.leased_us;
  const bool enough = best->sources.size() >= config_.membership.weak_quorum();
  if (everybody || waited_us >= config_.transfer_lease_wait_us * (enough ? 1 : few_sources_wait)) choose(*best);
}

void ReplicaCore::Implementation::receive(const Sender& from, StateLease& message) {
  if (!transfer_ || !take_lease(from.principal.id, message)) return count("lease that nobody asked for");
  look_after_transfer();
}

/// Whether the lease was asked for and holds.
bool ReplicaCore::Implementation::take_lease(ReplicaId from, StateLease& message) {
  auto& transfer = *transfer_;
  const auto& content = message.votes.votes.front().content;
  auto& judged = transfer.judged_leases[from];
  // One for each question: votes cost signatures to check.
  if (message.nonce > transfer.nonce || message.nonce <= judged) return false;
  judged = message.nonce;
  if (content.seq <= useless_up_to() || transfer.avoided_until_us.contains(from)) return false;
  for (const auto& vote : message.votes.votes) {
    if (checkpoint_vote_is_authentic(vote)) continue;
    count("forged CHECKPOINT");
    return false;
  }
  const auto seq_and_root = std::pair(content.seq, content.root);
  for (auto& vote : message.votes.votes) transfer.votes[seq_and_root].emplace(vote.content.replica, vote);
  transfer.leases.insert_or_assign(from, seq_and_root);
  // Or a source could have this replica keep votes for as many states as it cares to sign.
  std::erase_if(transfer.votes, [&transfer](const auto& votes) {
    return votes.first != transfer.target &&
           std::none_of(transfer.leases.begin(), transfer.leases.end(),
                        [&votes](const auto& lease) { return lease.second == votes.first; });
  });
  transfer.content_bytes[from] = message.content_bytes;
  if (transfer.leased_us == 0) transfer.leased_us = now_.monotonic_us;
  if (transfer.phase == Transfer::Phase::fetching) reconsider_sources(from);
  return true;
}

/// A lease that comes while the state is fetched: of the same state, it is one source more.
void ReplicaCore::Implementation::reconsider_sources(ReplicaId from) {
  auto& transfer = *transfer_;
  if (transfer.leases.at(from) == transfer.target) {
    transfer.fetcher->add_source(from);
    return;
  }
  const auto best = best_target();
  const std::size_t few = config_.membership.weak_quorum();
  // Fewer than f+1 may all be faulty.
  if (best && best->sources.size() >= few && transfer.fetcher->source_count() < few) {
    seek_new_target("others keep another one");
  }
}

/// A checkpoint that f+1 voted for, so that a correct replica has its state, or a quorum certified: the one that most
/// sources keep, of those the newest.
std::optional<ReplicaCore::Implementation::TransferTarget> ReplicaCore::Implementation::best_target() const {
  const auto& transfer = *transfer_;
  std::map<std::pair<Seq, Digest>, std::set<ReplicaId>> sources;
  for (const auto& [source, seq_and_root] : transfer.leases) {
    // Execution may have passed it meanwhile.
    if (seq_and_root.first > useless_up_to()) sources[seq_and_root].insert(source);
  }
  std::optional<TransferTarget> best;
  for (auto& [seq_and_root, keep_it] : sources) {
    if (transfer.votes.at(seq_and_root).size() < config_.membership.weak_quorum()) continue;
    if (best && best->sources.size() > keep_it.size()) continue;
    best = TransferTarget{seq_and_root, std::move(keep_it)};
  }
  return best;
}

void ReplicaCore::Implementation::on(StagedRead& event) {
  TAGMA_ASSERT(transfer_ && transfer_->phase == Transfer::Phase::reading_staged, "it was asked for");
  if (!event.damage.empty()) {
    count("staged pieces damaged");
    effects_.emplace_back(Notice{"what was staged of the state is damaged and is fetched again: " + event.damage});
  }
  transfer_->staged = std::move(event.staged);
  // All that is left of what was discarded.
  if (const auto top = transfer_->staged.find({}); top != transfer_->staged.end() && !top->second) {
    transfer_->staged.erase(top);
  }
  transfer_->phase = Transfer::Phase::leasing;
  look_after_transfer();
}

/// An empty piece at the place of everything takes the place of all others.
void ReplicaCore::Implementation::discard_staged() {
  TAGMA_ASSERT(!discarding_staged_, "a transfer reads what is staged first, which comes after");
  discarding_staged_ = true;
  count("staged pieces discarded");
  std::vector<VerifiedPiece> nothing;
  nothing.push_back({{{}, {}}, std::nullopt});
  effects_.emplace_back(StagePieces{std::move(nothing)});
}

void ReplicaCore::Implementation::choose(const TransferTarget& target) {
  auto& transfer = *transfer_;
  transfer.target = target.seq_and_root;
  if (!transfer.staged.empty()) count("state transfer goes on with what was staged");
  StateFetcher::Start start;
  start.target = {.seq = transfer.target.first, .root = transfer.target.second};
  start.staged = std::exchange(transfer.staged, {});
  start.nonce = transfer.parts_nonce;
  for (const auto& [source, seq_and_root] : transfer.leases) {
    if (seq_and_root == transfer.target) start.sources.insert(source);
  }
  transfer.phase = Transfer::Phase::fetching;
  transfer.review_us = now_.monotonic_us;
  transfer.reviewed_bytes = 0;
  transfer.fetcher.emplace(
      config_, store_, [this](ByteView bytes) { return authenticator_.digest(bytes); }, std::move(start));
  fetch_parts();
}

void ReplicaCore::Implementation::receive(const Sender& from, StateParts& message) {
  if (!transfer_ || transfer_->phase != Transfer::Phase::fetching) return count("parts that nobody asked for");
  const ReplicaId source = from.principal.id;
  switch (transfer_->fetcher->take(source, std::move(message), now_.monotonic_us)) {
    case StateFetcher::Verdict::useful: count("parts of the state received"); break;
    case StateFetcher::Verdict::late: count("parts that nobody asked for"); break;
    case StateFetcher::Verdict::busy: count("source of the state busy"); break;
    case StateFetcher::Verdict::lost:
      count("source of the state lost");
      avoid(source, config_.transfer_timeout_us);
      break;
    case StateFetcher::Verdict::splitter:
      count("source of the state splits pieces");
      avoid(source, slow_avoided_timeouts * config_.transfer_timeout_us);
      break;
    case StateFetcher::Verdict::lie:
      count("source of the state lied");
      avoid(source, config_.lease_max_us);
      effects_.emplace_back(Notice{"replica " + std::to_string(source) +
                                   " sent a part of the state that is not the certified one; not asked again for now"});
      break;
  }
  fetch_parts();
}

/// For so long: nobody is left out for ever, or a replica could leave out all who might help it.
void ReplicaCore::Implementation::avoid(ReplicaId source, MonotonicUs duration_us) {
  transfer_->avoided_until_us[source] = now_.monotonic_us + duration_us;
  transfer_->leases.erase(source);
  transfer_->content_bytes.erase(source);
}

void ReplicaCore::Implementation::fetch_parts() {
  auto& transfer = *transfer_;
  auto& fetcher = *transfer.fetcher;
  for (auto& piece : fetcher.take_verified()) {
    if (diverged_) tell_differences(piece);
    transfer.waiting_bytes += size_of(piece.piece);
    transfer.waiting.push_back(std::move(piece));
  }
  stage_waiting();
  if (fetcher.complete()) return install_if_staged();
  if (fetcher.starved()) return seek_new_target("no source is left");
  if (is_too_slow()) {
    // Attack B9: whoever is left drips. The next target is sought with the others.
    for (const ReplicaId source : fetcher.sources()) {
      avoid(source, slow_avoided_timeouts * config_.transfer_timeout_us);
    }
    return seek_new_target("its sources are too slow");
  }
  ask_for_leases(further_leases_interval * config_.transfer_lease_resend_us);
  if (transfer.waiting_bytes + transfer.staging_bytes < config_.transfer_staging_bytes_max) {
    for (auto& query : fetcher.ask(now_.monotonic_us)) send(query.to, std::move(query.message), false);
  }
  if (now_.monotonic_us - transfer.told_us < notice_interval_us) return;
  transfer.told_us = now_.monotonic_us;
  const auto elapsed_us = static_cast<std::uint64_t>(now_.monotonic_us - transfer.since_us);
  const auto bytes = fetcher.transfer().accepted_bytes();
  effects_.emplace_back(Notice{"fetching the state after slot " + std::to_string(fetcher.transfer().target().seq) +
                               ": " + megabytes(bytes) + " so far, " +
                               megabytes(bytes * 1'000'000 / std::max<std::uint64_t>(elapsed_us, 1)) + " a second"});
}

/// Looks from time to time whether the sources together keep up the rate that may be expected of them.
bool ReplicaCore::Implementation::is_too_slow() {
  auto& transfer = *transfer_;
  const MonotonicUs period_us = now_.monotonic_us - transfer.review_us;
  if (period_us < 5 * config_.transfer_timeout_us) return false;
  const auto useful = transfer.fetcher->useful_bytes();
  const auto expected = static_cast<std::uint64_t>(period_us) * config_.transfer_bytes_per_second_min / 1'000'000;
  const auto brought = useful - std::exchange(transfer.reviewed_bytes, useful);
  const bool slow = brought < expected || brought == 0;
  transfer.review_us = now_.monotonic_us;
  return slow;
}

void ReplicaCore::Implementation::stage_waiting() {
  auto& transfer = *transfer_;
  if (transfer.staging || transfer.waiting.empty()) return;
  transfer.staging = true;
  transfer.staging_since_us = now_.monotonic_us;
  // In parts: between two of them there is room for more, so that the sources hear of this replica, and their leases do
  // not end while a slow disk takes all that waits.
  const std::size_t part_bytes_max = config_.transfer_staging_bytes_max / 4;
  std::vector<VerifiedPiece> part;
  std::size_t count = 0;
  for (; count < transfer.waiting.size() && (count == 0 || transfer.staging_bytes < part_bytes_max); ++count) {
    transfer.staging_bytes += size_of(transfer.waiting[count].piece);
    part.push_back(std::move(transfer.waiting[count]));
  }
  transfer.waiting.erase(transfer.waiting.begin(), transfer.waiting.begin() + static_cast<std::ptrdiff_t>(count));
  transfer.waiting_bytes -= transfer.staging_bytes;
  effects_.emplace_back(StagePieces{std::move(part)});
}

void ReplicaCore::Implementation::on(const PiecesStaged& /*event*/) {
  // Jobs end in the order in which they were given.
  if (std::exchange(discarding_staged_, false)) return;
  TAGMA_ASSERT(transfer_ && transfer_->staging, "it was asked for");
  auto& transfer = *transfer_;
  transfer.staging = false;
  transfer.staging_bytes = 0;
  if (transfer.fetcher && now_.monotonic_us - transfer.staging_since_us >= config_.transfer_timeout_us) {
    // The own disk is what is slow, and no source is to blame.
    transfer.review_us = now_.monotonic_us;
    transfer.reviewed_bytes = transfer.fetcher->useful_bytes();
  }
  if (transfer_->phase == Transfer::Phase::fetching) fetch_parts();
}

void ReplicaCore::Implementation::tell_differences(const VerifiedPiece& verified) {
  constexpr std::size_t told_max = 16;
  if (differences_told_ > told_max) return;
  const auto own = store_.piece(verified.piece.prefix, limits::state_parts_bytes_max);
  if (!own) return;
  std::map<ByteView, std::pair<std::optional<ByteView>, std::optional<ByteView>>> both;
  for (const auto& [key, value] : own->entries) both[key].first = value;
  for (const auto& [key, value] : verified.piece.entries) both[key].second = value;
  for (const auto& [key, values] : both) {
    if (values.first == values.second || differences_told_ > told_max) continue;
    if (++differences_told_ > told_max) {
      effects_.emplace_back(Notice{"DIFFERS: in more keys, which are not told"});
      return;
    }
    const auto size = [](const std::optional<ByteView>& value) {
      return value ? std::to_string(value->size()) + " bytes" : std::string("absent");
    };
    effects_.emplace_back(Notice{"DIFFERS: in the " + state_key::in_words(key) + ", here " + size(values.first) +
                                 ", certified " + size(values.second)});
  }
}

/// Another target, which the next leases tell; what is staged serves it where it fits.
void ReplicaCore::Implementation::seek_new_target(std::string_view why) {
  auto& transfer = *transfer_;
  if (transfer.staging) return;  // comes back when it has ended
  count("state transfer seeks another target");
  effects_.emplace_back(Notice{"the state after slot " + std::to_string(transfer.target.first) +
                               " cannot be fetched to its end (" + std::string(why) + "); seeking a newer one"});
  transfer.phase = Transfer::Phase::reading_staged;
  effects_.emplace_back(ReadStaged{});
  transfer.parts_nonce = transfer.fetcher->nonce();
  transfer.fetcher.reset();
  transfer.waiting.clear();
  transfer.waiting_bytes = 0;
  transfer.leases.clear();
  transfer.votes.clear();
  transfer.content_bytes.clear();
  transfer.leased_us = 0;
  transfer.next_query_us = now_.monotonic_us;
}

void ReplicaCore::Implementation::install_if_staged() {
  auto& transfer = *transfer_;
  if (transfer.staging || !transfer.waiting.empty()) return;
  transfer.phase = Transfer::Phase::installing;
  const auto& target = transfer.fetcher->transfer().target();
  effects_.emplace_back(
      InstallState{.seq = target.seq, .root = target.root, .cover = transfer.fetcher->transfer().cover()});
}

void ReplicaCore::Implementation::on(const StateInstalled& event) {
  TAGMA_ASSERT(transfer_ && transfer_->phase == Transfer::Phase::installing, "it was asked for");
  if (!event.installed) return seek_new_target("what was staged does not make it up");
  const auto votes = std::move(transfer_->votes.at(transfer_->target));
  const auto bytes = transfer_->fetcher->transfer().accepted_bytes();
  const auto elapsed_ms = static_cast<std::uint64_t>(now_.monotonic_us - transfer_->since_us) / 1'000;
  transfer_.reset();
  count("state installed");
  effects_.emplace_back(Notice{"installed the state after slot " + std::to_string(event.seq) + ": fetched " +
                               std::to_string(bytes) + " bytes in " + std::to_string(elapsed_ms) + " ms"});
  const bool repaired = std::exchange(diverged_, false);
  if (repaired) count("own state repaired");
  if (repaired || event.seq > certificate_) {
    remembered_ = std::max(remembered_, event.seq);
    static_cast<void>(
        persist(RecordStanding{.diverged = false, .wrong_votes_up_to = wrong_votes_up_to_, .installed = remembered_}));
  }
  lease_.reset();  // of the state that is gone
  state_.restart();
  executor_.restart();
  read_lives();
  // What was executed is executed again: the own REJOIN too.
  if (event.seq < executed_ && !life_is_ordered()) life_was_ordered_ = false;
  base_ = executed_ = event.seq;
  progress_us_ = now_.monotonic_us;
  next_seq_ = std::max(next_seq_, executed_ + 1);
  highest_ = std::max(highest_, executed_);
  history_.begin_after(event.seq);
  history_.checkpoint(event.seq, event.root);
  own_roots_.clear();
  own_roots_[event.seq] = event.root;
  if (event.seq > certificate_) {
    // Where no quorum has voted yet, this replica's vote may be what is missing.
    for (const auto& [replica, vote] : votes) {
      if (event.seq > certificate_) count_checkpoint_vote(vote);
    }
    if (voting_ && event.seq > certificate_) vote_for_checkpoint({.seq = event.seq, .root = event.root});
  }
  for (const auto& [client, session] : pool_.sessions()) forget_executed(client, session);
  // Of one that had lost its state: what was heard of slots below it.
  slots_.erase(slots_.begin(), slots_.upper_bound(std::min(collected_, event.seq)));
  collect_log();
  execute_decided();
  send_status();
}

/// What the state says of a session is not pending any more.
void ReplicaCore::Implementation::forget_executed(ClientId client, SessionId session) {
  const auto found = executor_.sessions().find(client, session);
  if (found) {
    pool_.executed(client, session, found->last_executed, now_.monotonic_us);
  } else if (session <= executor_.sessions().evicted_floor(client)) {
    pool_.executed(client, session, 0, now_.monotonic_us);
  }
}

void ReplicaCore::Implementation::report_transfer(Report& report) const {
  if (!transfer_ || !transfer_->fetcher) return;
  const auto& transfer = transfer_->fetcher->transfer();
  const auto elapsed_us = static_cast<std::uint64_t>(now_.monotonic_us - transfer_->since_us);
  const auto bytes = transfer.accepted_bytes();
  // One of the sources may lie about the size: the middle one of what they say.
  std::vector<std::uint64_t> sizes;
  for (const auto& [source, size] : transfer_->content_bytes) sizes.push_back(size);
  std::sort(sizes.begin(), sizes.end());
  const std::uint64_t size = sizes.empty() ? 0 : sizes[(sizes.size() - 1) / 2];
  report.counters.emplace_back("transfer target slot", transfer.target().seq);
  report.counters.emplace_back("transfer bytes fetched", bytes);
  report.counters.emplace_back("transfer bytes of the state", size);
  report.counters.emplace_back("transfer bytes a second", bytes * 1'000'000 / std::max<std::uint64_t>(elapsed_us, 1));
}

/// When there may be something to do although no message comes.
MonotonicUs ReplicaCore::Implementation::transfer_wake_us() const {
  MonotonicUs at_us = now_.monotonic_us + config_.heartbeat_us;
  const auto at_latest = [&](MonotonicUs time_us) {
    at_us = std::min(at_us, std::max(time_us, now_.monotonic_us + 1'000));
  };
  if (lease_) at_latest(lease_end_us());
  if (!transfer_) {
    if (voting_ && certificate_ > executed_) at_latest(progress_us_ + config_.transfer_patience_us);
    if (voting_ && diverged_ && !state_.has_frozen()) at_latest(now_.monotonic_us);
    return at_us;
  }
  if (transfer_->phase == Transfer::Phase::leasing) {
    at_latest(transfer_->next_query_us);
    if (transfer_->leased_us != 0 && !state_.has_frozen()) {
      const MonotonicUs wait_us = config_.transfer_lease_wait_us;
      for (const MonotonicUs times : {MonotonicUs{1}, few_sources_wait}) {
        const MonotonicUs due_us = transfer_->leased_us + times * wait_us;
        if (due_us > now_.monotonic_us) at_latest(due_us);
      }
    }
  } else if (transfer_->phase == Transfer::Phase::fetching) {
    if (const auto wake_us = transfer_->fetcher->wake_at_us(now_.monotonic_us)) at_latest(*wake_us);
  }
  return at_us;
}

// ---------------------------------------------------------------------------------------------------------------------
// As a source

void ReplicaCore::Implementation::receive(const Sender& from, StateLeaseQuery& message) {
  if (!voting_ || std::max(base_, certificate_) <= message.above) return count("no state to lease");
  lease_wanted_[from.principal.id] = message;
  grant_leases();
}

/// Whoever asked gets a lease once the own newest checkpoint is stable, or above the stable one with an own vote for
/// it: a stable one may never come if the votes for the newest are one short and the asker's is the missing one. One
/// lease serves all; one that is too old for somebody ends in time.
void ReplicaCore::Implementation::grant_leases() {
  if (lease_wanted_.empty() || !voting_ || diverged_) return;
  if (!lease_ && base_ > 0 && base_ >= certificate_ && !votes_for(base_).votes.empty()) {
    auto reader = store_.pin();
    if (reader == nullptr) {
      lease_wanted_.clear();
      return count("state too large to lease");
    }
    // The next checkpoint may have been written meanwhile; it will be told of.
    if (reader->seq() != base_) return;
    count("state leased");
    lease_.emplace(
        Lease{.reader = std::move(reader), .votes = {}, .since_us = now_.monotonic_us, .used_us = now_.monotonic_us});
  }
  if (!lease_) return;
  auto votes = votes_for(lease_->seq());
  if (votes.votes.empty()) votes = lease_->votes;
  lease_->votes = votes;
  for (auto wanted = lease_wanted_.begin(); wanted != lease_wanted_.end();) {
    if (lease_->seq() <= wanted->second.above) {
      ++wanted;
      continue;
    }
    send(wanted->first,
         StateLease{.nonce = wanted->second.nonce, .content_bytes = lease_->reader->content_bytes(), .votes = votes},
         false);
    wanted = lease_wanted_.erase(wanted);
  }
}

/// What is known of a checkpoint that the own state agrees with: its certificate, or the votes so far. For what the
/// cluster began with there are none: whoever keeps it says so himself, or nobody who has lost it could take it before
/// the first checkpoint behind it, which may need his vote.
CheckpointCertificate ReplicaCore::Implementation::votes_for(Seq seq) const {
  if (seq == certificate_ && !certificate_message_.votes.empty()) return certificate_message_;
  CheckpointCertificate known;
  if (seq == certificate_) known.votes.push_back(signed_vote_for({seq, config_.genesis_root}));
  const auto votes = checkpoint_votes_.find(seq);
  const auto root = own_roots_.find(seq);
  if (votes == checkpoint_votes_.end() || root == own_roots_.end()) return known;
  for (const auto& [replica, vote] : votes->second) {
    if (vote.content.root == root->second) known.votes.push_back(vote);
  }
  return known;
}

void ReplicaCore::Implementation::end_lease_in_time() {
  if (lease_ && now_.monotonic_us >= lease_end_us()) {
    count("lease of the state ended");
    lease_.reset();
    grant_leases();
  }
}

MonotonicUs ReplicaCore::Implementation::lease_end_us() const {
  return std::min(lease_->used_us + config_.lease_idle_us, lease_->since_us + config_.lease_max_us);
}

void ReplicaCore::Implementation::receive(const Sender& from, StatePartsQuery& message) {
  StateParts parts{.nonce = message.nonce, .seq = lease_ ? lease_->seq() : 0, .nodes = {}, .pieces = {}};
  auto& budget = transfer_budgets_[from.principal.id];
  if (!lease_ || lease_->seq() != message.seq) {
    count("parts of no leased state asked for");
  } else {
    lease_->used_us = now_.monotonic_us;
    if (may_send_more(budget, config_.transfer_bytes_per_second)) {
      budget.owed_bytes += fill(parts, message.places);
    } else {
      count("parts of the state asked for faster than allowed");
    }
  }
  send(from.principal.id, std::move(parts), false);
}

/// Answers the first of the places, until the answer is large enough. Returns what that costs, in bytes: what was read
/// in vain counts too.
std::size_t ReplicaCore::Implementation::fill(StateParts& parts, const std::vector<StateQuestion>& places) const {
  constexpr std::size_t question_bytes = 4096;  // what looking up costs
  const auto& reader = *lease_->reader;
  std::size_t cost = 0;
  std::size_t bytes = 0;
  std::size_t entries = 0;
  for (const auto& [prefix, node_wanted] : places) {
    if (bytes >= config_.transfer_answer_bytes_max || entries >= limits::state_entries_max / 2) break;
    cost += question_bytes;
    auto piece = node_wanted ? std::nullopt : reader.piece(prefix, config_.transfer_piece_bytes_max);
    if (!piece) {
      if (!node_wanted) cost += config_.transfer_piece_bytes_max;
      auto node = reader.node(prefix);
      if (node.kind == NodeKind::inner) {
        bytes += node.children.size() * sizeof(StateNode::Child);
        parts.nodes.push_back(std::move(node));
        continue;
      }
      piece = reader.piece(prefix, limits::state_parts_bytes_max);  // one key, whose value is long
      if (!piece) continue;                                         // no correct replica's state has one so long
    }
    bytes += size_of(*piece);
    entries += piece->entries.size();
    parts.pieces.push_back(*std::move(piece));
  }
  return cost + bytes;
}

}  // namespace tagma
