// Attacks of a replica that is a real process: those of the simulator (test/sim/attacks.h), and those that need a real
// client, a real source of state or a real clock. One object is one attack.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/authenticator.h"
#include "replica/core/config.h"
#include "replica/core/events.h"
#include "replica/core/replica_core.h"
#include "test/sim/attacks.h"

namespace tagma::end_to_end {

/// What is said on the command line. What is not given is drawn from the seed or as the attack says.
struct AttackOptions {
  std::uint64_t seed = 1;
  std::uint32_t rate = 2'000;            ///< messages a second of a flood, each to all
  std::optional<std::uint32_t> victim;   ///< a replica, for `censor` a client
  std::optional<std::uint32_t> percent;  ///< slow
};

/// What an attack does beside bending what its core says.
struct Deeds {
  std::vector<sim::Outgoing> messages;
  std::vector<sim::OutgoingBytes> bytes;
  std::vector<Message> to_all;
  struct ToClient {
    ClientId client = 0;
    SessionId session = 0;
    Message message;
  };
  std::vector<ToClient> replies;
};

/// Where the own replica stands; kept up to date while it attacks.
struct Situation {
  MonotonicUs now_us = 0;
  CoreView core;
  CheckpointCertificate certificate;  ///< the newest that was seen, or none
  [[nodiscard]] bool leads(const Membership& membership, ReplicaId self) const {
    return core.active && membership.primary(core.view) == self;
  }
};

/// What every attack has at hand. The references outlive it.
struct Surroundings {
  const CoreConfig& config;  ///< of the own core
  Authenticator& authenticator;
  const Situation& situation;
  [[nodiscard]] ReplicaId self() const { return config.id; }
  [[nodiscard]] const Membership& membership() const { return config.membership; }
};

class ReplicaAttack {
 public:
  ReplicaAttack() = default;
  ReplicaAttack(const ReplicaAttack&) = delete;
  ReplicaAttack& operator=(const ReplicaAttack&) = delete;
  virtual ~ReplicaAttack() = default;

  /// Whether the own core hears this now.
  [[nodiscard]] virtual bool hears(const Received& /*received*/, Deeds& /*deeds*/) { return true; }
  /// Appends what leaves to a replica in the place of `outgoing`.
  virtual void bend(sim::Outgoing outgoing, std::vector<sim::Outgoing>& out) { out.push_back(std::move(outgoing)); }
  /// Changes what a client or an administrator is told. False: nothing is.
  [[nodiscard]] virtual bool bend_reply(Message& /*message*/) { return true; }
  /// What it does unasked, every few milliseconds.
  virtual void act(Deeds& /*deeds*/) {}
  /// What hears() took away and the core hears now; all of it when the attack ends.
  [[nodiscard]] virtual std::vector<Received> release(bool /*ends*/) { return {}; }

  /// How often it has really happened.
  [[nodiscard]] virtual std::uint64_t fired() const { return fired_; }

 protected:
  void fire(std::uint64_t times = 1) { fired_ += times; }

 private:
  std::uint64_t fired_ = 0;
};

/// Null if no attack has that name.
[[nodiscard]] std::unique_ptr<ReplicaAttack> make_replica_attack(std::string_view name, const AttackOptions& options,
                                                                 const Surroundings& surroundings);
/// All names.
[[nodiscard]] std::vector<std::string_view> replica_attack_names();

// By what they lie about, one source each; null if the name is none of theirs.
[[nodiscard]] std::unique_ptr<ReplicaAttack> make_proposal_attack(std::string_view name, const AttackOptions& options,
                                                                  const Surroundings& surroundings);
[[nodiscard]] std::unique_ptr<ReplicaAttack> make_state_attack(std::string_view name, const AttackOptions& options,
                                                               const Surroundings& surroundings);
[[nodiscard]] std::unique_ptr<ReplicaAttack> make_view_attack(std::string_view name, const AttackOptions& options,
                                                              const Surroundings& surroundings);
[[nodiscard]] std::unique_ptr<ReplicaAttack> make_traffic_attack(std::string_view name, const AttackOptions& options,
                                                                 const Surroundings& surroundings);

[[nodiscard]] Digest flipped(Digest digest);

}  // namespace tagma::end_to_end
