#include "test/scenarios/world.h"

#include <algorithm>

#include "test/scenarios/scenario.h"

namespace tagma::test {

namespace {

constexpr MonotonicUs slice_us = 25'000;  // short enough that no replica takes it for a pause of its own
constexpr int settling_slices = 800;      // twenty seconds
constexpr int settled_slices = 40;        // one second: what is owed to nobody in particular takes T to be missed
constexpr int deliveries_max = 200'000;   // more without any time passing is no scenario but a loop
constexpr SessionId session_id = 5;       // of every client: a scenario needs no second one

template <std::size_t... index>
std::set<std::string_view> all_kinds(std::index_sequence<index...> /*of the variant*/) {
  return {name_of(Message(std::in_place_index<index>))...};
}

}  // namespace

bool is_kind(std::string_view kind) {
  static const auto kinds = all_kinds(std::make_index_sequence<std::variant_size_v<Message>>());
  return kinds.contains(kind);
}

Digest digest_of(const Batch& batch) { return ToyAuthenticator({}).digest(batch.bytes); }

World::World(std::uint32_t replicas) : cluster_(replicas) {
  for (ReplicaId id = 0; id < replicas; ++id) processes_.push_back({.name = std::to_string(id), .replica = id});
  batches_["null"] = std::make_shared<const Batch>();
}

SharedBatch World::batch(const std::string& name) const {
  const auto found = batches_.find(name);
  if (found == batches_.end()) throw ScenarioError("there is no batch \"" + name + "\"");
  return found->second;
}

void World::name_batch(const std::string& name, const SharedBatch& batch) {
  if (!batches_.emplace(name, batch).second) throw ScenarioError("there is a batch " + name + " already");
}

std::set<ProcessIndex> World::find(const Names& names) const {
  std::set<ProcessIndex> found;
  for (const auto& name : names) {
    bool known = name == "all" || name == "correct";
    for (ProcessIndex index = 0; index < processes_.size(); ++index) {
      const auto& process = processes_[index];
      if (name == "all" || process.name == name || (name == "correct" && process.correct)) {
        found.insert(index);
        known = true;
      }
    }
    if (!known) throw ScenarioError("there is no replica " + name);
  }
  return found;
}

Node& World::any_node(ProcessIndex index) {
  const auto replicas = cluster_.nodes.size();
  return index < replicas ? *cluster_.nodes[index] : *twins_[index - replicas];
}

Node& World::node(ProcessIndex index) {
  if (!is_up(index)) throw ScenarioError("replica " + name(index) + " is down");
  return any_node(index);
}

void World::add_twin(ProcessIndex of) {
  if (of >= cluster_.nodes.size()) throw ScenarioError("a twin has no twin");
  declare_faulty(of);
  twins_.push_back(std::make_unique<Node>(any_node(of).config));
  twins_.back()->now = any_node(of).now;
  processes_.push_back({.name = name(of) + "'", .replica = replica_of(of), .correct = false});
  step(processes_.size() - 1, Started{});
}

void World::crash(ProcessIndex index) {
  if (index >= cluster_.nodes.size()) throw ScenarioError("a twin does not crash: cut it");
  (void)node(index);
  processes_[index].up = false;
}

void World::restart(ProcessIndex index) {
  if (is_up(index)) throw ScenarioError("replica " + name(index) + " is up");
  processes_[index].up = true;
  processes_[index].checked = 0;
  cluster_.restart(processes_[index].replica);
  harvest(index);
}

void World::wipe(ProcessIndex index) {
  if (is_up(index)) crash(index);
  auto& process = processes_[index];
  process.up = true;
  process.checked = 0;
  cluster_.wipe(process.replica, ++process.life);
  harvest(index);
}

void World::sync(ProcessIndex index) {
  node(index).persist_all();
  harvest(index);
}

std::shared_ptr<const SignedBundle> World::bundle(ClientId client, RequestNumber number,
                                                  const std::string& payload) const {
  if (number == 0) throw ScenarioError("numbers begin at 1");
  if (client >= membership().clients.size()) throw ScenarioError("clients are 0 to 3");
  return toy_bundle(membership(), client, session_id, number, {payload}, number - 1);
}

void World::submit(ProcessIndex to, ClientId client, RequestNumber number, const std::string& payload) {
  (void)node(to);
  step(to, Received{client_sender(client), Submit{bundle(client, number, payload)}});
}

std::optional<std::pair<Seq, Bytes>> World::answer(ReplicaId from, const AnswerTo& to) const {
  const auto all = answers_.find(to);
  if (all == answers_.end() || !all->second.contains(from)) return std::nullopt;
  return all->second.at(from);
}

std::optional<Bytes> World::accepted(const AnswerTo& to) const {
  const auto found = accepted_.find(to);
  return found == accepted_.end() ? std::nullopt : std::optional(found->second.second);
}

World::Trace World::trace_of(ProcessIndex from, ProcessIndex to, const Message& message) {
  Trace trace{.from = from, .to = to, .kind = std::string(name_of(message)), .view = {}, .slot = {}, .digest = {}};
  const auto look = [&trace](const auto& content) {
    if constexpr (requires { content.view; }) trace.view = content.view;
    if constexpr (requires { content.seq; }) trace.slot = content.seq;
    if constexpr (requires { content.digest; }) trace.digest = content.digest;
    if constexpr (requires { content.batch; }) trace.digest = digest_of(*content.batch);
  };
  std::visit(
      [&look](const auto& each) {
        look(each);
        if constexpr (requires { each.content; }) look(each.content);
      },
      message);
  if (const auto* certificate = std::get_if<CheckpointCertificate>(&message)) {
    if (!certificate->votes.empty()) look(certificate->votes.front().content);
  }
  return trace;
}

bool World::matches(const Pattern& pattern, const Trace& trace) const {
  return (pattern.kinds.empty() || pattern.kinds.contains(trace.kind)) &&
         (!pattern.view || trace.view == pattern.view) && (!pattern.slot || trace.slot == pattern.slot) &&
         (!pattern.batch || trace.digest == digest_of(*batch(*pattern.batch))) &&
         (!pattern.from || find(*pattern.from).contains(trace.from)) &&
         (!pattern.to || find(*pattern.to).contains(trace.to));
}

bool World::matches_any(const std::vector<Pattern>& patterns, const Trace& trace) const {
  return std::any_of(patterns.begin(), patterns.end(), [&](const auto& each) { return matches(each, trace); });
}

void World::inject(ProcessIndex from, ProcessIndex to, const Message& message) {
  sent_.insert(trace_of(from, to, message));
  letters_.push_back({.from = from, .to = to, .message = message});
  if (const auto* wish = std::get_if<ViewChange>(&message)) {
    view_changes_.insert_or_assign({wish->content.replica, wish->content.view}, *wish);
  }
  if (const auto* vote = std::get_if<CheckpointVote>(&message)) {
    checkpoints_[{vote->content.seq, vote->content.root}].insert_or_assign(vote->content.replica, *vote);
  }
}

CheckpointCertificate World::certificate(Seq seq) const {
  CheckpointCertificate certificate;
  for (const auto& [what, votes] : checkpoints_) {
    if (what.first != seq || votes.size() < membership().quorum()) continue;
    for (const auto& [replica, vote] : votes) certificate.votes.push_back(vote);
    return certificate;
  }
  throw ScenarioError("no quorum has voted for a checkpoint of slot " + std::to_string(seq));
}

const ViewChange* World::view_change(ReplicaId replica, View view) const {
  const auto found = view_changes_.find({replica, view});
  return found == view_changes_.end() ? nullptr : &found->second;
}

void World::send(ProcessIndex from, const Send& sent) {
  for (ProcessIndex to = 0; to < processes_.size(); ++to) {
    const auto replica = replica_of(to);
    if (replica == replica_of(from) || (sent.to && *sent.to != replica)) continue;
    inject(from, to, sent.message);
    if (matches_any(lost_, trace_of(from, to, sent.message))) letters_.pop_back();
  }
}

void World::deliver(const Pattern& pattern) {
  for (int count = 0; count < deliveries_max; ++count) {
    const auto found = std::find_if(letters_.begin(), letters_.end(), [&](const Letter& letter) {
      const auto trace = trace_of(letter.from, letter.to, letter.message);
      return matches(pattern, trace) && !matches_any(held_, trace);
    });
    if (found == letters_.end()) return;
    const Letter letter = std::move(*found);
    letters_.erase(found);
    if (is_up(letter.to)) step(letter.to, Received{replica_sender(replica_of(letter.from)), letter.message});
  }
  throw ScenarioError("the replicas do not fall silent");
}

void World::drop(const Pattern& pattern) {
  std::erase_if(letters_, [&](const Letter& letter) {
    return matches(pattern, trace_of(letter.from, letter.to, letter.message));
  });
}

bool World::was_sent(const Pattern& pattern) const {
  return std::any_of(sent_.begin(), sent_.end(), [&](const auto& trace) { return matches(pattern, trace); });
}

void World::step(ProcessIndex index, Event event) {
  const bool drained = std::holds_alternative<Received>(event);
  any_node(index).step(std::move(event));
  if (drained) any_node(index).step(InputDrained{});
  harvest(index);
}

void World::harvest(ProcessIndex index) {
  for (const auto& sent : any_node(index).take_sent()) send(index, sent);
  collect_answers(index);
  if (is_correct(index)) check(index);
}

void World::collect_answers(ProcessIndex index) {
  for (const auto& reply : std::exchange(any_node(index).replies, {})) {
    const auto* replies = std::get_if<Replies>(&reply.message);
    if (replies == nullptr) continue;
    for (const auto& entry : replies->entries) {
      const AnswerTo to{.client = replies->client, .number = entry.number};
      const std::pair<Seq, Bytes> given{entry.seq, entry.result};
      auto& all = answers_[to];
      all[replica_of(index)] = given;
      const auto alike = std::count_if(all.begin(), all.end(), [&](const auto& each) { return each.second == given; });
      if (alike <= static_cast<std::ptrdiff_t>(membership().faults)) continue;
      if (accepted_.emplace(to, given).first->second == given) continue;
      throw ScenarioError("client " + std::to_string(to.client) + " got two answers to its number " +
                          std::to_string(to.number));
    }
  }
}

void World::check(ProcessIndex index) {
  auto& node = any_node(index);
  if (!node.alarms.empty()) throw ScenarioError("alarm at replica " + name(index) + ": " + node.alarms.front());
  const auto view = node.core.view();
  // What is dropped from the log must be in the state on the disk (trace B).
  if (node.collected > view.base) {
    throw ScenarioError("replica " + name(index) + " drops its log up to slot " + std::to_string(node.collected) +
                        ", and its durable state is of slot " + std::to_string(view.base));
  }
  const auto compare = [&](auto& known, Seq seq, const Digest& own, const std::string& what) {
    const auto& [digest, first] = known.emplace(seq, std::pair(own, index)).first->second;
    if (digest == own) return;
    throw ScenarioError("correct replicas " + name(first) + " and " + name(index) + " differ in " + what + " slot " +
                        std::to_string(seq));
  };
  auto& checked = processes_[index].checked;
  while (checked < view.executed) {
    ++checked;
    // What was taken with a state, or is long past, is in no log; the state's root speaks for it.
    if (const auto digest = node.core.executed_digest(checked))
      compare(history_, checked, *digest, "what they executed as");
  }
  if (view.state_digest_seq != 0) compare(states_, view.state_digest_seq, view.state_digest, "their states after");
}

void World::pass(MonotonicUs us, bool delivering) {
  for (MonotonicUs left_us = us; left_us > 0; left_us -= slice_us) {
    const auto now_us = std::min(left_us, slice_us);
    for (ProcessIndex index = 0; index < processes_.size(); ++index) {
      any_node(index).now.monotonic_us += now_us;
      any_node(index).now.wall_us += now_us;
    }
    for (ProcessIndex index = 0; index < processes_.size(); ++index) {
      if (is_up(index)) step(index, Woken{});
    }
    if (delivering) deliver({});
  }
}

bool World::settled(const std::set<ProcessIndex>& who) {
  const auto first = node(*who.begin()).core.view();
  return std::all_of(who.begin(), who.end(), [&](ProcessIndex index) {
    const auto view = node(index).core.view();
    return view.executed == first.executed && view.pending_operations == 0;
  });
}

void World::settle(const std::set<ProcessIndex>& who) {
  if (who.empty()) throw ScenarioError("nobody is there to settle");
  int quiet_slices = 0;
  for (int slice = 0; slice < settling_slices; ++slice) {
    pass(slice_us, true);
    quiet_slices = settled(who) ? quiet_slices + 1 : 0;
    if (quiet_slices == settled_slices) return;
  }
  std::string found;
  for (const auto index : who) {
    const auto view = node(index).core.view();
    found += (found.empty() ? "" : "; ") + ("replica " + name(index)) + (view.active ? " in view " : " wants view ") +
             std::to_string(view.view) + " executed " + std::to_string(view.executed) +
             ", waiting: " + std::to_string(view.pending_operations);
  }
  throw ScenarioError("not settled after 20s: " + found);
}

}  // namespace tagma::test
