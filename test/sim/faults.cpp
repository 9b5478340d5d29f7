// The faults of a run: cuts, crashes, and the turns of its enemies.
#include <algorithm>

#include "messages/wire/codec.h"
#include "test/sim/simulation.h"

namespace tagma::sim {

/// Faults come by the progress of the clients' work, so that none is wasted after its end.
void Simulation::schedule_faults() {
  const auto draw = [this](std::uint32_t count, std::vector<std::uint64_t>& due) {
    for (; count > 0; --count) due.push_back(random_.below(options_.operations_min));
    std::sort(due.rbegin(), due.rend());
  };
  draw(options_.cuts, cuts_due_);
  draw(options_.crashes, crashes_due_);
  draw(options_.restarts, restarts_due_);
  draw(options_.losses, losses_due_);
  for (std::uint32_t jump = 0; jump < options_.clock_jumps; ++jump) {
    clock_jumps_due_.push_back(clock_random_.below(options_.operations_min));
  }
  std::sort(clock_jumps_due_.rbegin(), clock_jumps_due_.rend());
  for (std::uint32_t bridge = 0; bridge < options_.bridges; ++bridge) {
    bridges_due_.push_back(bridge_random_.below(options_.operations_min));
  }
  std::sort(bridges_due_.rbegin(), bridges_due_.rend());
}

/// X2: two sides of the correct replicas do not hear one another; the faulty ones speak with both.
void Simulation::bridge_a_partition() {
  note("parted", "the correct replicas", {PrincipalKind::replica, options_.liars.front()});
  std::vector<ReplicaId> sides[2];
  for (ReplicaId id = 0; id < options_.n; ++id) {
    if (correct(id)) sides[bridge_random_.below(2)].push_back(id);
  }
  for (auto* side : {&sides[0], &sides[1]}) {
    auto& other = side == &sides[0] ? sides[1] : sides[0];
    if (!side->empty()) continue;
    side->push_back(other.back());
    other.pop_back();
  }
  coverage_.count("row X2: a partition bridged by faulty replicas");
  const auto duration_us = bridge_random_.one_of<VirtualUs>({5'000, 50'000, 400'000});
  for (const auto one : sides[0]) {
    for (const auto other : sides[1]) {
      cut_for({PrincipalKind::replica, one}, {PrincipalKind::replica, other}, duration_us);
      cut_for({PrincipalKind::replica, other}, {PrincipalKind::replica, one}, duration_us);
    }
  }
}

/// K7: by seconds, hours or years, forward or back. Only a time far ahead keeps others from voting, and only while they
/// are fewer than f+1 who have it.
void Simulation::move_a_clock() {
  const auto id = static_cast<ReplicaId>(clock_random_.below(options_.n));
  const auto by_us = clock_random_.one_of<TimeUs>({3'000'000, 7'000'000, 3'600'000'000, 31'536'000'000'000});
  coverage_.count("fault: a wall clock jumped");
  note("jumps", "its wall clock", {PrincipalKind::replica, id});
  replicas_[id]->move_clock(clock_random_.chance(500'000) ? by_us : -by_us);
}

void Simulation::perform_due_faults() {
  if (phase_ != Phase::work) return;
  while (!cuts_due_.empty() && cuts_due_.back() <= completed_) {
    cuts_due_.pop_back();
    cut_something();
  }
  while (!bridges_due_.empty() && bridges_due_.back() <= completed_) {
    bridges_due_.pop_back();
    bridge_a_partition();
  }
  while (!crashes_due_.empty() && crashes_due_.back() <= completed_) {
    crashes_due_.pop_back();
    crash_one();
  }
  while (!restarts_due_.empty() && restarts_due_.back() <= completed_) {
    restarts_due_.pop_back();
    restart_something();
  }
  while (!clock_jumps_due_.empty() && clock_jumps_due_.back() <= completed_) {
    clock_jumps_due_.pop_back();
    move_a_clock();
  }
  while (!losses_due_.empty() && losses_due_.back() <= completed_) {
    losses_due_.pop_back();
    lose_something();
  }
}

/// Bytes of its log change while it is down. Whether the next process notices depends on what stood there.
void Simulation::damage_something(ReplicaId id) {
  coverage_.count("fault: log damaged");
  note("crashes", "log damaged", {PrincipalKind::replica, id});
  replicas_[id]->damage_log_at_stop();
  replicas_[id]->stop(ReplicaNode::Stop::killed, random_.one_of<VirtualUs>({1'000, 20'000}));
  losses_[id].memory = true;
}

/// Whether this correct replica is one of the f for now, because of what it lost.
bool Simulation::impaired(ReplicaId id) {
  const auto& node = *replicas_[id];
  auto& loss = losses_[id];
  if (!node.running()) return loss.memory || loss.state;
  const auto view = node.view();
  if (view.remembers) loss.memory = false;
  if (view.base >= loss.state_after) loss.state = false;
  return loss.memory || loss.state;
}

/// A replica, the primary too, crashes and returns with a loss: everything, its log (which it finds damaged), or its
/// state.
void Simulation::lose_something() {
  std::size_t faulty = options_.liars.size() + options_.crashes;
  for (ReplicaId id = 0; id < options_.n; ++id) faulty += correct(id) && impaired(id) ? 1U : 0U;
  if (faulty >= options_.f) {
    coverage_.count("fault: loss spared, for f are faulty already");
    return;
  }
  const auto id = static_cast<ReplicaId>(random_.below(options_.n));
  auto& node = *replicas_[id];
  if (!correct(id) || !node.running()) return;
  if (random_.chance(300'000)) return damage_something(id);
  const auto what = random_.one_of(
      {ReplicaNode::Loss::everything, ReplicaNode::Loss::everything, ReplicaNode::Loss::log, ReplicaNode::Loss::state});
  const auto about = what == ReplicaNode::Loss::everything ? "disk wiped"
                     : what == ReplicaNode::Loss::log      ? "log lost"
                                                           : "state lost";
  coverage_.count(std::string("fault: ").append(about));
  note("crashes", about, {PrincipalKind::replica, id});
  const Seq base = node.view().base;
  node.stop(ReplicaNode::Stop::killed, random_.one_of<VirtualUs>({1'000, 20'000, random_.between(0, 300'000)}));
  node.lose(what);
  auto& loss = losses_[id];
  if (what != ReplicaNode::Loss::state) {
    loss.memory = true;
    vote_oracle_.forgets(id);
  }
  if (what != ReplicaNode::Loss::log) {
    loss.state = true;
    loss.state_after = base;
    vote_oracle_.loses_state(id);
  }
}

/// Crashes that the replicas come back from: of one, of the primary, of some, of all at once.
void Simulation::restart_something() {
  const auto kind = random_.below(4);
  if (kind == 0) {
    coverage_.count("fault: all replicas crashed at once");
    for (ReplicaId id = 0; id < options_.n; ++id) restart(id);
  } else if (kind == 1) {
    coverage_.count("fault: primary crashed and returned");
    restart(primary());
  } else if (kind == 2) {
    coverage_.count("fault: some replicas crashed and returned");
    for (ReplicaId id = 0; id < options_.n; ++id) {
      if (random_.chance(500'000)) restart(id);
    }
  } else {
    coverage_.count("fault: one replica crashed and returned");
    restart(static_cast<ReplicaId>(random_.below(options_.n)));
  }
}

void Simulation::restart(ReplicaId id) {
  if (!replicas_[id]->running()) return;
  auto how = random_.chance(500'000) ? ReplicaNode::Stop::killed : ReplicaNode::Stop::power_lost;
  if (random_.chance(options_.disk.failing_ppm)) how = ReplicaNode::Stop::sync_fails;
  const auto down_us = random_.one_of<VirtualUs>({0, 1'000, 20'000, random_.between(0, 300'000)});
  const auto about = how == ReplicaNode::Stop::killed       ? "killed"
                     : how == ReplicaNode::Stop::power_lost ? "power lost"
                                                            : "its next sync fails";
  note("crashes", about, {PrincipalKind::replica, id});
  replicas_[id]->stop(how, down_us);
}

void Simulation::cut_for(const Principal& from, const Principal& to, VirtualUs duration_us) {
  network_.cut(from, to);
  scheduler_.after(duration_us, [this, from, to] { network_.mend(from, to); });
}

void Simulation::cut_something() {
  const auto victim = static_cast<ReplicaId>(random_.below(options_.n));
  const Principal self{PrincipalKind::replica, victim};
  const auto duration_us = random_.between(2'000, 200'000);
  const auto kind = random_.below(4);
  if (kind == 0) {
    const Principal peer{PrincipalKind::replica,
                         static_cast<ReplicaId>((victim + 1 + random_.below(options_.n - 1)) % options_.n)};
    coverage_.count("fault: one direction of one link cut");
    note("cut off in one direction", "one link of", self);
    return cut_for(self, peer, duration_us);
  }
  const bool hears = kind != 1;   // nobody hears it
  const bool speaks = kind != 2;  // it hears nobody
  coverage_.count(hears && speaks ? "fault: replica isolated"
                                  : (hears ? "fault: replica is not heard" : "fault: replica hears nobody"));
  note("cut off", hears && speaks ? "both ways" : (hears ? "outward" : "inward"), self);
  const auto cut_peer = [&](const Principal& peer) {
    if (hears) cut_for(self, peer, duration_us);
    if (speaks) cut_for(peer, self, duration_us);
  };
  for (ReplicaId id = 0; id < options_.n; ++id) {
    if (id != victim) cut_peer({PrincipalKind::replica, id});
  }
  for (ClientId id = 0; id < options_.client.clients; ++id) cut_peer({PrincipalKind::client, id});
}

/// The primary that most replicas have, or want.
ReplicaId Simulation::primary() const {
  std::vector<View> views;
  for (const auto& node : replicas_) {
    if (node->running()) views.push_back(node->view().view);
  }
  std::sort(views.begin(), views.end());
  return views.empty() ? 0 : static_cast<ReplicaId>(views[views.size() / 2] % options_.n);
}

/// For ever; the primary as often as not.
void Simulation::crash_one() {
  const auto victim = random_.chance(500'000) ? primary() : static_cast<ReplicaId>(random_.below(options_.n));
  for (std::uint32_t step = 0; step < options_.n; ++step) {
    const auto id = static_cast<ReplicaId>((victim + step) % options_.n);
    if (!correct(id) || replicas_[id]->crashed()) continue;
    coverage_.count(id == primary() ? "fault: primary crashed" : "fault: backup crashed");
    note("crashed", "", {PrincipalKind::replica, id});
    return replicas_[id]->crash();
  }
}

void Simulation::leave_the_core_alone() {
  std::vector<ReplicaId> sound;
  for (ReplicaId id = 0; id < options_.n; ++id) {
    if (correct(id) && replicas_[id]->running() && !impaired(id)) sound.push_back(id);
  }
  // What is down for now comes back, and is needed where too few others are left.
  const std::size_t core = options_.n - options_.f;
  while (sound.size() > core) {
    const auto at = sound.begin() + static_cast<std::ptrdiff_t>(random_.below(sound.size()));
    coverage_.count("liveness: a correct replica failed for ever");
    note("crashed", "for ever", {PrincipalKind::replica, *at});
    replicas_[*at]->crash();
    sound.erase(at);
  }
  if (sound.size() < core) return coverage_.count("liveness: too few were up to fail any more");
  for (ReplicaId id = 0; id < options_.n; ++id) {
    if (std::find(sound.begin(), sound.end(), id) != sound.end() || replicas_[id]->crashed()) continue;
    // The liars go on, or are gone, too; what is impaired is.
    if (!correct(id) && random_.chance(500'000)) continue;
    note("crashed", "for ever", {PrincipalKind::replica, id});
    replicas_[id]->crash();
  }
  coverage_.count("liveness: n-f correct replicas were left alone");
}

/// From the timeouts: f+1 primaries in a row may be silent, or let each request wait for as long as one may wait, at
/// timeouts that double; what is behind fetches the state; a client sends again.
VirtualUs Simulation::settled_within_us() const {
  MonotonicUs timeout_us = options_.core.view_change_timeout_us;
  for (const auto& node : replicas_) {
    if (node->running()) timeout_us = std::max(timeout_us, node->view().view_timeout_us);
  }
  constexpr VirtualUs waits_a_view = 18;  // 1 + patience of a request, and 1 until the next view begins
  const VirtualUs views_us = waits_a_view * timeout_us * ((VirtualUs{1} << (options_.f + 2)) - 1);
  const auto& core = options_.core;
  const VirtualUs transfer_us = 4 * (core.transfer_patience_us + 10 * core.transfer_lease_wait_us +
                                     core.transfer_lease_resend_us + 20 * core.transfer_timeout_us);
  const VirtualUs sends_us = 4 * (options_.client.retransmission_max_us + core.rejoin_resend_us + core.heartbeat_us);
  const VirtualUs numbers_us = options_.client.window * core.view_change_timeout_us;
  return views_us + transfer_us + sends_us + numbers_us + 10'000'000;
}

void Simulation::enemies_act() {
  for (auto& [id, liar] : liars_) {
    if (!random_.chance(300'000)) continue;
    for (const auto& [to, message] : liar.mischief(executed_[id])) {
      coverage_.count(std::string("sent ").append(name_of(message)));
      transmit({PrincipalKind::replica, id}, {PrincipalKind::replica, to},
               std::make_shared<Packet>(wire::encode(message)), nullptr);
    }
  }
  for (auto& [id, attacks] : attacks_) {
    std::vector<Outgoing> out;
    std::vector<OutgoingBytes> bytes;
    attacks.act(executed_[id], out, bytes);
    for (const auto& outgoing : out) liar_sends(id, outgoing);
    for (auto& [to, spoilt] : bytes) {
      transmit({PrincipalKind::replica, id}, {PrincipalKind::replica, to}, std::make_shared<Packet>(std::move(spoilt)),
               nullptr);
    }
  }
  for (std::size_t at = 0; at < faulty_clients_.size(); ++at) {
    if (!random_.chance(300'000)) continue;
    const auto id = static_cast<ClientId>(clients_.size() + at);
    if (door_random_.chance(300'000)) faulty_client_connects(id);
    for (auto& [to, bytes] : faulty_clients_[at]->act()) {
      transmit({PrincipalKind::client, id}, {PrincipalKind::replica, to}, std::make_shared<Packet>(std::move(bytes)),
               nullptr);
    }
  }
}

}  // namespace tagma::sim
