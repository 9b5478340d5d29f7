// The cluster of one drill, and what is done to it.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "docker/drills/backend.h"
#include "docker/drills/drill_result.h"
#include "docker/drills/fault_proxy.h"
#include "docker/drills/observer.h"
#include "docker/drills/scenario.h"
#include "docker/drills/site.h"

namespace tagma::drills {

/// What all drills of a run share.
struct Setting {
  Programs programs;
  std::string program = "tagma";  ///< a name of `programs`: what replicas are
  std::string other_program;      ///< the build that a rolling upgrade goes to
  std::string mutant;             ///< the broken rule of `program`; empty: none
  bool docker = false;
  std::string image;   ///< docker: holds the programs
  std::string folder;  ///< where each drill makes a folder of its own
  std::uint64_t seed = 1;
  std::optional<OwnOperations> own;
  bool keep = false;                    ///< the cluster of a drill that failed goes on
  std::chrono::seconds settle_limit{};  ///< until all vote and have caught up, and for equal states in the end
};

class Stage {
 public:
  /// Makes the files and starts every replica; returns when all vote. Throws std::runtime_error where it cannot.
  /// `alive` is called again and again while it waits; what it throws ends the wait.
  Stage(const Setting& setting, const Scenario& scenario, const std::string& folder, std::function<void()> alive);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  /// The load begins: marks and samples count from here.
  void begin(Clock::time_point zero);
  /// Does it and notes that it was done, with the proof that it happened.
  void perform(const Step& step);
  /// To be called often: what the processes wrote is taken over.
  void attend();
  /// Waits until `condition` holds; false where it does not in time.
  [[nodiscard]] bool await(const std::function<bool()>& condition, std::chrono::milliseconds limit);
  /// Mends what the scenario has left broken, and waits until all correct replicas vote and have caught up.
  void settle_at_end();
  /// Proofs that only the end of the drill can give; while the replicas still run.
  void conclude();
  /// SIGTERM to all replicas; returns those that did not stop cleanly, in words; empty: all did.
  [[nodiscard]] std::string stop();
  void end() { backend_->end(); }

  [[nodiscard]] Site& site() { return *site_; }
  [[nodiscard]] Observer& observer() { return *observer_; }
  /// Replicas that promise something: neither Byzantine nor given up by the scenario.
  [[nodiscard]] const std::vector<ReplicaId>& correct() const { return correct_; }
  /// A correct replica that has ended and was not made to, in words; empty: there is none.
  [[nodiscard]] std::string unexpected_end() const;
  [[nodiscard]] const std::vector<Mark>& marks() const { return marks_; }
  [[nodiscard]] const std::vector<Evidence>& evidence() const { return evidence_; }
  /// The longest time since begin() in which the drill's network did not run; nothing where it
  /// was too short for a word.
  [[nodiscard]] std::optional<Stall> network_stall();
  /// Whether every wait for replicas to come back ended well.
  [[nodiscard]] const std::string& did_not_settle() const { return did_not_settle_; }

 private:
  /// One network fault that is in force.
  struct OpenLink {
    std::string text;
    LinkFault fault;
    std::vector<std::pair<Party, Party>> links;
    std::vector<LinkCounts> before;  ///< of each of them
  };
  struct Chosen {
    std::vector<ReplicaId> replicas;
    std::vector<Party> parties;  ///< the same, and clients
    std::string text;            ///< "replica 0 (primary)"
  };

  [[nodiscard]] Chosen choose(const Selector& selector, const std::vector<ReplicaId>& without);
  [[nodiscard]] ReplicaId primary(bool for_certain);
  [[nodiscard]] ProcessSpec spec_of(ReplicaId id) const;
  void dress(ProcessSpec& spec, ReplicaId id) const;
  [[nodiscard]] std::string log_of(const std::string& process) const;
  void mark(const std::string& text, bool heals = false);
  void prove(const std::string& text, bool happened, const std::string& detail);
  void start_replica(ReplicaId id);
  [[nodiscard]] bool ended(const std::vector<std::string>& names);
  void settle(const std::string& when);
  void await_slots(std::uint64_t slots);
  [[nodiscard]] Seq executed_by_most();
  void close(const OpenLink& open);
  void write_control(ReplicaId id, const std::string& name, const std::string& text) const;
  std::uint64_t prove_lost_writes(ReplicaId id, bool must_lose);
  void prove_gone(ReplicaId id);

  void kill(const Chosen& chosen);
  void start(const Chosen& chosen);
  void restart(const Chosen& chosen);
  void roll(const Chosen& chosen, const Step& step);
  void pause(const Chosen& chosen, bool on);
  void wipe(const Chosen& chosen);
  void cut_power();
  void spoil_network(const Chosen& chosen, const Step& step);
  void heal();
  void disk_fault(const Chosen& chosen, Action action);
  void shift_clock(const Chosen& chosen, double seconds);
  void starve(const Chosen& chosen, std::optional<double> percent);
  void attack(bool on);
  void client_attack(const Step& step);
  void end_client_attack();
  void twin(const Chosen& chosen);
  void end_twin();
  void save_disk(const Chosen& chosen);
  void restore_disk(const Chosen& chosen);
  void damage_disk(const Chosen& chosen);
  void prove_new_lives();
  void prove_attacks();

  const Setting& setting_;
  const Scenario& scenario_;
  std::function<void()> alive_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<FaultProxy> proxy_;
  std::unique_ptr<Site> site_;
  std::unique_ptr<Observer> observer_;
  Clock::time_point zero_;
  std::vector<ReplicaId> correct_;
  std::map<ReplicaId, std::string> programs_;  ///< what each replica runs, where it is not the setting's
  std::set<ReplicaId> down_;                   ///< those that were made to end
  std::set<ReplicaId> paused_;
  std::map<ReplicaId, std::uint64_t> lost_bytes_;  ///< that forgetful disks have lost so far
  std::set<ReplicaId> starved_;
  std::vector<ReplicaId> last_chosen_;
  std::vector<OpenLink> open_links_;
  std::set<ReplicaId> new_lives_;                             ///< those that lost their memory
  std::map<ReplicaId, std::uint64_t> saved_;                  ///< slots at which disks were copied
  std::vector<std::pair<std::string, std::string>> attacks_;  ///< process and attack whose proof is in its log
  std::vector<Mark> marks_;
  std::vector<Evidence> evidence_;
  std::string did_not_settle_;
};

[[nodiscard]] std::string replica_name(ReplicaId id);

}  // namespace tagma::drills
