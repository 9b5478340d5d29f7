#include "docker/drills/stage.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "client_lib/cli/child_process.h"

namespace tagma::drills {
namespace {

constexpr std::chrono::seconds start_limit{60};
constexpr std::chrono::seconds stop_limit{20};
constexpr std::chrono::milliseconds rest{10};
/// Replicas under load are never at the same slot; so many apart is together.
constexpr Seq apart_max = 256;

bool uses(const Scenario& scenario, Action action) {
  return std::any_of(scenario.steps.begin(), scenario.steps.end(),
                     [action](const Step& step) { return step.action == action; });
}

}  // namespace

std::string replica_name(ReplicaId id) { return "replica-" + std::to_string(id); }

Stage::Stage(const Setting& setting, const Scenario& scenario, const std::string& folder, std::function<void()> alive)
    : setting_(setting), scenario_(scenario), alive_(std::move(alive)) {
  std::filesystem::create_directories(folder + "/logs");
  const std::string name =
      "tagma-drill-" + std::to_string(getpid()) + "-" + std::filesystem::path(folder).filename().string();
  backend_ = setting.docker
                 ? make_docker_backend(setting.programs, scenario.replicas, folder + "/logs", setting.image, name)
                 : make_process_backend(setting.programs, scenario.replicas, folder + "/logs");
  proxy_ = std::make_unique<FaultProxy>(setting.seed);
  const std::vector<std::string> services{setting.own ? setting.own->service : "kv"};
  site_ = std::make_unique<Site>(folder, setting.programs.at(setting.program), scenario, services, *backend_, *proxy_);
  const ClientId observer = site_->extra(ExtraClient::observer);
  observer_ = std::make_unique<Observer>(ClientPlace{observer, site_->direct_file(), site_->client_key(observer)},
                                         scenario.replicas);
  for (ReplicaId id = 0; id < scenario.replicas; ++id) {
    const bool lies = scenario.byzantine && scenario.byzantine->id == id;
    const bool lost = std::count(scenario.expect.lost.begin(), scenario.expect.lost.end(), id) > 0;
    if (!lies && !lost && scenario.lying_disk != id) correct_.push_back(id);
    start_replica(id);
  }
  std::vector<ReplicaId> all(scenario.replicas);
  for (ReplicaId id = 0; id < scenario.replicas; ++id) all[id] = id;
  if (!await([&] { return observer_->look().together(all, apart_max); }, start_limit)) {
    throw std::runtime_error("the cluster does not start: " + observer_->last().text() + "; its logs: " + folder +
                             "/logs");
  }
  // A scenario names the first primary by its number.
  if (observer_->last().view() != View{0}) {
    throw std::runtime_error("the cluster has changed views before anything was done: " + observer_->last().text());
  }
}

Stage::~Stage() = default;

void Stage::begin(Clock::time_point zero) {
  zero_ = zero;
  observer_->start(zero);
  static_cast<void>(proxy_->take_longest_stall());  // what was before does not count
}

std::optional<Stall> Stage::network_stall() {
  using Milliseconds = std::chrono::duration<double, std::milli>;
  constexpr Milliseconds worth_a_word{200};  // half of the replicas' view_change_timeout_us
  const ProxyStall longest = proxy_->take_longest_stall();
  if (longest.length < worth_a_word) return std::nullopt;
  return Stall{std::chrono::duration<double>(longest.began - zero_).count(), Milliseconds(longest.length).count(),
               Milliseconds(longest.cpu).count()};
}

ProcessSpec Stage::spec_of(ReplicaId id) const {
  ProcessSpec spec;
  spec.name = replica_name(id);
  spec.program = setting_.program;
  spec.words = site_->words_of(id);
  spec.host = backend_->place().hosts[id];
  spec.folder = site_->replica_folder(id);
  spec.control_folder = site_->control_folder(id);
  if (scenario_.byzantine && scenario_.byzantine->id == id) {
    spec.program = "byzantine_replica";
    spec.words.front() = scenario_.byzantine->attack;
    spec.words.insert(spec.words.end(), scenario_.byzantine->options.begin(), scenario_.byzantine->options.end());
  } else if (const auto other = programs_.find(id); other != programs_.end()) {
    spec.program = other->second;
  } else if (!setting_.mutant.empty()) {
    spec.environment.emplace_back("TAGMA_MUTANT", setting_.mutant);
  }
  dress(spec, id);
  return spec;
}

/// The disk and the clock that the scenario needs.
void Stage::dress(ProcessSpec& spec, ReplicaId id) const {
  auto& environment = spec.environment;
  if (scenario_.forgetful_disks || scenario_.lying_disk == id) {
    spec.preload.emplace_back("lost_writes");
    environment.emplace_back("TAGMA_LOST_WRITES", spec.folder);
    environment.emplace_back("TAGMA_LOST_WRITES_COUNT", site_->lost_writes_count(id));
    if (scenario_.forgetful_disks) environment.emplace_back("TAGMA_SYNC_US", "10000");
    if (scenario_.lying_disk == id) {
      // It keeps what it was given at the start, so that it starts, and nothing of the log from then on.
      environment.emplace_back("TAGMA_HONEST_SYNCS", "30");
      environment.emplace_back("TAGMA_LOST_WRITES_OF", "/log/");
    }
  }
  if (uses(scenario_, Action::fill_disk) || uses(scenario_, Action::fail_syncs)) {
    spec.preload.emplace_back("failing_disk");
    environment.emplace_back("TAGMA_FAILING_DISK", site_->data_folder(id));
    environment.emplace_back("TAGMA_DISK_FAULTS", spec.control_folder);
  }
  if (uses(scenario_, Action::shift_clock)) {
    spec.preload.emplace_back(faketime_library);
    environment.emplace_back("FAKETIME_TIMESTAMP_FILE", spec.control_folder + "/clock");
    environment.emplace_back("FAKETIME_CACHE_DURATION", "1");
    environment.emplace_back("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    environment.emplace_back("DONT_FAKE_MONOTONIC", "1");
    if (!std::filesystem::exists(spec.control_folder + "/clock")) write_control(id, "clock", "+0\n");
  }
}

void Stage::write_control(ReplicaId id, const std::string& name, const std::string& text) const {
  const std::string path = site_->control_folder(id) + "/" + name;
  std::ofstream(path) << text;
  using std::filesystem::perms;
  std::filesystem::permissions(path, perms::owner_read | perms::owner_write | perms::group_read | perms::others_read);
}

void Stage::start_replica(ReplicaId id) {
  const auto spec = spec_of(id);
  backend_->hand_over(spec.folder);
  backend_->start(spec);
  observer_->set_process(id, backend_->pid(spec.name));
  down_.erase(id);
}

void Stage::attend() {
  backend_->attend();
  for (ReplicaId id = 0; id < scenario_.replicas; ++id) {
    observer_->set_process(id, backend_->pid(replica_name(id)));
  }
}

bool Stage::await(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  for (;;) {
    attend();
    alive_();
    if (condition()) return true;
    if (Clock::now() > deadline) return false;
    std::this_thread::sleep_for(rest);
  }
}

bool Stage::ended(const std::vector<std::string>& names) {
  return await(
      [&] {
        return std::none_of(names.begin(), names.end(), [&](const auto& name) { return backend_->running(name); });
      },
      stop_limit);
}

std::string Stage::log_of(const std::string& process) const {
  std::string text;
  for (const auto* const part : {".log.1", ".log"}) {
    std::ifstream file(site_->logs() + "/" + process + part, std::ios::binary);
    text.append(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return text;
}

void Stage::mark(const std::string& text, bool heals) {
  marks_.push_back({.at_s = std::chrono::duration<double>(Clock::now() - zero_).count(), .text = text, .heals = heals});
}

void Stage::prove(const std::string& text, bool happened, const std::string& detail) {
  evidence_.push_back({text, happened, detail});
}

/// For the text alone what was seen last will do: to look takes long where somebody does not answer.
ReplicaId Stage::primary(bool for_certain) {
  const auto view = for_certain ? observer_->look().view() : observer_->last().view();
  return site_->cluster().membership.primary(view.value_or(0));
}

Stage::Chosen Stage::choose(const Selector& selector, const std::vector<ReplicaId>& without) {
  using Kind = Selector::Kind;
  Chosen chosen;
  const auto n = scenario_.replicas;
  const auto add_clients = [&](ClientId from) {
    for (ClientId id = from; id < scenario_.load.clients; ++id) chosen.parties.push_back(client_party(id));
  };
  const ReplicaId leader = primary(selector.kind == Kind::primary || selector.kind == Kind::backup);
  switch (selector.kind) {
    case Kind::nobody: return chosen;
    case Kind::clients:
      add_clients(0);
      chosen.text = "the clients";
      return chosen;
    case Kind::client:
      add_clients(scenario_.load.clients - 1);
      chosen.text = "client " + std::to_string(scenario_.load.clients - 1);
      return chosen;
    case Kind::primary: chosen.replicas = {leader}; break;
    case Kind::backup: chosen.replicas = {(leader + 1) % n}; break;
    case Kind::same: chosen.replicas = last_chosen_; break;
    case Kind::replicas: chosen.replicas = selector.ids; break;
    case Kind::all:
    case Kind::others:
      for (ReplicaId id = 0; id < n; ++id) {
        const bool left_out = selector.kind == Kind::others && std::count(without.begin(), without.end(), id) > 0;
        if (!left_out) chosen.replicas.push_back(id);
      }
      break;
  }
  for (const auto id : chosen.replicas) {
    chosen.parties.push_back(replica_party(id));
    chosen.text += (chosen.text.empty() ? "replica " : ", ") + std::to_string(id);
    if (id == leader) chosen.text += " (primary)";
  }
  if (chosen.replicas.size() == n) chosen.text = "all replicas";
  return chosen;
}

void Stage::settle(const std::string& when) {
  std::vector<ReplicaId> up;
  std::copy_if(correct_.begin(), correct_.end(), std::back_inserter(up),
               [&](ReplicaId id) { return !down_.contains(id); });
  const auto begun = Clock::now();
  if (await([&] { return observer_->look().together(up, apart_max); }, setting_.settle_limit)) {
    if (!when.empty()) {
      mark("all vote and have caught up " + when, true);
      marks_.back().mends = false;
    }
    return;
  }
  const double waited = std::chrono::duration<double>(Clock::now() - begun).count();
  if (did_not_settle_.empty()) {
    did_not_settle_ =
        "not together " + std::to_string(static_cast<int>(waited)) + " s " + when + ": " + observer_->last().text();
  }
}

Seq Stage::executed_by_most() {
  const auto sight = observer_->look();
  std::vector<Seq> slots;
  for (const auto id : correct_) {
    if (const auto* const report = sight.of(id)) slots.push_back(report->report.last_executed);
  }
  std::sort(slots.begin(), slots.end());
  return slots.empty() ? 0 : slots[slots.size() / 2];
}

void Stage::await_slots(std::uint64_t slots) {
  constexpr std::chrono::seconds limit{120};
  const Seq from = executed_by_most();
  Seq now = from;
  const bool came = await(
      [&] {
        now = executed_by_most();
        return now >= from + slots;
      },
      limit);
  prove(std::to_string(slots) + " slots are executed meanwhile", came, std::to_string(now - from) + " were");
}

void Stage::settle_at_end() {
  if (!open_links_.empty()) heal();
  for (const auto id : std::set<ReplicaId>(paused_)) pause({{id}, {}, "replica " + std::to_string(id)}, false);
  for (const auto id : std::set<ReplicaId>(starved_)) starve({{id}, {}, "replica " + std::to_string(id)}, std::nullopt);
  settle("");
}

std::string Stage::unexpected_end() const {
  for (const auto id : correct_) {
    if (down_.contains(id)) continue;
    const auto status = backend_->wait_status(replica_name(id));
    if (status) return "replica " + std::to_string(id) + " " + cli::describe_end(*status);
  }
  return "";
}

std::string Stage::stop() {
  std::vector<std::string> names;
  for (ReplicaId id = 0; id < scenario_.replicas; ++id) {
    if (backend_->running(replica_name(id))) names.push_back(replica_name(id));
  }
  backend_->signal(names, SIGTERM);
  std::string wrong;
  const bool all = ended(names);
  for (const auto id : correct_) {
    if (down_.contains(id)) continue;
    const auto status = backend_->wait_status(replica_name(id));
    if (status && WIFEXITED(*status) && WEXITSTATUS(*status) == 0) continue;
    wrong += (wrong.empty() ? "" : "; ") + std::string("replica ") + std::to_string(id) + " " +
             (status ? cli::describe_end(*status)
              : all  ? "was never there"
                     : "still runs");
  }
  return wrong;
}

void Stage::perform(const Step& step) {
  const Chosen chosen = choose(step.who, {});
  if (!chosen.replicas.empty()) last_chosen_ = chosen.replicas;
  if (step.who.kind == Selector::Kind::same && chosen.replicas.empty()) {
    throw std::runtime_error(std::string(to_string(step.action)) + ": no step before it was about a replica");
  }
  switch (step.action) {
    case Action::kill: return kill(chosen);
    case Action::start: return start(chosen);
    case Action::restart: return restart(chosen);
    case Action::roll: return roll(chosen, step);
    case Action::pause: return pause(chosen, true);
    case Action::resume: return pause(chosen, false);
    case Action::wipe: return wipe(chosen);
    case Action::cut_power: return cut_power();
    case Action::network: return spoil_network(chosen, step);
    case Action::heal: return heal();
    case Action::fill_disk:
    case Action::free_disk:
    case Action::fail_syncs: return disk_fault(chosen, step.action);
    case Action::shift_clock: return shift_clock(chosen, step.seconds);
    case Action::starve: return starve(chosen, step.percent);
    case Action::feed: return starve(chosen, std::nullopt);
    case Action::attack: return attack(true);
    case Action::relent: return attack(false);
    case Action::client_attack: return client_attack(step);
    case Action::client_relent: return end_client_attack();
    case Action::twin: return twin(chosen);
    case Action::end_twin: return end_twin();
    case Action::save_disk: return save_disk(chosen);
    case Action::restore_disk: return restore_disk(chosen);
    case Action::damage_disk: return damage_disk(chosen);
    case Action::settle: return settle("again");
    case Action::await_slots: return await_slots(step.slots);
  }
}

}  // namespace tagma::drills
