// A real replica that misbehaves while it is told to: stands between its honest core and the world.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "replica/runtime/interposer.h"
#include "replica/runtime/transport.h"
#include "test/end_to_end/double/fired_lines.h"
#include "test/end_to_end/double/replica_attack.h"

namespace tagma::end_to_end {

/// Honest until SIGUSR1 and after SIGUSR2. The signals must be blocked when it is made, before any thread starts. Says
/// on standard error how often each attack has happened: once a second while it attacks, and when it ends.
class Misconduct final : public runtime::Interposer, private runtime::Outgoing {
 public:
  /// `config` is that of the core; it and `authenticator` outlive this object.
  Misconduct(const CoreConfig& config, Authenticator& authenticator, const AttackOptions& options,
             std::uint32_t core_percent_max);
  ~Misconduct() override;

  /// False if no attack has that name. They are asked one after the other: what one lets pass, the next one sees.
  [[nodiscard]] bool add(const std::string& name);

  [[nodiscard]] runtime::Outgoing& stand_before(runtime::Transport& world) override;
  [[nodiscard]] bool hears(Received& received) override;
  [[nodiscard]] std::vector<Received> act(MonotonicUs now_us, const ReplicaCore& core) override;
  [[nodiscard]] std::optional<MonotonicUs> wake_at_us() const override;

 private:
  struct Named {
    std::string name;
    std::unique_ptr<ReplicaAttack> attack;
  };

  void send(ReplicaId to, const Message& message) override;
  void broadcast(const Message& message) override;
  void reply(ClientId client, SessionId session, Message message) override;
  void answer(AdminId admin, const Message& message) override;
  void distrust(ReplicaId replica, bool distrusted) override;
  void set_client(ClientId client, const std::optional<PublicKey>& key) override;

  void read_signals();
  void tell_fired() const;
  void note_vote(const Message& message);
  void hide_own_votes(Message& message) const;
  [[nodiscard]] bool bends_reply(Message& message);
  void hand_on(sim::Outgoing outgoing);
  void send_due();
  void perform(Deeds deeds);

  const CoreConfig& config_;
  Authenticator& authenticator_;
  AttackOptions options_;
  CoreShare core_share_;
  FiredLines fired_lines_;
  int signals_ = -1;
  runtime::Transport* world_ = nullptr;
  std::vector<Named> attacks_;
  Situation situation_;
  std::map<std::pair<Seq, Digest>, std::map<ReplicaId, CheckpointVote>> votes_;  ///< above the newest certificate
  bool attacks_now_ = false;
  bool has_attacked_ = false;
  bool ended_ = false;  ///< an attack ended, and what it took away has not been handed back
  MonotonicUs next_act_us_ = 0;
  std::multimap<MonotonicUs, sim::Outgoing> held_back_;  ///< by the time when it leaves
};

}  // namespace tagma::end_to_end
