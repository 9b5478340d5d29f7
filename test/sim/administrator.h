// Those who take part in administration: administrators, some of whom are faulty; a client to whom changes are made,
// and one that comes to the cluster by a change.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "test/sim/coverage.h"
#include "test/sim/options.h"
#include "test/sim/random.h"
#include "test/sim/requester.h"

namespace tagma::sim {

/// What correct administrators want, one change after the other.
using Agenda = std::vector<Words>;
/// `newcomer_key` as public_key_text() writes it.
[[nodiscard]] Agenda make_agenda(const SimAdministration& administration, const std::string& newcomer_key);

/// Two that do not go together, which all of them want at once: the second one is refused when its time has come.
[[nodiscard]] Agenda contested_changes(const SimAdministration& administration);

/// What one of them does to the world.
class AdministrationHost {
 public:
  AdministrationHost() = default;
  AdministrationHost(const AdministrationHost&) = delete;
  AdministrationHost& operator=(const AdministrationHost&) = delete;
  virtual ~AdministrationHost() = default;

  virtual void requester_sends(ClientId from, ReplicaId to, const Message& message) = 0;
  [[nodiscard]] virtual bool administration_goes_on() const = 0;
  /// A correct administrator sends its word for a change.
  virtual void change_wanted(AdminId administrator, const Words& change) = 0;
  /// An administrator, faulty or not, was told this.
  virtual void administrator_told(Seq seq, const ServiceReply& reply) = 0;
  virtual void probe_told(Seq seq, const ServiceReply& reply) = 0;
  virtual void newcomer_told(Seq seq, const ServiceReply& reply) = 0;
  /// A client that asked for what only administrators may was told this.
  virtual void usurper_told(const ServiceReply& reply) = 0;
};

class Administrator {
 public:
  Administrator(const SimOptions& options, AdminId id, const Agenda& agenda, const Membership& membership,
                Authenticator& authenticator, Coverage& coverage, Scheduler& scheduler, AdministrationHost& host);

  void start() { act_later(); }
  [[nodiscard]] Requester& requester() { return requester_; }

 private:
  void act_later();
  void act();
  void want(const Words& change);
  void propose(const Words& change);
  void lie();
  [[nodiscard]] Words lying_change();
  void ask(const Words& words);
  void answered(Seq seq, const ServiceReply& reply);
  void learn(const ServiceReply& reply);
  [[nodiscard]] bool correct() const { return options_.administration.correct[id_]; }

  const SimOptions& options_;
  AdminId id_;
  const Agenda& agenda_;
  Coverage& coverage_;
  Scheduler& scheduler_;
  AdministrationHost& host_;
  Random random_;
  std::size_t next_ = 0;  ///< of the agenda: what comes next, as far as is known here
  bool contested_wanted_ = false;
  bool given_ = false;                   ///< its word for that, and it is still open
  std::map<std::uint64_t, Words> open_;  ///< proposals that were open when it looked last
  std::uint32_t lies_left_ = 20;         ///< so few that what is applied does not leave the list unseen
  Requester requester_;
};

/// A client that asks for its groups over and over, or, the newcomer, as soon as replicas know it.
class ProbingClient {
 public:
  ProbingClient(const SimOptions& options, ClientId id, const Membership& membership, Authenticator& authenticator,
                Coverage& coverage, Scheduler& scheduler, AdministrationHost& host);

  void start() { act_later(); }
  [[nodiscard]] Requester& requester() { return requester_; }

 private:
  void act_later();
  void act();
  void answered(Seq seq, const ServiceReply& reply);
  [[nodiscard]] bool newcomer() const { return id_ == options_.administration.newcomer; }

  const SimOptions& options_;
  ClientId id_;
  Coverage& coverage_;
  Scheduler& scheduler_;
  AdministrationHost& host_;
  Random random_;
  std::set<RequestNumber> usurping_;  ///< what only an administrator may ask for
  Requester requester_;
};

}  // namespace tagma::sim
