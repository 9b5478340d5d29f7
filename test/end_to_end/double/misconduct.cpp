#include "test/end_to_end/double/misconduct.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace tagma::end_to_end {
namespace {

/// Between two times that attacks act unasked: a few hundred times a second, which the simulator's are made for.
constexpr MonotonicUs act_every_us = 4'000;
/// How soon an idle replica notices that it is to attack.
constexpr MonotonicUs look_every_us = 20'000;
constexpr std::size_t votes_max = 16;

int open_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGUSR1);
  ::sigaddset(&signals, SIGUSR2);
  const int descriptor = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (descriptor < 0) throw std::runtime_error("signalfd failed");
  return descriptor;
}

}  // namespace

Misconduct::Misconduct(const CoreConfig& config, Authenticator& authenticator, const AttackOptions& options,
                       std::uint32_t core_percent_max)
    : config_(config),
      authenticator_(authenticator),
      options_(options),
      core_share_(core_percent_max),
      signals_(open_signals()) {}

Misconduct::~Misconduct() {
  tell_fired();
  ::close(signals_);
}

bool Misconduct::add(const std::string& name) {
  auto attack = make_replica_attack(name, options_, {config_, authenticator_, situation_});
  if (attack == nullptr) return false;
  attacks_.push_back({name, std::move(attack)});
  return true;
}

runtime::Outgoing& Misconduct::stand_before(runtime::Transport& world) {
  world_ = &world;
  return *this;
}

bool Misconduct::hears(Received& received) {
  note_vote(received.message);
  if (has_attacked_) hide_own_votes(received.message);
  if (!attacks_now_) return true;
  Deeds deeds;
  const bool hears = std::all_of(attacks_.begin(), attacks_.end(),
                                 [&](const Named& each) { return each.attack->hears(received, deeds); });
  perform(std::move(deeds));
  return hears;
}

std::vector<Received> Misconduct::act(MonotonicUs now_us, const ReplicaCore& core) {
  situation_.now_us = now_us;
  situation_.core = core.view();
  read_signals();
  send_due();
  std::vector<Received> released;
  if (!attacks_now_ && !ended_) return released;
  for (const auto& [name, attack] : attacks_) {
    auto heard = attack->release(ended_);
    released.insert(released.end(), std::make_move_iterator(heard.begin()), std::make_move_iterator(heard.end()));
  }
  if (std::exchange(ended_, false)) return released;
  if (fired_lines_.due(now_us)) tell_fired();
  if (now_us < next_act_us_) return released;
  next_act_us_ = now_us + act_every_us;
  if (core_share_.exceeded(now_us)) return released;
  Deeds deeds;
  for (const auto& [name, attack] : attacks_) attack->act(deeds);
  perform(std::move(deeds));
  return released;
}

std::optional<MonotonicUs> Misconduct::wake_at_us() const {
  auto at_us = attacks_now_ ? next_act_us_ : situation_.now_us + look_every_us;
  if (!held_back_.empty()) at_us = std::min(at_us, held_back_.begin()->first);
  return at_us;
}

void Misconduct::send(ReplicaId to, const Message& message) {
  if (attacks_now_) return hand_on({to, message});
  world_->send(to, message);
}

void Misconduct::broadcast(const Message& message) {
  note_vote(message);
  if (!attacks_now_) return world_->broadcast(message);
  for (const auto& member : config_.membership.replicas) {
    if (member.id != config_.id) hand_on({member.id, message});
  }
}

void Misconduct::reply(ClientId client, SessionId session, Message message) {
  if (bends_reply(message)) world_->reply(client, session, std::move(message));
}

void Misconduct::answer(AdminId admin, const Message& message) {
  auto bent = message;
  if (bends_reply(bent)) world_->answer(admin, bent);
}

void Misconduct::distrust(ReplicaId replica, bool distrusted) { world_->distrust(replica, distrusted); }

void Misconduct::set_client(ClientId client, const std::optional<PublicKey>& key) { world_->set_client(client, key); }

void Misconduct::read_signals() {
  signalfd_siginfo taken{};
  while (::read(signals_, &taken, sizeof taken) == sizeof taken) {
    const bool attacks = taken.ssi_signo == SIGUSR1;
    if (attacks == attacks_now_) continue;
    attacks_now_ = attacks;
    has_attacked_ = has_attacked_ || attacks;
    ended_ = !attacks;
    if (ended_) tell_fired();
  }
}

void Misconduct::tell_fired() const {
  for (const auto& [name, attack] : attacks_) FiredLines::print(name, attack->fired());
}

/// Its core does not show the certificate that it holds: made here of the same votes.
void Misconduct::note_vote(const Message& message) {
  const auto* vote = std::get_if<CheckpointVote>(&message);
  if (vote == nullptr) return;
  const auto& known = situation_.certificate.votes;
  if (!known.empty() && vote->content.seq <= known.front().content.seq) return;
  auto& alike = votes_[{vote->content.seq, vote->content.root}];
  alike.insert_or_assign(vote->content.replica, *vote);
  if (alike.size() >= config_.membership.quorum()) {
    situation_.certificate.votes.clear();
    for (const auto& [replica, each] : alike) situation_.certificate.votes.push_back(each);
    votes_.clear();
  } else if (votes_.size() > votes_max) {
    votes_.erase(std::prev(votes_.end()));  // whoever votes far ahead keeps nobody from a certificate
  }
}

/// The core would find that others hold votes which it has never cast, and stop: it takes its disk for an old one.
void Misconduct::hide_own_votes(Message& message) const {
  auto* status = std::get_if<Status>(&message);
  if (status == nullptr) return;
  const std::uint64_t others = ~(std::uint64_t{1} << config_.id);
  for (auto& slot : status->slots) {
    slot.prepares &= others;
    slot.commits &= others;
  }
}

bool Misconduct::bends_reply(Message& message) {
  if (!attacks_now_) return true;
  return std::all_of(attacks_.begin(), attacks_.end(),
                     [&](const Named& each) { return each.attack->bend_reply(message); });
}

void Misconduct::hand_on(sim::Outgoing outgoing) {
  std::vector<sim::Outgoing> passing;
  passing.push_back(std::move(outgoing));
  for (const auto& [name, attack] : attacks_) {
    std::vector<sim::Outgoing> bent;
    for (auto& each : passing) attack->bend(std::move(each), bent);
    passing = std::move(bent);
  }
  for (auto& each : passing) {
    if (each.delay_us == 0) {
      world_->send(each.to, each.message);
    } else {
      const auto leaves_us = situation_.now_us + each.delay_us;
      held_back_.emplace(leaves_us, std::move(each));
    }
  }
}

void Misconduct::send_due() {
  while (!held_back_.empty() && held_back_.begin()->first <= situation_.now_us) {
    const auto& due = held_back_.begin()->second;
    world_->send(due.to, due.message);
    held_back_.erase(held_back_.begin());
  }
}

void Misconduct::perform(Deeds deeds) {
  for (const auto& message : deeds.to_all) world_->broadcast(message);
  for (const auto& outgoing : deeds.messages) {
    if (outgoing.to != config_.id) world_->send(outgoing.to, outgoing.message);
  }
  for (auto& [to, bytes] : deeds.bytes) world_->send_bytes(to, std::move(bytes));
  for (auto& [client, session, message] : deeds.replies) world_->reply(client, session, std::move(message));
}

}  // namespace tagma::end_to_end
