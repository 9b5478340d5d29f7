#include "docker/drills/scenario.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <sstream>
#include <utility>

namespace tagma::drills {
namespace {

constexpr std::array<std::pair<std::string_view, Action>, 27> actions{{
    {"kill", Action::kill},
    {"start", Action::start},
    {"restart", Action::restart},
    {"roll", Action::roll},
    {"pause", Action::pause},
    {"resume", Action::resume},
    {"wipe", Action::wipe},
    {"cut_power", Action::cut_power},
    {"network", Action::network},
    {"heal", Action::heal},
    {"fill_disk", Action::fill_disk},
    {"free_disk", Action::free_disk},
    {"fail_syncs", Action::fail_syncs},
    {"shift_clock", Action::shift_clock},
    {"starve", Action::starve},
    {"feed", Action::feed},
    {"attack", Action::attack},
    {"relent", Action::relent},
    {"client_attack", Action::client_attack},
    {"client_relent", Action::client_relent},
    {"twin", Action::twin},
    {"end_twin", Action::end_twin},
    {"save_disk", Action::save_disk},
    {"restore_disk", Action::restore_disk},
    {"damage_disk", Action::damage_disk},
    {"settle", Action::settle},
    {"await_slots", Action::await_slots},
}};

constexpr std::array<std::pair<std::string_view, Selector::Kind>, 7> selectors{{
    {"primary", Selector::Kind::primary},
    {"backup", Selector::Kind::backup},
    {"others", Selector::Kind::others},
    {"all", Selector::Kind::all},
    {"same", Selector::Kind::same},
    {"clients", Selector::Kind::clients},
    {"client", Selector::Kind::client},
}};

template <typename Value, std::size_t count>
std::string names_of(const std::array<std::pair<std::string_view, Value>, count>& known) {
  std::string names;
  for (const auto& [name, value] : known) names += (names.empty() ? "" : ", ") + std::string(name);
  return names;
}

/// What is wrong, for the one who wrote it; caught by read_scenario().
struct Wrong {
  std::string reason;
  std::uint32_t line = 0;  ///< of the file; 0: none of its lines
};

/// The fields of one table. Every field that is asked for is known; finish() refuses the rest, so that a slip of the
/// pen is not a drill without its fault.
class Fields {
 public:
  Fields(const toml::table& table, std::string place) : table_(table), place_(std::move(place)) {}

  /// Names the field's line, or that of the table where the field is missing.
  [[noreturn]] void refuse(std::string_view key, const std::string& reason) const {
    const auto* const node = table_.get(key);
    const auto line = node != nullptr ? node->source().begin.line : table_.source().begin.line;
    throw Wrong{place_ + std::string(key) + ": " + reason, line};
  }

  [[nodiscard]] bool has(std::string_view key) {
    known_.emplace(key);
    return table_.contains(key);
  }

  template <typename Value>
  Value value(std::string_view key, Value fallback) {
    if (!has(key)) return fallback;
    const auto read = table_[key].value<Value>();
    if (!read) refuse(key, "is not of the right kind");
    return *read;
  }

  double number(std::string_view key, double fallback, double maximum) {
    const double read = value<double>(key, fallback);
    if (read < 0 || read > maximum) refuse(key, "is out of range; 0 to " + text(maximum));
    return read;
  }

  template <typename Value>
  std::vector<Value> values(std::string_view key) {
    std::vector<Value> read;
    if (!has(key)) return read;
    const auto* const array = table_[key].as_array();
    if (array == nullptr) refuse(key, "write a list, as [1, 2]");
    for (const auto& element : *array) {
      const auto one = element.value<Value>();
      if (!one) refuse(key, "one of its elements is not of the right kind");
      read.push_back(*one);
    }
    return read;
  }

  std::vector<ReplicaId> ids(std::string_view key, std::uint32_t replicas) {
    std::vector<ReplicaId> read;
    for (const auto id : values<std::int64_t>(key)) read.push_back(replica(key, id, replicas));
    return read;
  }

  Selector selector(std::string_view key, std::uint32_t replicas) {
    if (!has(key)) return {};
    if (table_[key].is_array()) return {Selector::Kind::replicas, ids(key, replicas)};
    if (const auto id = table_[key].value_exact<std::int64_t>()) {
      return {Selector::Kind::replicas, {replica(key, *id, replicas)}};
    }
    const auto name = value<std::string>(key, "");
    for (const auto& [known, kind] : selectors) {
      if (known == name) return {kind, {}};
    }
    refuse(key, "\"" + name + "\" is nobody; a number, a list of numbers, or one of " + names_of(selectors));
  }

  ReplicaId replica(std::string_view key, std::int64_t id, std::uint32_t replicas) const {
    if (id >= 0 && id < static_cast<std::int64_t>(replicas)) return static_cast<ReplicaId>(id);
    refuse(key, "there is no replica " + std::to_string(id));
  }

  void finish() const {
    for (const auto& [key, node] : table_) {
      if (!known_.contains(std::string(key.str()))) {
        refuse(key.str(), "there is no such field");
      }
    }
  }

  [[nodiscard]] const toml::table* table(std::string_view key) {
    if (!has(key)) return nullptr;
    const auto* const found = table_[key].as_table();
    if (found == nullptr) refuse(key, "is no table; write [" + std::string(key) + "]");
    return found;
  }

  [[nodiscard]] const toml::array* tables(std::string_view key) {
    if (!has(key)) return nullptr;
    const auto* const found = table_[key].as_array();
    if (found == nullptr) refuse(key, "write [[" + std::string(key) + "]]");
    return found;
  }

 private:
  static std::string text(double number) {
    std::ostringstream out;
    out << number;
    return out.str();
  }

  const toml::table& table_;
  std::string place_;
  std::set<std::string> known_;
};

constexpr double seconds_max = 7'200;

bool is_about_replicas(Action action) {
  switch (action) {
    case Action::cut_power:
    case Action::network:
    case Action::heal:
    case Action::attack:
    case Action::relent:
    case Action::client_attack:
    case Action::client_relent:
    case Action::end_twin:
    case Action::settle:
    case Action::await_slots: return false;
    default: return true;
  }
}

bool names_replicas(const Selector& selector) {
  using Kind = Selector::Kind;
  if (selector.kind == Kind::replicas) return !selector.ids.empty();
  return selector.kind != Kind::nobody && selector.kind != Kind::clients && selector.kind != Kind::client;
}

LinkFault read_link(Fields& fields) {
  constexpr double ms = 1'000;
  LinkFault link;
  link.cut = fields.value<bool>("cut", false);
  link.delay_us = static_cast<std::uint32_t>(fields.number("delay_ms", 0, 10'000) * ms);
  link.jitter_us = static_cast<std::uint32_t>(fields.number("jitter_ms", 0, 10'000) * ms);
  link.loss_ppm = static_cast<std::uint32_t>(fields.number("loss_percent", 0, 100) * 10'000);
  link.bytes_per_second_max = static_cast<std::uint64_t>(fields.number("kilobytes_per_second", 0, 1e6) * 1'000);
  return link;
}

Step read_step(const toml::table& table, std::size_t at, std::uint32_t replicas) {
  Fields fields(table, "step[" + std::to_string(at) + "].");
  Step step;
  step.at_s = fields.number("at_s", 0, seconds_max);
  const auto name = fields.value<std::string>("do", "");
  const auto* const found =
      std::find_if(actions.begin(), actions.end(), [&](const auto& known) { return known.first == name; });
  if (found == actions.end()) fields.refuse("do", "\"" + name + "\" is no action; one of " + names_of(actions));
  step.action = found->second;
  step.who = fields.selector("who", replicas);
  step.to = fields.selector("to", replicas);
  step.both = fields.value<bool>("both", true);
  step.link = read_link(fields);
  step.seconds = fields.value<double>("seconds", 0);
  step.percent = fields.number("percent", 0, 100);
  step.slots = static_cast<std::uint64_t>(fields.number("slots", 0, 1e6));
  step.program = fields.value<std::string>("program", "");
  step.options = fields.values<std::string>("options");
  fields.finish();
  if (is_about_replicas(step.action) && !names_replicas(step.who)) {
    fields.refuse("who", step.who.kind == Selector::Kind::nobody ? "missing; add it" : "no replica; name one");
  }
  const bool linked = step.who.kind != Selector::Kind::nobody && step.to.kind != Selector::Kind::nobody;
  if (step.action == Action::network && (!linked || step.link.none())) {
    fields.refuse("do",
                  "a network fault needs `who`, `to`, and one of cut, delay_ms, jitter_ms, loss_percent, "
                  "kilobytes_per_second");
  }
  return step;
}

void read_cluster(const toml::table& table, Scenario& scenario) {
  Fields fields(table, "cluster.");
  scenario.replicas = static_cast<std::uint32_t>(fields.number("replicas", 4, 16));
  if (scenario.replicas < 4) fields.refuse("replicas", "below four no fault is tolerated");
  const auto durability = durability_from(fields.value<std::string>("durability", "sync"));
  if (!durability) fields.refuse("durability", durability.reason());
  scenario.durability = *durability;
  scenario.forgetful_disks = fields.value<bool>("forgetful_disks", false);
  if (fields.has("lying_disk")) {
    scenario.lying_disk = fields.replica("lying_disk", fields.value<std::int64_t>("lying_disk", 0), scenario.replicas);
  }
  fields.finish();
}

Byzantine read_byzantine(const toml::table& table, std::uint32_t replicas) {
  Fields fields(table, "byzantine.");
  Byzantine byzantine;
  byzantine.id = fields.replica("replica", fields.value<std::int64_t>("replica", 0), replicas);
  byzantine.attack = fields.value<std::string>("attack", "");
  if (byzantine.attack.empty()) fields.refuse("attack", "missing; add it");
  byzantine.options = fields.values<std::string>("options");
  fields.finish();
  return byzantine;
}

LoadShape read_load(const toml::table& table) {
  Fields fields(table, "load.");
  LoadShape load;
  load.clients = static_cast<std::uint32_t>(fields.number("clients", load.clients, 64));
  load.outstanding = static_cast<std::uint32_t>(fields.number("outstanding", load.outstanding, 256));
  load.per_second_max = static_cast<std::uint32_t>(fields.number("per_second_max", load.per_second_max, 1e6));
  load.value_bytes = static_cast<std::uint32_t>(fields.number("value_bytes", load.value_bytes, 60'000));
  fields.finish();
  if (load.clients == 0) fields.refuse("clients", "1 or more");
  if (load.outstanding == 0) fields.refuse("outstanding", "1 or more");
  return load;
}

Expect read_expect(const toml::table& table, std::uint32_t replicas) {
  Fields fields(table, "expect.");
  Expect expect;
  expect.primary_stays = fields.value<bool>("primary_stays", false);
  expect.primary_replaced = fields.value<bool>("primary_replaced", false);
  expect.pause_s_max = fields.number("pause_s_max", expect.pause_s_max, seconds_max);
  expect.recovery_s_max = fields.number("recovery_s_max", expect.recovery_s_max, seconds_max);
  const auto outage = fields.values<double>("outage_s");
  if (!outage.empty()) {
    if (outage.size() != 2 || outage[0] >= outage[1]) fields.refuse("outage_s", "write [from, to]");
    expect.outage_s = {outage[0], outage[1]};
  }
  expect.cost = fields.value<bool>("cost", false);
  expect.unknown_max = static_cast<std::uint64_t>(fields.number("unknown_max", 0, 1e9));
  expect.lost = fields.ids("lost", replicas);
  fields.finish();
  return expect;
}

Scenario read_table(const toml::table& table) {
  Fields fields(table, "");
  Scenario scenario;
  scenario.title = fields.value<std::string>("title", "");
  if (scenario.title.empty()) fields.refuse("title", "missing; add it");
  scenario.about = fields.value<std::string>("about", "");
  scenario.rows = fields.values<std::string>("rows");
  scenario.seconds = fields.number("seconds", scenario.seconds, seconds_max);
  if (const auto* const cluster = fields.table("cluster")) read_cluster(*cluster, scenario);
  if (const auto* const byzantine = fields.table("byzantine")) {
    scenario.byzantine = read_byzantine(*byzantine, scenario.replicas);
  }
  if (const auto* const load = fields.table("load")) scenario.load = read_load(*load);
  if (const auto* const expect = fields.table("expect")) {
    scenario.expect = read_expect(*expect, scenario.replicas);
  }
  if (fields.has("random_faults_s")) {
    scenario.random_faults_s = static_cast<std::uint32_t>(fields.number("random_faults_s", 0, seconds_max));
  }
  if (const auto* const steps = fields.tables("step")) {
    for (std::size_t at = 0; at < steps->size(); ++at) {
      const auto* const step = (*steps)[at].as_table();
      if (step == nullptr) fields.refuse("step", "write [[step]]");
      scenario.steps.push_back(read_step(*step, at, scenario.replicas));
    }
  }
  fields.finish();
  if (scenario.steps.empty() && !scenario.random_faults_s) fields.refuse("step", "missing; a drill does something");
  return scenario;
}

}  // namespace

std::string_view to_string(Action action) {
  for (const auto& [name, known] : actions) {
    if (known == action) return name;
  }
  return "?";
}

Result<Scenario> read_scenario(const std::string& path) {
  try {
    auto scenario = read_table(toml::parse_file(path));
    scenario.name = std::filesystem::path(path).stem();
    return scenario;
  } catch (const toml::parse_error& error) {
    std::ostringstream where;
    where << error.source().begin.line;
    return Refused{path + ":" + where.str() + ": " + std::string(error.description())};
  } catch (const Wrong& wrong) {
    return Refused{path + (wrong.line == 0 ? "" : ":" + std::to_string(wrong.line)) + ": " + wrong.reason};
  }
}

Result<std::vector<Scenario>> read_scenarios(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".toml") paths.push_back(entry.path());
  }
  if (error) return Refused{folder + ": cannot be read: " + error.message()};
  std::sort(paths.begin(), paths.end());
  std::vector<Scenario> scenarios;
  for (const auto& path : paths) {
    auto scenario = read_scenario(path);
    if (!scenario) return Refused{scenario.reason()};
    scenarios.push_back(std::move(*scenario));
  }
  return scenarios;
}

}  // namespace tagma::drills
