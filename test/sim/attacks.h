// Attacks of faulty replicas by the rows of the catalogue (SECURITY.md), each a thin layer between an honest core and
// the network. They are drawn by seed and stack: what one lets pass, the next one sees. The lies about contents are in
// adversary.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "messages/membership.h"
#include "messages/messages.h"
#include "test/sim/coverage.h"
#include "test/sim/options.h"
#include "test/sim/random.h"
#include "test/sim/scheduler.h"

namespace tagma::sim {

/// What leaves for one receiver.
struct Outgoing {
  ReplicaId to = 0;
  Message message;
  VirtualUs delay_us = 0;  ///< how long the sender holds it back
};
/// What leaves and is no message.
struct OutgoingBytes {
  ReplicaId to = 0;
  Bytes bytes;
};

/// What an attack knows of the run.
struct AttackScene {
  ReplicaId self = 0;
  std::uint32_t n = 0;
  std::uint32_t faults = 0;
  MonotonicUs view_change_timeout_us = 0;
  Seq window = 0;
  Digest cluster;
  std::uint32_t clients = 0;      ///< that are correct: numbers 0 to clients-1
  std::vector<ClientId> members;  ///< correct ones of groups
};

class Attack {
 public:
  Attack(std::string_view row, const AttackScene& scene, Coverage& coverage)
      : scene_(scene), row_(row), coverage_(coverage) {}
  Attack(const Attack&) = delete;
  Attack& operator=(const Attack&) = delete;
  virtual ~Attack() = default;

  /// Appends what leaves in the place of `outgoing`.
  virtual void bend(Outgoing outgoing, std::vector<Outgoing>& out) { out.push_back(std::move(outgoing)); }
  /// Whether its own core gets to see this.
  [[nodiscard]] virtual bool hears(const Message& /*message*/) { return true; }
  /// What leaves unasked, a few hundred times a second; `executed` is the own core's last slot.
  virtual void act(Seq /*executed*/, std::vector<Outgoing>& /*out*/, std::vector<OutgoingBytes>& /*bytes*/) {}

 protected:
  /// It has just happened.
  void fired() { coverage_.count(row_); }
  [[nodiscard]] const AttackScene& scene() const { return scene_; }

 private:
  AttackScene scene_;
  std::string_view row_;
  Coverage& coverage_;
};

/// What is chosen by whoever wants one certain attack, and drawn where nobody does.
struct AttackChoice {
  std::optional<ReplicaId> victim;       ///< starve
  std::optional<std::uint32_t> percent;  ///< slow: how much of the timeout a proposal is held back
};
/// The attack of this name, drawn from `random` but for what was chosen; null if there is none. Names: starve, slow,
/// holes, far_numbers, huge_batches, keep_bodies, replay, commits_to_some, malformed.
[[nodiscard]] std::unique_ptr<Attack> make_attack(std::string_view name, const AttackScene& scene,
                                                  const AttackChoice& choice, Coverage& coverage, Random& random);

/// The attacks of one faulty replica, as the seed draws them.
class Attacks {
 public:
  Attacks(const SimOptions& options, ReplicaId self, const Membership& membership, Coverage& coverage);
  ~Attacks();

  [[nodiscard]] std::vector<Outgoing> bend(ReplicaId to, const Message& message);
  [[nodiscard]] bool hears(const Message& message);
  void act(Seq executed, std::vector<Outgoing>& out, std::vector<OutgoingBytes>& bytes);

  /// Attack X1: all who are faulty, the first primary among them, leave the same f correct replicas out, and then say
  /// nothing any more. Whatever a faulty replica sends is asked about here, last.
  [[nodiscard]] bool lets_leave(const Principal& to);
  [[nodiscard]] bool silent() const { return !left_out_.empty() && messages_left_ == 0; }
  [[nodiscard]] const std::set<ReplicaId>& left_out() const { return left_out_; }

 private:
  std::vector<std::unique_ptr<Attack>> attacks_;
  std::set<ReplicaId> left_out_;
  std::uint64_t messages_left_ = 0;  ///< until it falls silent
};

/// Attack P7: whether this faulty replica's core proposes single operations, one slot at a time.
[[nodiscard]] bool proposes_tiny_batches(std::uint64_t seed, ReplicaId self);

}  // namespace tagma::sim
