// View changes: how a view is left and how the next one begins (docs/protocol.md, "View change"; Castro and Liskov,
// TOCS 2002, sections 4.4 and 4.5). What a NEW-VIEW chooses is decided in new_view.cpp; when a view is left for its
// primary's sake in view_timing.cpp.
#include <algorithm>
#include <tuple>
#include <utility>

#include "messages/assert.h"
#include "messages/mutant.h"
#include "messages/wire/codec.h"
#include "replica/core/core_implementation.h"

namespace tagma {
namespace {

/// VIEW-CHANGEs of one member, and NEW-VIEWs that one member sends, that are judged within a retransmission time.
constexpr std::uint32_t judged_max = 4;
/// NEW-VIEWs that one member is sent again, and that are asked for, within it.
constexpr std::uint32_t new_views_max = 4;

std::uint64_t bit(ReplicaId replica) { return std::uint64_t{1} << replica; }

}  // namespace

// ---------------------------------------------------------------------------------------------------------------------
// Who votes where

std::optional<Incarnation> ReplicaCore::Implementation::voter_of(ReplicaId replica, Seq seq) const {
  // A REJOIN changes the voters of slots more than a window above it; what has been executed tells no more than that.
  if (seq > executed_ + config_.window) return std::nullopt;
  const auto& life = lives_[replica];
  if (life.is_first() || seq > life.boundary) return life.incarnation;
  // The life before voted from its own boundary on, which is at least two windows below this one.
  if (seq + 2 * config_.window < life.boundary && life.incarnation > 1) return std::nullopt;
  return life.incarnation - 1;
}

bool ReplicaCore::Implementation::supports(const NewView& new_view, Seq seq) const {
  const auto& view_changes = new_view.content.view_changes;
  const auto supporters = std::count_if(view_changes.begin(), view_changes.end(), [&](const ViewChange& message) {
    return voter_of(message.content.replica, seq) == message.content.incarnation;
  });
  return supporters >= quorum();
}

bool ReplicaCore::Implementation::view_supports(Seq seq) const {
  if (view_ == 0) return true;
  TAGMA_ASSERT(acted_ && acted_->new_view->content.view == view_, "an active view has its NEW-VIEW");
  return supports(*acted_->new_view, seq);
}

bool ReplicaCore::Implementation::may_vote_in_view(Seq seq) const {
  return active_ && may_vote_on(seq) && view_supports(seq);
}

DecisionRules ReplicaCore::Implementation::decision_rules() const {
  return {.quorum = quorum(),
          .weak_quorum = config_.membership.weak_quorum(),
          .window = config_.window,
          .null_digest = null_digest_,
          .genesis_slot = config_.genesis_slot};
}

std::optional<ViewChoices> ReplicaCore::Implementation::decide_among(
    const std::vector<const ViewChangeStatement*>& statements) const {
  return decide_new_view(statements, decision_rules(), certificate_,
                         [this](ReplicaId replica, Seq seq) { return voter_of(replica, seq); });
}

// ---------------------------------------------------------------------------------------------------------------------
// Leaving a view

void ReplicaCore::Implementation::suspect(std::string_view why) {
  if (!may_change_views()) return;
  change_view(view_ + 1, why);
  consider_view_changes();
}

/// Somebody lies about a proposal of this view's primary: it, or another one. Who leaves, leaves with all (doubts.h).
void ReplicaCore::Implementation::doubt_primary() {
  if (!active_ || !doubts_.raise(now_.monotonic_us)) return;
  count("primary doubted: two accounts of a proposal");
  send_status();
  consider_doubts();
}

void ReplicaCore::Implementation::consider_doubts() {
  if (!active_) return;
  std::uint32_t others = 0;
  for (ReplicaId id = 0; id < config_.membership.n(); ++id) {
    // Who has left the view says no more what it thought of it.
    const auto wish = view_changes_.find(id);
    const bool has_left = wish != view_changes_.end() && wish->second.content.view > view_ &&
                          wish->second.content.incarnation == lives_[id].incarnation;
    if (id != config_.id && (has_left || doubts_.is_doubted_by(id, view_))) ++others;
  }
  if (doubts_.join(others)) {
    count("primary doubted: f+1 others do");
    send_status();
  }
  if (doubts_.suffice(others)) suspect("view given up: 2f+1 doubt its primary");
}

void ReplicaCore::Implementation::change_view(View target, std::string_view why) {
  TAGMA_ASSERT(target > view_, "views only rise");
  count(why);
  // Whatever made it leave the view: a slot that it did not vote on for the time in it is one that timed out.
  if (active_ && (holds_time_back() || old_time_needs_)) {
    time_lenience_.given_up(config_.membership.primary(view_), old_time_needs_.value_or(0));
  }
  effects_.emplace_back(Notice{"wants view " + std::to_string(target) + ": " + std::string(why)});
  view_ = target;
  active_ = false;
  doubts_.forget_own();
  view_durable_ = false;
  led_ = false;
  issue_ = 0;
  new_view_due_us_ = 0;
  left_us_ = now_.monotonic_us;
  for (auto& [seq, slot] : slots_) {
    slot.withheld.reset();
    slot.chosen.reset();
  }
  if (pending_new_view_ != nullptr && pending_new_view_->content.view < view_) pending_new_view_.reset();
  issue_view_change();
}

/// P and Q are in the log already; from here on nothing of a lower view is recorded any more.
void ReplicaCore::Implementation::issue_view_change() {
  ++issue_;
  if (!mutant(Mutant::view_not_persisted)) persist(RecordView{.view = view_, .issue = issue_});
  ViewChange message;
  message.content = own_view_change();
  message.body = wire::encode_view_change_body(message.content);
  message.signature = authenticator_.sign(wire::view_change_statement(message.body));
  view_changes_.insert_or_assign(config_.id, message);
  view_change_resend_us_ = config_.resend_us;
  view_change_sent_us_ = now_.monotonic_us;
  count("VIEW-CHANGE sent");
  broadcast(std::move(message));
}

ViewChangeStatement ReplicaCore::Implementation::own_view_change() const {
  ViewChangeStatement statement{.cluster = config_.membership.cluster,
                                .epoch = config_.membership.epoch,
                                .replica = config_.id,
                                .incarnation = own_life().incarnation,
                                .view = view_,
                                .issue = issue_,
                                .dropped_by = {},
                                .certificate = certificate_message_,
                                .prepared = {},
                                .recorded = {}};
  std::set<NewViewName> names;
  for (const auto& [name, dropped] : dropped_by_) names.insert(name);
  // After a restart nobody knows any more whether it dropped something.
  if (acted_) names.insert(acted_name());
  for (const auto& name : names) {
    if (name.view < view_) statement.dropped_by.push_back(name);
  }
  const auto end = slots_.upper_bound(certificate_ + config_.window);
  for (auto found = slots_.upper_bound(certificate_); found != end; ++found) {
    const auto& [seq, slot] = *found;
    if (slot.prepared && !mutant(Mutant::prepared_left_out)) {
      statement.prepared.push_back({.seq = seq, .view = slot.prepared->view, .digest = slot.prepared->digest});
    }
    std::map<Digest, View> recorded;
    // What is prepared has its batch here, so this replica vouches for it too, whatever it had accepted itself.
    if (slot.prepared) recorded[slot.prepared->digest] = slot.prepared->view;
    if (slot.recorded) {
      auto& view = recorded[slot.recorded->digest];
      view = std::max(view, slot.recorded->view);
    }
    for (const auto& [digest, view] : recorded) {
      statement.recorded.push_back({.seq = seq, .view = view, .digest = digest});
    }
  }
  return statement;
}

/// Until the next view begins; ever more seldom, for a lone suspicion may last.
void ReplicaCore::Implementation::resend_view_change() {
  const auto own = view_changes_.find(config_.id);
  if (active_ || own == view_changes_.end() || own->second.content.view != view_) return;
  if (now_.monotonic_us - view_change_sent_us_ < view_change_resend_us_) return;
  view_change_sent_us_ = now_.monotonic_us;
  view_change_resend_us_ = std::min(2 * view_change_resend_us_, 16 * config_.resend_us);
  count("VIEW-CHANGE sent again");
  broadcast(own->second);
}

// ---------------------------------------------------------------------------------------------------------------------
// VIEW-CHANGEs of others

bool ReplicaCore::Implementation::may_judge(Peer& peer) {
  if (now_.monotonic_us - peer.judged_since_us >= config_.resend_us) {
    peer.judged_since_us = now_.monotonic_us;
    peer.judged = 0;
  }
  return peer.judged++ < judged_max;
}

/// Everything about it but the certificate that it brings, which costs most.
bool ReplicaCore::Implementation::view_change_is_authentic(const ViewChange& message) {
  const auto& content = message.content;
  const auto* member = config_.membership.find_replica(content.replica);
  if (member == nullptr || content.cluster != config_.membership.cluster || content.epoch != config_.membership.epoch) {
    return false;
  }
  const Seq start = certificate_of(content, config_.genesis_slot);
  const auto outside = [&](const SlotClaim& claim) { return claim.seq <= start || claim.seq - start > config_.window; };
  if (std::any_of(content.prepared.begin(), content.prepared.end(), outside) ||
      std::any_of(content.recorded.begin(), content.recorded.end(), outside)) {
    return false;
  }
  const auto held = view_changes_.find(content.replica);
  if (mutant(Mutant::view_change_unverified)) return true;
  if (held != view_changes_.end() && held->second == message) return true;
  return authenticator_.verify(member->key, wire::view_change_statement(message.body), message.signature);
}

bool ReplicaCore::Implementation::certificate_of_view_change_holds(const ViewChange& message) {
  const auto& certificate = message.content.certificate;
  if (certificate.votes.empty() || certificate == certificate_message_) return true;
  const auto held = view_changes_.find(message.content.replica);
  if (held != view_changes_.end() && held->second.content.certificate == certificate) return true;
  return certificate_holds(certificate);
}

/// Whether by this statement, whoever brings it, the primary of the view that this replica is in or wants has left it:
/// it told some, and no replica goes back. That of an earlier life says nothing of the one that leads now.
bool ReplicaCore::Implementation::gives_up_own_view(const ViewChangeStatement& content) const {
  return content.replica == config_.membership.primary(view_) && content.view > view_ &&
         content.incarnation == lives_[content.replica].incarnation;
}

void ReplicaCore::Implementation::receive(const Sender& from, ViewChange& message) {
  const auto& content = message.content;
  const bool passed_on = content.replica != from.principal.id;
  if (passed_on && !(active_ && gives_up_own_view(content))) return count("VIEW-CHANGE of another replica");
  const auto held = view_changes_.find(content.replica);
  const auto age = [](const ViewChangeStatement& each) { return std::tuple(each.incarnation, each.view, each.issue); };
  if (held != view_changes_.end() && age(held->second.content) >= age(content)) return;
  if (content.view < view_ || (content.view == view_ && active_)) return count("VIEW-CHANGE for a view of before");
  if (!may_judge(peers_[from.principal.id])) return count("VIEW-CHANGE not judged: too many");
  if (!view_change_is_authentic(message) || !certificate_of_view_change_holds(message)) {
    return count("unsound VIEW-CHANGE");
  }
  count(passed_on ? "VIEW-CHANGE passed on received" : "VIEW-CHANGE received");
  if (certificate_of(content, config_.genesis_slot) > certificate_) adopt_certificate(content.certificate);
  const ReplicaId replica = content.replica;
  view_changes_.insert_or_assign(replica, std::move(message));
  fetch_new_views();
  consider_doubts();
  consider_view_changes();
}

std::vector<View> ReplicaCore::Implementation::wanted_views(View above) const {
  std::vector<View> views;
  for (const auto& [replica, message] : view_changes_) {
    if (replica != config_.id && message.content.view > above) views.push_back(message.content.view);
  }
  std::sort(views.begin(), views.end());
  return views;
}

/// Whether the own view is to be left for the next one because its primary cannot or does not want to lead it.
std::optional<std::string_view> ReplicaCore::Implementation::reason_to_give_up_primary() const {
  const ReplicaId primary = config_.membership.primary(view_);
  if (primary == config_.id) {
    // It would have to take the state first, and only keep the others waiting.
    if (!active_ && state_is_given_up()) return "own view given up";
    return std::nullopt;
  }
  // It has just returned, or cannot lead: it need not be waited for.
  const auto theirs = view_changes_.find(primary);
  // One of another life would move this replica alone: nobody would take it from it.
  if (theirs != view_changes_.end() && gives_up_own_view(theirs->second.content)) return "view given up by its primary";
  return std::nullopt;
}

void ReplicaCore::Implementation::consider_view_changes() {
  if (!may_change_views()) return;
  for (;;) {
    const auto views = wanted_views(view_);
    if (views.size() >= config_.membership.weak_quorum()) {
      change_view(views.front(), "VIEW-CHANGE joined");
    } else if (const auto why = reason_to_give_up_primary()) {
      // Kept apart, for the others: its sender may say something else later.
      const auto theirs = view_changes_.find(config_.membership.primary(view_));
      if (theirs != view_changes_.end() && theirs->first != config_.id) {
        given_up_by_.insert_or_assign(theirs->first, theirs->second);
      }
      change_view(view_ + 1, *why);
    } else {
      break;
    }
  }
  if (active_) return;
  const auto others = wanted_views(view_ - 1).size();
  if (others + 1 >= quorum() && new_view_due_us_ == 0) new_view_due_us_ = now_.monotonic_us + view_timeout_us();
  begin_own_view();
}

/// As the primary of the view that is to begin.
void ReplicaCore::Implementation::begin_own_view() {
  if (active_ || !may_change_views() || config_.membership.primary(view_) != config_.id) return;
  NewView message;
  message.content.cluster = config_.membership.cluster;
  message.content.epoch = config_.membership.epoch;
  message.content.view = view_;
  std::vector<const ViewChangeStatement*> statements;
  for (const auto& [replica, view_change] : view_changes_) {
    if (view_change.content.view != view_) continue;
    message.content.view_changes.push_back(view_change);
    statements.push_back(&view_change.content);
  }
  if (statements.size() < quorum()) return;
  auto choices = decide_among(statements);
  if (!choices) return count("new view undecided: waiting for more VIEW-CHANGEs");
  message.body = wire::encode_new_view_body(message.content);
  message.signature = authenticator_.sign(wire::new_view_statement(message.body));
  count("NEW-VIEW sent");
  led_ = true;
  auto shared = std::make_shared<const NewView>(std::move(message));
  enter({.new_view = shared, .digest = authenticator_.digest(shared->body), .choices = std::move(*choices)});
}

// ---------------------------------------------------------------------------------------------------------------------
// NEW-VIEWs

NewViewName ReplicaCore::Implementation::acted_name() const {
  return acted_ ? NewViewName{.view = acted_->new_view->content.view, .digest = acted_->digest} : NewViewName{};
}

/// What made another replica drop something must be known here, or what this one still has would lack vouchers for
/// ever, and the views to come would stay undecided (docs/protocol.md, "That a new view is always decided"). Whoever
/// names one is asked for it; those that name what they do not give are asked ever more seldom.
void ReplicaCore::Implementation::fetch_new_views() {
  for (const auto& [replica, message] : view_changes_) {
    if (replica == config_.id) continue;
    auto& asked = peers_[replica].asked_new_views;
    const auto& named = message.content.dropped_by;
    std::erase_if(
        asked, [&named](const auto& each) { return std::find(named.begin(), named.end(), each.first) == named.end(); });
    std::uint32_t questions = 0;
    for (const auto& name : named) {
      if (dropped_by_.contains(name) || harmless_new_views_.contains(name) || name == acted_name()) continue;
      auto& before = asked[name];
      const MonotonicUs wait_us = config_.resend_us << std::min<std::uint32_t>(before.times, 6);
      if (before.times > 0 && now_.monotonic_us - before.at_us < wait_us) continue;
      if (++questions > new_views_max) break;
      before = {.at_us = now_.monotonic_us, .times = before.times + 1};
      count("NEW-VIEW fetched");
      send(replica, FetchNewView{.view = name.view, .digest = name.digest}, false);
    }
  }
}

bool ReplicaCore::Implementation::has_asked_for(const NewViewName& name) const {
  return std::any_of(peers_.begin(), peers_.end(),
                     [&name](const Peer& peer) { return peer.asked_new_views.contains(name); });
}

void ReplicaCore::Implementation::receive(const Sender& from, FetchNewView& message) {
  const NewViewName name{.view = message.view, .digest = message.digest};
  const auto dropped = dropped_by_.find(name);
  const auto kept = dropped != dropped_by_.end() ? dropped->second.new_view
                    : name == acted_name()       ? acted_->new_view
                                                 : nullptr;
  if (kept == nullptr) return count("asked for a NEW-VIEW that is not here");
  if (may_send_new_view(from.principal.id)) send(from.principal.id, *kept);
}

bool ReplicaCore::Implementation::may_send_new_view(ReplicaId to) {
  auto& peer = peers_[to];
  if (now_.monotonic_us - peer.new_views_since_us >= config_.resend_us) {
    peer.new_views_since_us = now_.monotonic_us;
    peer.new_views_sent = 0;
  }
  return peer.new_views_sent++ < new_views_max;
}

bool ReplicaCore::Implementation::new_view_is_sound(const NewView& message) {
  const auto& content = message.content;
  const auto* primary = config_.membership.find_replica(config_.membership.primary(content.view));
  const auto& view_changes = content.view_changes;
  if (content.cluster != config_.membership.cluster || content.epoch != config_.membership.epoch ||
      view_changes.size() < quorum() ||
      !authenticator_.verify(primary->key, wire::new_view_statement(message.body), message.signature) ||
      !std::all_of(view_changes.begin(), view_changes.end(),
                   [this](const ViewChange& each) { return view_change_is_authentic(each); })) {
    return false;
  }
  std::set<CheckpointCertificate> judged;  // most bring the same one
  return std::all_of(view_changes.begin(), view_changes.end(), [&](const ViewChange& each) {
    return judged.contains(each.content.certificate) ||
           (certificate_of_view_change_holds(each) && judged.insert(each.content.certificate).second);
  });
}

/// An own VIEW-CHANGE for a view that this replica does not know to have wanted was sent from a disk that is gone: the
/// record of the view is durable before the VIEW-CHANGE leaves (attack K11).
bool ReplicaCore::Implementation::is_forgotten_view_in(const NewViewStatement& content) const {
  return life_is_ordered() && content.view > view_ &&
         std::any_of(content.view_changes.begin(), content.view_changes.end(), [this](const ViewChange& message) {
           return message.content.replica == config_.id && message.content.incarnation == own_life().incarnation;
         });
}

void ReplicaCore::Implementation::receive(const Sender& from, NewView& message) {
  const View view = message.content.view;
  const bool to_enter = view > view_ || (view == view_ && !active_);
  const NewViewName name{.view = view, .digest = authenticator_.digest(message.body)};
  const bool wanted = has_asked_for(name) && !dropped_by_.contains(name) && !harmless_new_views_.contains(name);
  if (!to_enter && !wanted) return;
  if (pending_new_view_ != nullptr && pending_new_view_->body == message.body) return;
  if (!may_judge(peers_[from.principal.id])) return count("NEW-VIEW not judged: too many");
  if (!new_view_is_sound(message)) return count("unsound NEW-VIEW");
  if (is_forgotten_view_in(message.content)) return found_old_disk();
  count("NEW-VIEW received");
  auto shared = std::make_shared<const NewView>(std::move(message));
  if (wanted) prune_by_fetched(shared, name);
  if (to_enter && (pending_new_view_ == nullptr || pending_new_view_->content.view <= view)) {
    pending_new_view_ = std::move(shared);
    undecided_at_.reset();
    enter_pending();
  }
}

/// Not acted under: only what it drops is taken from it, and the own VIEW-CHANGE says so.
void ReplicaCore::Implementation::prune_by_fetched(const SharedNewView& message, const NewViewName& name) {
  if (name.view > view_ || (name.view == view_ && !active_)) return;  // if it is entered, that drops the same
  const auto choices = choices_of(*message);
  if (!choices) return;  // with more of the own state, or another certificate, it may be decided: it is asked for again
  const Seq last = prune(*message, *choices);
  if (last == 0) {
    if (harmless_new_views_.size() >= 4 * limits::view_change_named_max) harmless_new_views_.clear();
    harmless_new_views_.insert(name);
    return;
  }
  note_dropped(name, message, last);
  if (active_ || !may_change_views()) return;
  issue_view_change();
  consider_view_changes();
}

void ReplicaCore::Implementation::note_dropped(const NewViewName& name, const SharedNewView& new_view, Seq last) {
  dropped_by_.insert_or_assign(name, DroppedBy{.new_view = new_view, .last = last});
  if (dropped_by_.size() >= limits::view_change_named_max) dropped_by_.erase(dropped_by_.begin());
}

std::optional<ViewChoices> ReplicaCore::Implementation::choices_of(const NewView& message) const {
  std::vector<const ViewChangeStatement*> statements;
  for (const auto& view_change : message.content.view_changes) statements.push_back(&view_change.content);
  return decide_among(statements);
}

/// Not above the window of the NEW-VIEW where too few of its senders vote: what was decided there was decided without
/// them, and must not be dropped for what they do not know (the example is in docs/protocol.md).
Seq ReplicaCore::Implementation::prune(const NewView& new_view, const ViewChoices& choices) {
  const View view = new_view.content.view;
  Seq last = 0;
  for (auto found = slots_.upper_bound(choices.start); found != slots_.end(); ++found) {
    auto& [seq, slot] = *found;
    if (seq <= certificate_) continue;  // stable: it is in no VIEW-CHANGE
    if (seq > choices.start + config_.window && !supports(new_view, seq)) continue;
    const auto* choice = choices.find(seq);
    const auto obsolete = [&](const std::optional<Ballot>& entry) {
      return entry && entry->view < view && (choice == nullptr || entry->digest != *choice);
    };
    if (obsolete(slot.recorded)) {
      slot.recorded.reset();
      slot.own_prepare_durable = false;
      last = seq;
    }
    if (obsolete(slot.prepared)) {
      slot.prepared.reset();
      slot.own_commit_durable = false;
      last = seq;
    }
    drop_unnamed_batches(slot, choice);
  }
  return last;
}

void ReplicaCore::Implementation::drop_unnamed_batches(Slot& slot, const Digest* choice) {
  std::erase_if(slot.batches, [&](const auto& batch) {
    const auto names = [&batch](const std::optional<Ballot>& entry) { return entry && entry->digest == batch.first; };
    return !names(slot.recorded) && !names(slot.prepared) && !names(slot.withheld) && slot.decided != batch.first &&
           slot.chosen != batch.first && (choice == nullptr || *choice != batch.first);
  });
}

/// Waits until the own state tells who votes: a replica that is behind catches up first.
void ReplicaCore::Implementation::enter_pending() {
  if (pending_new_view_ == nullptr || !voting_) return;
  const auto& content = pending_new_view_->content;
  if (content.view < view_ || (content.view == view_ && active_)) return pending_new_view_.reset();
  for (const auto& view_change : content.view_changes) {
    if (certificate_of(view_change.content, config_.genesis_slot) <= certificate_) continue;
    adopt_certificate(view_change.content.certificate);
    if (!voting_) return;
  }
  if (executed_ < certificate_ || undecided_at_ == certificate_) return;
  auto choices = choices_of(*pending_new_view_);
  if (!choices) {
    undecided_at_ = certificate_;  // until another checkpoint is stable it stays so
    return count("NEW-VIEW that leaves a slot undecided");
  }
  auto shared = std::exchange(pending_new_view_, nullptr);
  const Digest digest = authenticator_.digest(shared->body);
  enter({.new_view = std::move(shared), .digest = digest, .choices = std::move(*choices)});
}

void ReplicaCore::Implementation::enter(ActedView entered) {
  const View view = entered.new_view->content.view;
  TAGMA_ASSERT(view > view_ || !active_, "a view is entered once");
  for (auto& [seq, slot] : slots_) slot.withheld.reset();
  const Seq dropped = prune(*entered.new_view, entered.choices);
  acted_ = std::move(entered);
  if (dropped > 0) note_dropped(acted_name(), acted_->new_view, dropped);
  view_ = view;
  active_ = true;
  doubts_.forget_own();
  view_durable_ = false;
  led_ = led_ && is_primary();
  new_view_due_us_ = 0;
  const auto number = persist(RecordNewView{.new_view = acted_->new_view, .choices = acted_->choices});
  own_votes_.push_back(
      {.after = number, .kind = OwnVote::Kind::view, .seq = 0, .ballot = {.view = view_, .digest = {}}});
  if (led_) broadcast(*acted_->new_view);
  count("view entered");
  effects_.emplace_back(Notice{"view " + std::to_string(view_) + " begins, led by replica " +
                               std::to_string(config_.membership.primary(view_))});
  std::erase_if(view_changes_, [this](const auto& held) { return held.second.content.view <= view_; });
  begin_timing();
  begin_watching();
  entered_at_ = executed_;
  next_seq_ = std::max({executed_, certificate_, acted_->choices.last()}) + 1;
  for (auto& [replica, pending] : pending_rejoins_) pending.proposed = 0;
  open_slots_of_view();
  pool_.hand_out_again(now_.monotonic_us);
  note_ordered_by_choices();
  pass_waiting_on();
  accept_chosen();
  for (auto found = slots_.upper_bound(certificate_); found != slots_.end() && active_; ++found) {
    check_prepared(found->first, found->second);
  }
  execute_decided();
}

/// What the view chose is proposed by it, as if by a PRE-PREPARE. Slots for which there is no room yet are opened
/// later.
void ReplicaCore::Implementation::open_slots_of_view() {
  for (auto& [seq, slot] : slots_) {
    slot.withheld.reset();
    slot.chosen.reset();
    slot.vouchers = 0;
  }
  for (const auto& [seq, digest] : acted_->choices.chosen) open_chosen(seq, digest);
}

void ReplicaCore::Implementation::open_chosen(Seq seq, const Digest& digest) {
  if (!in_window(seq)) return;
  auto& slot = slots_[seq];
  // A view of long ago, under which no quorum acted, may choose what a later one did not: it is not voted for then.
  if (slot.chosen || (slot.decided && *slot.decided != digest)) return;
  slot.chosen = digest;
  slot.proposed_us = now_.monotonic_us;
  if (digest == null_digest_) slot.batches.try_emplace(digest, std::make_shared<const Batch>());
  for (const auto& message : acted_->new_view->content.view_changes) {
    const auto& claims = message.content.recorded;
    const bool vouches = std::any_of(claims.begin(), claims.end(), [&](const SlotClaim& claim) {
      return claim.seq == seq && claim.digest == digest;
    });
    if (vouches) slot.vouchers |= bit(message.content.replica);
  }
}

void ReplicaCore::Implementation::note_ordered_by_choices() {
  for (const auto& [seq, digest] : acted_->choices.chosen) {
    // What was not executed there, above a missing number, will not be, and must be ordered again.
    if (seq <= executed_) continue;
    const auto slot = slots_.find(seq);
    const auto batch = slot == slots_.end() ? nullptr : find_batch(slot->second, digest);
    if (batch == nullptr) continue;
    for (const auto& bundle : batch->bundles) pool_.ordered(bundle.content, now_.monotonic_us);
  }
}

void ReplicaCore::Implementation::accept_chosen() {
  if (!active_ || view_ == 0 || !voting_ || mutant(Mutant::chosen_batch_not_voted)) return;
  for (const auto& [seq, digest] : acted_->choices.chosen) {
    if (!in_window(seq)) continue;
    open_chosen(seq, digest);
    auto& slot = slots_.at(seq);
    if (!slot.chosen || (slot.recorded && slot.recorded->view == view_)) continue;
    const auto batch = find_batch(slot, digest);
    if (batch == nullptr || !may_vote_in_view(seq)) continue;
    record(seq, slot, view_, digest, batch);
    if (!active_ || !voting_) return;
  }
  fetch_missing_batches();
}

/// A primary could tell one replica alone that it gives its view up. That one votes no more, and every slot would need
/// the primary's own votes, which it may hold for as long as it likes. Its signature proves it to the others.
void ReplicaCore::Implementation::pass_on_given_up(ReplicaId to, const Status& status) {
  if (active_ || !status.active || status.view >= view_ || now_.monotonic_us - left_us_ < config_.resend_us) return;
  const ReplicaId primary = config_.membership.primary(status.view);
  if (primary == to || primary == config_.id) return;
  auto& peer = peers_[to];
  if (peer.passed_on_us != 0 && now_.monotonic_us - peer.passed_on_us < config_.heartbeat_us) return;
  const auto given_up = given_up_by_.find(primary);
  const auto lost = pending_rejoins_.find(primary);
  if (given_up != given_up_by_.end() && given_up->second.content.view > status.view) {
    count("VIEW-CHANGE of a primary passed on");
    send(to, given_up->second);
  } else if (lost != pending_rejoins_.end()) {
    count("REJOIN of a primary passed on");
    send(to, lost->second.rejoin);
  } else {
    return;
  }
  peer.passed_on_us = now_.monotonic_us;
}

void ReplicaCore::Implementation::answer_status_of_view(ReplicaId to, const Status& status) {
  pass_on_given_up(to, status);
  if (!acted_ || mutant(Mutant::new_view_kept_to_oneself)) return;
  const View view = acted_->new_view->content.view;
  if (view < status.view || (view == status.view && status.active)) return;
  // Ever more seldom: it may have it, and be catching up with its own state first.
  auto& peer = peers_[to];
  const bool another = peer.told_view != view;
  if (!another && now_.monotonic_us - peer.told_view_us < peer.tell_view_again_us) return;
  peer.tell_view_again_us = another ? config_.resend_us : std::min(2 * peer.tell_view_again_us, 32 * config_.resend_us);
  peer.told_view = view;
  peer.told_view_us = now_.monotonic_us;
  count("NEW-VIEW sent again");
  send(to, *acted_->new_view);
}

}  // namespace tagma
