#include "test/sim/client_node.h"

#include <algorithm>
#include <string>
#include <utility>

namespace tagma::sim {

ClientNode::ClientNode(const SimOptions& options, ClientId id, const Membership& membership,
                       Authenticator& authenticator, Workload& workload, Coverage& coverage, Scheduler& scheduler,
                       ClientHost& host)
    : options_(options),
      id_(id),
      membership_(membership),
      authenticator_(authenticator),
      workload_(workload),
      coverage_(coverage),
      scheduler_(scheduler),
      host_(host),
      random_(options.seed + id, "client") {}

void ClientNode::start() {
  for (std::uint32_t at = 0; at < options_.client.sessions_at_once; ++at) open_session();
}

void ClientNode::open_session() {
  const auto id = next_session_++;
  ClientConfig config;
  config.id = id_;
  config.session = id;
  config.membership = membership_;
  config.seed = random_.next();
  config.window = options_.client.window;
  config.bundle_operations_max = options_.client.bundle_operations_max;
  config.first_retransmission_us = options_.client.first_retransmission_us;
  config.retransmission_max_us = options_.client.retransmission_max_us;
  config.busy_backoff_us = options_.client.busy_backoff_us;
  config.sends_early = options_.client.sends_early;
  auto& session = sessions_[id];
  session.id = id;
  session.core = std::make_unique<ClientCore>(std::move(config), authenticator_);
  host_.session_opened(id_, id);
  turn_later(session, random_.between(0, 5'000));
}

void ClientNode::turn_later(SessionRun& session, VirtualUs delay_us) {
  if (session.turn_scheduled) return;
  session.turn_scheduled = true;
  scheduler_.after(delay_us, [this, &session] {
    session.turn_scheduled = false;
    turn(session);
  });
}

bool ClientNode::finished(const SessionRun& session) const {
  return session.evicted || session.submitted >= options_.client.session_operations || !host_.wants_more();
}

void ClientNode::turn(SessionRun& session) {
  if (session.abandoned || session.core == nullptr) return;
  if (!finished(session) && session.submitted > 0 && random_.chance(options_.client.abandon_ppm / 20)) {
    coverage_.count(session.calls.empty() ? "client: session left"
                                          : "client: session abandoned with calls outstanding");
    session.abandoned = true;
    return close(session);
  }
  const auto now_us = scheduler_.now_us();
  for (std::uint32_t at = 0; at < options_.client.burst && !finished(session); ++at) {
    // Somewhat more than the window, so that operations wait inside the core as well.
    if (session.core->outstanding() > options_.client.window) break;
    const checkers::RequestKey expected{id_, session.id, session.submitted + 1};
    auto planned = workload_.plan(expected);
    const auto number = session.core->submit(now_us, planned.bytes);
    if (number != expected.number) host_.violated("a session's numbers are not contiguous");
    host_.submitted(expected, planned);
    Call call{std::move(planned), now_us, false};
    session.history.emplace_back();
    session.calls.emplace(number, std::move(call));
    ++session.submitted;
    give_up_later(session, number);
  }
  perform(session, session.core->flush(now_us));
  if (finished(session) && session.calls.empty()) close(session);
}

void ClientNode::give_up_later(SessionRun& session, RequestNumber number) {
  scheduler_.after(options_.client.timeout_us, [this, &session, number] {
    const auto call = session.calls.find(number);
    if (call == session.calls.end() || call->second.given_up) return;
    coverage_.count("client: outcome unknown");
    call->second.given_up = true;
  });
}

void ClientNode::receive(ReplicaId from, const Message& message) {
  SessionId id = 0;
  if (const auto* replies = std::get_if<Replies>(&message)) id = replies->session;
  if (const auto* refusal = std::get_if<Refusal>(&message)) id = refusal->session;
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || found->second.core == nullptr) return;
  perform(found->second, found->second.core->receive(scheduler_.now_us(), from, message));
}

void ClientNode::connected(SessionId session, ReplicaId replica) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end() || found->second.core == nullptr) return;
  perform(found->second, found->second.core->connected(replica));
}

void ClientNode::perform(SessionRun& session, ClientEffects effects) {
  for (auto& effect : effects) {
    if (const auto* send = std::get_if<ClientSend>(&effect)) {
      host_.client_sends(id_, send->to, send->message);
    } else if (const auto* completed = std::get_if<Completed>(&effect)) {
      complete(session, *completed);
    } else if (const auto* wake = std::get_if<ClientWakeAt>(&effect)) {
      const auto generation = ++session.wake_generation;
      scheduler_.at(wake->at_us, [this, &session, generation] {
        if (session.core == nullptr || generation != session.wake_generation) return;
        perform(session, session.core->wake(scheduler_.now_us()));
      });
    }
  }
}

void ClientNode::complete(SessionRun& session, const Completed& completed) {
  if (session.abandoned) return;  // in this moment; its core is still there
  const auto found = session.calls.find(completed.number);
  if (found == session.calls.end()) {
    return host_.violated("number " + std::to_string(completed.number) + " completed twice");
  }
  const auto call = std::move(found->second);
  session.calls.erase(found);
  host_.completed({id_, session.id, completed.number}, call.planned, completed);
  if (completed.outcome == Outcome::session_evicted) {
    coverage_.count("client: told that its session was evicted");
    session.evicted = true;
  }
  remember(session, completed.number, call, &completed);
  turn_later(session, random_.between(0, options_.client.think_max_us));
}

void ClientNode::remember(SessionRun& session, RequestNumber number, const Call& call, const Completed* completed) {
  if (call.planned.kind == Planned::Kind::hostile) return;
  // Told that the number was not executed: it has no place in the history.
  if (completed != nullptr && completed->outcome == Outcome::outside_window) return;
  checkers::KvOperation frame;
  frame.process = static_cast<std::uint64_t>(id_) << 32U | session.id;
  frame.invoked_us = call.invoked_us;
  const bool known = completed != nullptr && completed->outcome == Outcome::executed && !call.given_up;
  frame.returned_us = known ? scheduler_.now_us() : checkers::never;
  auto& operations = session.history[number - 1];
  if (!observed(call.planned, known ? &completed->result : nullptr, frame, workload_.keys(), operations)) {
    host_.violated("client " + std::to_string(id_) + " session " + std::to_string(session.id) +
                   " accepted an answer that the service never gives");
  }
}

void ClientNode::hand_over_history(SessionRun& session) {
  RequestNumber number = 0;
  for (auto& operations : session.history) host_.remembered({id_, session.id, ++number}, std::move(operations));
  session.history.clear();
}

void ClientNode::close(SessionRun& session) {
  for (const auto& [number, call] : session.calls) remember(session, number, call, nullptr);
  session.calls.clear();
  hand_over_history(session);
  // The core may be on the call stack: it goes when the scheduler is next here.
  scheduler_.after(0, [this, &session] {
    session.core.reset();
    host_.session_closed(id_, session.id);
  });
  session.abandoned = true;
  if (host_.wants_more()) open_session();
}

std::size_t ClientNode::outstanding() const {
  std::size_t count = 0;
  for (const auto& [id, session] : sessions_) count += session.calls.size();
  return count;
}

std::string ClientNode::waiting_for() const {
  for (const auto& [id, session] : sessions_) {
    if (session.calls.empty() || session.core == nullptr) continue;
    const auto number = session.calls.begin()->first;
    auto text = "client " + std::to_string(id_) + " session " + std::to_string(id) + " waits for number " +
                std::to_string(number) + ", best match " + std::to_string(session.core->best_match(number));
    if (const auto refusal = session.core->last_refusal())
      text += ", last refusal: " + std::string(to_string(*refusal));
    return text;
  }
  return {};
}

void ClientNode::finish() {
  for (auto& [id, session] : sessions_) {
    for (const auto& [number, call] : session.calls) remember(session, number, call, nullptr);
    session.calls.clear();
    hand_over_history(session);
  }
}

}  // namespace tagma::sim
