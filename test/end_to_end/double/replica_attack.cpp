#include "test/end_to_end/double/replica_attack.h"

#include <algorithm>
#include <utility>

#include "test/sim/adversary.h"
#include "test/sim/coverage.h"

namespace tagma::end_to_end {
namespace {

std::uint64_t total(const sim::Coverage& coverage) {
  std::uint64_t sum = 0;
  for (const auto& [name, count] : coverage.counts()) sum += count;
  return sum;
}

/// One of the simulator's.
class Simulated final : public ReplicaAttack {
 public:
  Simulated(std::string_view name, const AttackOptions& options, const Surroundings& surroundings)
      : surroundings_(surroundings) {
    const auto& config = surroundings.config;
    const sim::AttackScene scene{.self = config.id,
                                 .n = config.membership.n(),
                                 .faults = config.membership.faults,
                                 .view_change_timeout_us = config.view_change_timeout_us,
                                 .window = config.window,
                                 .cluster = config.membership.cluster,
                                 .clients = static_cast<std::uint32_t>(config.membership.clients.size()),
                                 .members = {}};
    sim::Random random(options.seed + config.id, name);
    attack_ = sim::make_attack(name, scene, {options.victim, options.percent}, coverage_, random);
  }
  [[nodiscard]] bool known() const { return attack_ != nullptr; }

  [[nodiscard]] bool hears(const Received& received, Deeds& /*deeds*/) override {
    return attack_->hears(received.message);
  }
  void bend(sim::Outgoing outgoing, std::vector<sim::Outgoing>& out) override {
    attack_->bend(std::move(outgoing), out);
  }
  void act(Deeds& deeds) override { attack_->act(surroundings_.situation.core.executed, deeds.messages, deeds.bytes); }
  [[nodiscard]] std::uint64_t fired() const override { return total(coverage_); }

 private:
  Surroundings surroundings_;
  sim::Coverage coverage_;
  std::unique_ptr<sim::Attack> attack_;
};

/// Everything that the simulator's liar draws from the seed. Liars with the same seed are in league.
class Anything final : public ReplicaAttack {
 public:
  Anything(const AttackOptions& options, const Surroundings& surroundings)
      : surroundings_(surroundings),
        conspiracy_(options.seed),
        random_(options.seed + surroundings.self(), "when a real liar acts"),
        liar_(drawn_by(options, surroundings), surroundings.self(), surroundings.membership(),
              surroundings.authenticator, conspiracy_, coverage_) {}

  void bend(sim::Outgoing outgoing, std::vector<sim::Outgoing>& out) override {
    for (auto& message : liar_.bend(outgoing.to, outgoing.message)) {
      if (gives_up_own_life(message)) continue;
      out.push_back({outgoing.to, std::move(message), outgoing.delay_us});
    }
  }
  [[nodiscard]] bool bend_reply(Message& message) override {
    auto bent = liar_.bend_for_client(message);
    if (bent.empty()) return false;
    message = std::move(bent.front());
    return true;
  }
  void act(Deeds& deeds) override {
    if (!random_.chance(300'000)) return;  // as often as the simulator lets it
    for (auto& [to, message] : liar_.mischief(surroundings_.situation.core.executed)) {
      if (gives_up_own_life(message)) continue;
      deeds.messages.push_back({to, std::move(message)});
    }
  }
  [[nodiscard]] std::uint64_t fired() const override { return total(coverage_) - unsaid_; }

 private:
  /// A true REJOIN of its own would end the life of its core, which could never be honest again. That is not said.
  [[nodiscard]] bool gives_up_own_life(const Message& message) {
    const auto is_own = [this](const Rejoin& rejoin) { return rejoin.content.replica == surroundings_.self(); };
    const auto* rejoin = std::get_if<Rejoin>(&message);
    const auto* proposal = std::get_if<PrePrepare>(&message);
    const bool gives_up =
        (rejoin != nullptr && is_own(*rejoin)) ||
        (proposal != nullptr && std::any_of(proposal->batch->rejoins.begin(), proposal->batch->rejoins.end(), is_own));
    if (gives_up) unsaid_ = std::min(unsaid_ + 1, total(coverage_));
    return gives_up;
  }

  static sim::SimOptions drawn_by(const AttackOptions& options, const Surroundings& surroundings) {
    sim::SimOptions drawn;
    drawn.seed = options.seed;
    drawn.profile = sim::Profile::byzantine_backups;
    drawn.core = surroundings.config;
    return drawn;
  }

  Surroundings surroundings_;
  sim::Coverage coverage_;
  sim::Conspiracy conspiracy_;
  sim::Random random_;
  sim::LyingReplica liar_;
  std::uint64_t unsaid_ = 0;
};

constexpr std::string_view names[] = {
    "equivocate",       "starve",        "slow",      "censor",     "tiny_batches",      "holes",     "far_numbers",
    "huge_batches",     "keep_bodies",   "bad_state", "drip_state", "withhold_new_view", "far_views", "false_claims",
    "wrong_checkpoint", "wrong_replies", "flood",     "replay",     "commits_to_some",   "malformed", "silent",
    "anything"};

}  // namespace

std::unique_ptr<ReplicaAttack> make_replica_attack(std::string_view name, const AttackOptions& options,
                                                   const Surroundings& surroundings) {
  if (name == "anything") return std::make_unique<Anything>(options, surroundings);
  for (const auto make : {make_proposal_attack, make_state_attack, make_view_attack, make_traffic_attack}) {
    if (auto made = make(name, options, surroundings)) return made;
  }
  auto simulated = std::make_unique<Simulated>(name, options, surroundings);
  if (!simulated->known()) return nullptr;
  return simulated;
}

std::vector<std::string_view> replica_attack_names() { return {std::begin(names), std::end(names)}; }

Digest flipped(Digest digest) {
  digest.bytes[0] = static_cast<std::uint8_t>(digest.bytes[0] ^ 1U);
  return digest;
}

}  // namespace tagma::end_to_end
