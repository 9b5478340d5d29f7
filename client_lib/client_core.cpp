#include "client_lib/client_core.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "client_lib/client_core/latency_estimate.h"
#include "messages/assert.h"
#include "messages/mutant.h"
#include "messages/wire/codec.h"

namespace tagma {
namespace {

/// SplitMix64: a small generator whose whole state is the seed, so that a run can be replayed from it.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : state_(seed) {}

  /// A number in [0, bound]. Slightly uneven for huge bounds, which does not matter for jitter.
  [[nodiscard]] std::int64_t up_to(std::int64_t bound) {
    return static_cast<std::int64_t>(next() % (static_cast<std::uint64_t>(bound) + 1));
  }

 private:
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31U);
  }

  std::uint64_t state_;
};

/// What one replica says about one request. A digest stands for the result, so that what liars send is not kept.
struct Vote {
  ReplicaId replica = 0;
  Outcome outcome = Outcome::executed;
  Seq seq = 0;
  Digest result;

  [[nodiscard]] bool matches(const Vote& other) const {
    return outcome == other.outcome && seq == other.seq && result == other.result;
  }
};

struct Request {
  Bytes operation;  ///< until it is bundled; then the bundle has it
  Digest digest;    ///< of the operation
  std::int64_t submitted_us = 0;
  std::uint64_t bundle = 0;  ///< ordinal of its bundle, once bundled
  bool completed = false;
  std::vector<Vote> votes;  ///< at most one per replica, the newest (client rule 2); empty once completed
};

/// A bundle in flight. Its bytes never change and it is never cut anew (client rule 5).
struct Outgoing {
  std::shared_ptr<const SignedBundle> bundle;
  std::size_t unfinished = 0;  ///< its requests that are not completed
  bool sent_to_all = false;
  std::int64_t sent_us = 0;                  ///< for the first time
  std::optional<std::int64_t> early_due_us;  ///< when it takes longer than usual
  std::int64_t wait_us = 0;                  ///< the wait that ends at due_us, without its jitter
  std::int64_t due_us = 0;                   ///< next retransmission to all replicas
  std::int64_t busy_wait_us = 0;
  std::optional<std::int64_t> busy_due_us;  ///< next attempt at the primary that said busy
};

/// A bundle that takes longer than usual goes to all after this part of the first retransmission's time at the latest.
constexpr std::int64_t early_wait_divisor = 3;
constexpr std::size_t word_bytes = 8;
/// Room for a bundle's fixed fields, its signature and the encoding's own framing; generous.
constexpr std::size_t bundle_overhead_bytes = 1024;

/// An upper bound of what an operation adds to an encoded bundle: its bytes, padded to a word, and a pointer.
std::size_t encoded_bytes(const Bytes& operation) { return operation.size() + 2 * word_bytes; }

}  // namespace

class ClientCore::Implementation {
 public:
  Implementation(ClientConfig config, Authenticator& authenticator)
      : config_(std::move(config)),
        authenticator_(authenticator),
        jitter_(config_.seed),
        latency_(std::max<std::int64_t>(1, config_.first_retransmission_us / early_wait_divisor)) {
    TAGMA_ASSERT(config_.session != 0, "session 0 means none");
    TAGMA_ASSERT(config_.membership.n() > 0 && config_.membership.n() <= replicas_max, "a membership is well-formed");
    TAGMA_ASSERT(config_.window > 0 && config_.bundle_operations_max > 0, "a client without room could never send");
    TAGMA_ASSERT(config_.first_retransmission_us > 0 && config_.busy_backoff_us > 0 &&
                     config_.retransmission_max_us >= config_.first_retransmission_us,
                 "waits are positive and their cap is not below the first one");
    reported_views_.assign(config_.membership.n(), 0);
    connected_before_.assign(config_.membership.n(), false);
  }

  RequestNumber submit(std::int64_t now_us, Bytes operation) {
    TAGMA_ASSERT(operation.size() <= limits::operation_bytes_max, "the caller checks the size of an operation");
    Request request;
    request.digest = authenticator_.digest(operation);
    request.operation = std::move(operation);
    request.submitted_us = now_us;
    requests_.push_back(std::move(request));
    ++outstanding_;
    return base_ + requests_.size() - 1;
  }

  ClientEffects flush(std::int64_t now_us) {
    ClientEffects effects;
    send_waiting(now_us, effects);
    // A wake-up that was asked for only because there was room has been overtaken by this call.
    if (wake_at_us_ && *wake_at_us_ <= now_us) rearm(effects);
    return effects;
  }

  ClientEffects receive(std::int64_t now_us, ReplicaId from, const Message& message) {
    ClientEffects effects;
    if (from >= config_.membership.n()) return effects;
    if (const auto* replies = std::get_if<Replies>(&message)) {
      on_replies(now_us, from, *replies, effects);
    } else if (const auto* refusal = std::get_if<Refusal>(&message)) {
      on_refusal(now_us, from, *refusal, effects);
    }
    return effects;
  }

  ClientEffects wake(std::int64_t now_us) {
    ClientEffects effects;
    for (auto& outgoing : outgoing_) {
      if (outgoing.unfinished == 0) continue;
      if (outgoing.due_us <= now_us) {
        retransmit(now_us, outgoing, effects);
      } else if (outgoing.busy_due_us && *outgoing.busy_due_us <= now_us) {
        outgoing.busy_due_us.reset();
        send(outgoing, believed_primary(), effects);
      }
      if (outgoing.early_due_us && *outgoing.early_due_us <= now_us) send_early(now_us, outgoing, effects);
    }
    send_waiting(now_us, effects);
    rearm(effects);
    return effects;
  }

  ClientEffects connected(ReplicaId replica) {
    ClientEffects effects;
    if (replica >= config_.membership.n()) return effects;
    const bool first_time = !connected_before_[replica];
    connected_before_[replica] = true;
    const bool everything = first_time || replica == believed_primary();
    for (const auto& outgoing : outgoing_) {
      if (outgoing.unfinished > 0 && (everything || outgoing.sent_to_all)) send(outgoing, replica, effects);
    }
    return effects;
  }

  [[nodiscard]] std::size_t outstanding() const { return outstanding_; }

  [[nodiscard]] ReplicaId believed_primary() const { return config_.membership.primary(view_hint_); }

  [[nodiscard]] std::uint32_t best_match(RequestNumber number) const {
    if (number < base_ || number - base_ >= requests_.size()) return 0;
    const auto& votes = requests_[number - base_].votes;
    std::uint32_t best = 0;
    for (const auto& vote : votes) best = std::max(best, matching(votes, vote));
    return best;
  }

  [[nodiscard]] std::optional<RefusalReason> last_refusal() const { return last_refusal_; }

 private:
  static std::uint32_t matching(const std::vector<Vote>& votes, const Vote& wanted) {
    return static_cast<std::uint32_t>(
        std::count_if(votes.begin(), votes.end(), [&](const Vote& vote) { return vote.matches(wanted); }));
  }

  /// How many operations may be sent now. The window is a span of numbers above the completed ones, so that no number
  /// is ever further above `acknowledged` than the session window that the replicas keep.
  [[nodiscard]] std::size_t room() const {
    const std::size_t span = std::min<std::size_t>(config_.window, limits::session_window);
    return span > bundled_ ? span - bundled_ : 0;
  }

  [[nodiscard]] std::size_t waiting() const { return requests_.size() - bundled_; }

  void send_waiting(std::int64_t now_us, ClientEffects& effects) {
    while (waiting() > 0 && room() > 0) {
      Outgoing outgoing = next_bundle(now_us);
      send(outgoing, believed_primary(), effects);
      arm(outgoing.early_due_us.value_or(outgoing.due_us), effects);
      outgoing_.push_back(std::move(outgoing));
    }
  }

  /// Takes the next waiting operations, as many as one bundle and the window hold, and signs them.
  Outgoing next_bundle(std::int64_t now_us) {
    auto bundle = std::make_shared<SignedBundle>();
    auto& content = bundle->content;
    content.cluster = config_.membership.cluster;
    content.epoch = config_.membership.epoch;
    content.client = config_.id;
    content.session = config_.session;
    content.first = base_ + bundled_;
    content.acknowledged = base_ - 1;
    const std::size_t count_max =
        std::min({waiting(), room(), config_.bundle_operations_max, limits::bundle_operations_max});
    std::size_t bytes = bundle_overhead_bytes;
    while (content.operations.size() < count_max) {
      Request& request = requests_[bundled_];
      bytes += encoded_bytes(request.operation);
      if (!content.operations.empty() && bytes > limits::bundle_bytes_max) break;
      content.operations.push_back(std::move(request.operation));
      request.operation = Bytes();
      request.bundle = outgoing_base_ + outgoing_.size();
      ++bundled_;
    }
    bundle->body = wire::encode_bundle_body(content);
    bundle->signature = authenticator_.sign(wire::bundle_statement(bundle->body));
    TAGMA_ASSERT(bundle->body.size() + bundle->signature.size() <= limits::bundle_bytes_max,
                 "a bundle is cut before it grows beyond what replicas take");
    Outgoing outgoing;
    outgoing.unfinished = content.operations.size();
    outgoing.sent_us = now_us;
    outgoing.wait_us = config_.first_retransmission_us;
    outgoing.due_us = now_us + with_jitter(outgoing.wait_us);
    if (config_.sends_early && latency_.knows()) outgoing.early_due_us = now_us + with_jitter(latency_.patience_us());
    outgoing.busy_wait_us = config_.busy_backoff_us;
    outgoing.bundle = std::move(bundle);
    return outgoing;
  }

  static void send(const Outgoing& outgoing, ReplicaId to, ClientEffects& effects) {
    effects.emplace_back(ClientSend{to, Submit{outgoing.bundle}});
  }

  void retransmit(std::int64_t now_us, Outgoing& outgoing, ClientEffects& effects) {
    for (ReplicaId to = 0; to < config_.membership.n(); ++to) send(outgoing, to, effects);
    outgoing.sent_to_all = true;
    outgoing.early_due_us.reset();
    outgoing.busy_due_us.reset();
    outgoing.wait_us = std::min(outgoing.wait_us * 2, config_.retransmission_max_us);
    outgoing.due_us = now_us + with_jitter(outgoing.wait_us);
  }

  /// Once, and not again for its lack: the others shall know what the primary lets wait for longer than is usual.
  void send_early(std::int64_t now_us, Outgoing& outgoing, ClientEffects& effects) {
    outgoing.early_due_us.reset();
    if (outgoing.sent_to_all || !latency_.take_allowance(now_us)) return;
    outgoing.sent_to_all = true;
    for (ReplicaId to = 0; to < config_.membership.n(); ++to) {
      if (to != believed_primary()) send(outgoing, to, effects);
    }
  }

  /// A wait stretched by up to half of itself, so that clients that started together drift apart (client rule 8).
  std::int64_t with_jitter(std::int64_t wait_us) { return wait_us + jitter_.up_to(wait_us / 2); }

  void on_replies(std::int64_t now_us, ReplicaId from, const Replies& replies, ClientEffects& effects) {
    // Votes of different epochs are never mixed (client rule 9): what another epoch says is not even looked at.
    if (replies.epoch != config_.membership.epoch) return;
    if (replies.client != config_.id || replies.session != config_.session) return;
    note_view(from, replies.view);
    for (const auto& entry : replies.entries) on_entry(now_us, from, entry, effects);
    drop_finished();
    if (waiting() > 0 && room() > 0) arm(now_us, effects);
  }

  /// The hint is the (f+1)-th largest view reported: f liars can neither raise it beyond every correct replica's view
  /// nor lower it below what f+1 correct ones report. It affects routing only (client rule 3).
  void note_view(ReplicaId from, View view) {
    if (view <= reported_views_[from]) return;
    reported_views_[from] = view;
    auto sorted = reported_views_;
    std::sort(sorted.rbegin(), sorted.rend());
    view_hint_ = sorted[std::min<std::size_t>(config_.membership.faults, sorted.size() - 1)];
  }

  void on_entry(std::int64_t now_us, ReplicaId from, const ReplyEntry& entry, ClientEffects& effects) {
    if (entry.number < base_ || entry.number - base_ >= bundled_) return;  // completed long ago, or never sent
    Request& request = requests_[entry.number - base_];
    if (request.completed) return;
    if (entry.request_digest != request.digest) return;
    // Only an evicted session is answered without a slot.
    if (entry.seq == 0 && entry.outcome != Outcome::session_evicted) return;

    const Vote vote{from, entry.outcome, entry.seq, authenticator_.digest(entry.result)};
    const auto previous = std::find_if(request.votes.begin(), request.votes.end(),
                                       [&](const Vote& other) { return other.replica == from; });
    if (previous == request.votes.end()) {
      request.votes.push_back(vote);
    } else {
      *previous = vote;
    }
    const std::uint32_t agreeing = matching(request.votes, vote);
    const std::uint32_t needed =
        mutant(Mutant::reply_from_one_replica) ? 1 : config_.membership.weak_quorum();  // client rule 1
    if (agreeing >= needed) complete(now_us, entry, agreeing, request, effects);
  }

  void complete(std::int64_t now_us, const ReplyEntry& entry, std::uint32_t agreeing, Request& request,
                ClientEffects& effects) {
    request.completed = true;
    std::vector<Vote>().swap(request.votes);
    --outstanding_;
    Outgoing& outgoing = outgoing_[request.bundle - outgoing_base_];
    TAGMA_ASSERT(outgoing.unfinished > 0, "a bundle counts each of its requests once");
    if (--outgoing.unfinished == 0) latency_.add(now_us, now_us - outgoing.sent_us);
    effects.emplace_back(Completed{entry.number, entry.outcome, entry.result, entry.seq, view_hint_, agreeing,
                                   now_us - request.submitted_us});
  }

  void drop_finished() {
    while (bundled_ > 0 && requests_.front().completed) {
      requests_.pop_front();
      ++base_;
      --bundled_;
    }
    while (!outgoing_.empty() && outgoing_.front().unfinished == 0) {
      outgoing_.pop_front();
      ++outgoing_base_;
    }
  }

  /// A refusal is a hint of one replica (client rule 4): it can make the client send once more, a bounded number of
  /// times, and never stops or delays the retransmission to all.
  void on_refusal(std::int64_t now_us, ReplicaId from, const Refusal& refusal, ClientEffects& effects) {
    if (refusal.session != config_.session) return;
    const auto found = std::lower_bound(
        outgoing_.begin(), outgoing_.end(), refusal.first,
        [](const Outgoing& outgoing, RequestNumber first) { return outgoing.bundle->content.first < first; });
    if (found == outgoing_.end() || found->bundle->content.first != refusal.first || found->unfinished == 0) return;
    last_refusal_ = refusal.reason;
    if (refusal.reason != RefusalReason::busy || from != believed_primary() || found->busy_due_us) return;
    found->busy_due_us = now_us + with_jitter(found->busy_wait_us);
    found->busy_wait_us = std::min(found->busy_wait_us * 2, config_.retransmission_max_us);
    arm(*found->busy_due_us, effects);
  }

  void arm(std::int64_t at_us, ClientEffects& effects) {
    if (wake_at_us_ && *wake_at_us_ <= at_us) return;
    wake_at_us_ = at_us;
    effects.emplace_back(ClientWakeAt{at_us});
  }

  void rearm(ClientEffects& effects) {
    wake_at_us_.reset();
    std::optional<std::int64_t> earliest_us;
    for (const auto& outgoing : outgoing_) {
      if (outgoing.unfinished == 0) continue;
      const std::int64_t due_us = std::min({outgoing.due_us, outgoing.busy_due_us.value_or(outgoing.due_us),
                                            outgoing.early_due_us.value_or(outgoing.due_us)});
      earliest_us = std::min(earliest_us.value_or(due_us), due_us);
    }
    if (earliest_us) arm(*earliest_us, effects);
  }

  const ClientConfig config_;
  Authenticator& authenticator_;
  Generator jitter_;
  LatencyEstimate latency_;

  /// Requests base_, base_+1, ...: the first `bundled_` of them are sent, the others wait.
  /// Invariant: every number below base_ is completed, and base_ itself, if sent, is not (outside of on_replies).
  std::deque<Request> requests_;
  RequestNumber base_ = 1;
  std::size_t bundled_ = 0;
  std::size_t outstanding_ = 0;

  /// Bundles by rising number; the front one is unfinished. A finished one in the middle stays until it is the front.
  std::deque<Outgoing> outgoing_;
  std::uint64_t outgoing_base_ = 0;  ///< ordinal of the front

  std::vector<View> reported_views_;  ///< the highest that each replica reported
  View view_hint_ = 0;
  std::vector<bool> connected_before_;  ///< by replica
  std::optional<RefusalReason> last_refusal_;
  /// The last ClientWakeAt. Invariant: not later than any due time of an unfinished bundle.
  std::optional<std::int64_t> wake_at_us_;
};

ClientCore::ClientCore(ClientConfig config, Authenticator& authenticator)
    : implementation_(std::make_unique<Implementation>(std::move(config), authenticator)) {}
ClientCore::~ClientCore() = default;

RequestNumber ClientCore::submit(std::int64_t now_us, Bytes operation) {
  return implementation_->submit(now_us, std::move(operation));
}
ClientEffects ClientCore::flush(std::int64_t now_us) { return implementation_->flush(now_us); }
ClientEffects ClientCore::receive(std::int64_t now_us, ReplicaId from, const Message& message) {
  return implementation_->receive(now_us, from, message);
}
ClientEffects ClientCore::wake(std::int64_t now_us) { return implementation_->wake(now_us); }
ClientEffects ClientCore::connected(ReplicaId replica) { return implementation_->connected(replica); }
std::size_t ClientCore::outstanding() const { return implementation_->outstanding(); }
ReplicaId ClientCore::believed_primary() const { return implementation_->believed_primary(); }
std::uint32_t ClientCore::best_match(RequestNumber number) const { return implementation_->best_match(number); }
std::optional<RefusalReason> ClientCore::last_refusal() const { return implementation_->last_refusal(); }

}  // namespace tagma
