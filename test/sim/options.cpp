#include "test/sim/options.h"

#include <algorithm>
#include <array>
#include <utility>

#include "test/sim/random.h"

namespace tagma::sim {
namespace {

constexpr std::array<std::pair<Profile, std::string_view>, 11> names{{
    {Profile::calm, "calm"},
    {Profile::lossy, "lossy"},
    {Profile::crash, "crash"},
    {Profile::byzantine_backups, "byzantine-backups"},
    {Profile::all, "all"},
    {Profile::common, "common"},
    {Profile::real_crypto, "real-crypto"},
    {Profile::byzantine_primary, "byzantine-primary"},
    {Profile::byzantine_clients, "byzantine-clients"},
    {Profile::twins, "twins"},
    {Profile::liveness, "liveness"},
}};

void draw_core(Random& random, SimOptions& options) {
  auto& core = options.core;
  core.checkpoint_interval = static_cast<Seq>(random.between(2, 12));
  core.window = core.checkpoint_interval * 2 + random.below(core.checkpoint_interval * 3 + 1);
  core.batch_operations_max = random.one_of<std::size_t>({1, 2, 4, 8, 16, 32});
  core.batch_bytes_max = random.one_of<std::size_t>({2'000, 20'000, 500'000});
  core.batch_age_max_us = random.one_of<MonotonicUs>({0, 300, 1'000, 5'000});
  core.pipeline_depth = static_cast<std::uint32_t>(random.between(1, 8));
  core.session_pending_operations_max = random.one_of<std::size_t>({2, 8, 32, 1'024});
  core.client_pending_bytes_max = random.one_of<std::size_t>({2'000, 20'000, 1'000'000});
  core.pending_bytes_max = core.client_pending_bytes_max * random.below(4) + 4'000;
  core.openings_per_relay_max = random.one_of<std::size_t>({1, 2, 32});
  core.sessions_per_client_max = random.one_of<std::size_t>({1, 2, 3, 64});
  core.resend_us = random.between(5'000, 60'000);
  core.status_interval_us = random.between(5'000, 60'000);
  core.heartbeat_us = random.between(50'000, 400'000);
}

/// Drawn apart, so that what other draws give does not change with it.
void draw_transfer(SimOptions& options) {
  Random random(options.seed, "transfer");
  auto& core = options.core;
  // Short logs make a replica that was away take the state.
  const auto interval = static_cast<std::size_t>(core.checkpoint_interval);
  core.decided_kept_max = random.one_of<std::size_t>({1, interval, 2 * interval, 65'536});
  core.transfer_patience_us = random.between(20'000, 150'000);
  core.transfer_lease_resend_us = random.between(10'000, 80'000);
  core.transfer_lease_wait_us = random.one_of<MonotonicUs>({0, 5'000, 20'000});
  core.transfer_timeout_us = random.between(20'000, 150'000);
  core.transfer_hedge_us = random.between(5'000, 20'000);
  core.transfer_busy_us = random.between(1'000, 5'000);
  core.transfer_places_max = random.one_of<std::size_t>({1, 4, 32});
  core.transfer_requests_max = random.one_of<std::size_t>({1, 2, 4});
  core.transfer_staging_bytes_max = random.one_of<std::size_t>({1, 2'000, 1'000'000});
  core.transfer_bytes_per_second_min = random.one_of<std::size_t>({200, 500});
  core.transfer_piece_bytes_max = random.one_of<std::size_t>({1, 300, 3'000, 100'000});
  core.transfer_answer_bytes_max = random.one_of<std::size_t>({1, 1'000, 100'000});
  core.transfer_bytes_per_second = random.one_of<std::size_t>({400'000, 100'000'000});
  // A lease outlasts the wait for an answer that was lost, or a walk with one question at a time would never end.
  core.lease_idle_us = std::max(random.between(50'000, 500'000), 4 * core.transfer_timeout_us);
  // Long enough for the walk down to what differs, with one question at a time.
  core.lease_max_us = random.one_of<MonotonicUs>({500'000, 1'500'000, 120'000'000});
}

void draw_views(SimOptions& options) {
  Random random(options.seed, "views");
  options.core.view_change_timeout_us = random.between(30'000, 150'000);
  options.core.view_change_doublings_max = 10;
}

/// In an eighth of the runs primaries are not held to their work: the other rules must hold either way.
void draw_work(SimOptions& options) {
  const bool held = options.seed % 8 != 7;
  options.core.holds_primary_to_work = options.client.sends_early = held;
  // What a client may send as one bundle; of big values nothing is known.
  const std::size_t faulty = options.faulty_clients > 0 ? 12 : 1;
  options.core.bundle_operations_max =
      std::max<std::size_t>(faulty, std::min<std::size_t>(options.client.bundle_operations_max, options.client.window));
  if (options.workload.big_value_ppm == 0) {
    options.core.bundle_bytes_max = 500 + 1'600 * options.core.bundle_operations_max;
  }
}

void draw_clock_jumps(SimOptions& options) {
  Random random(options.seed, "clock jumps");
  options.clock_jumps = random.one_of<std::uint32_t>({0, 0, 0, 1, 2, 5});
}

void draw_bridges(SimOptions& options) {
  Random random(options.seed, "bridges");
  if (!options.liars.empty()) options.bridges = random.one_of<std::uint32_t>({0, 0, 0, 1, 2});
}

void draw_losses(SimOptions& options) {
  Random random(options.seed, "losses");
  options.losses = random.one_of<std::uint32_t>({0, 0, 1, 1, 2, 5});
  options.core.rejoin_resend_us = random.between(10'000, 200'000);
  options.core.null_batch_interval_us = random.one_of<MonotonicUs>({100, 1'000, 5'000});
  options.core.null_batches_per_second = random.one_of<std::uint32_t>({2, 10, 50});
}

void draw_links(Random& random, SimOptions& options) {
  const bool lossy = options.profile != Profile::calm;
  for (auto* link : {&options.replica_links, &options.client_links}) {
    link->delay_min_us = random.one_of<VirtualUs>({20, 100, 300, 1'000});
    link->delay_spread_us = random.one_of<VirtualUs>({10, 100, 500, 3'000});
    link->slow_ppm = random.one_of<std::uint32_t>({0, 20'000, 200'000});
    link->in_order = random.chance(400'000);
    if (!lossy) continue;
    link->loss_ppm = random.one_of<std::uint32_t>({0, 5'000, 30'000, 100'000});
    link->duplicate_ppm = random.one_of<std::uint32_t>({0, 10'000, 100'000});
  }
  options.disk.sync_min_us = random.one_of<VirtualUs>({0, 50, 200, 2'000});
  options.disk.sync_spread_us = random.one_of<VirtualUs>({0, 100, 1'000});
  options.disk.checkpoint_min_us = random.one_of<VirtualUs>({0, 200, 5'000});
  options.disk.checkpoint_spread_us = random.one_of<VirtualUs>({100, 2'000, 20'000});
}

void draw_machines(Random& random, SimOptions& options) {
  const bool same_clocks = random.chance(200'000);
  for (ReplicaId id = 0; id < options.n; ++id) {
    MachineClock clock;
    clock.monotonic_offset_us = random.between(0, 1'000'000'000);
    clock.rate_ppm = same_clocks ? 0 : random.between(-2'000, 2'000);
    clock.wall_skew_us = same_clocks ? 0 : random.between(-300'000, 300'000);
    options.clocks.push_back(clock);
    options.starts_us.push_back(random.between(0, 3'000));
  }
  // One clock may be wrong by any amount: the votes of f+1 others must make up for it, or another primary.
  if (options.f > 0 && random.chance(300'000)) {
    options.clocks[random.below(options.n)].wall_skew_us = random.between(-40'000'000, 40'000'000);
  }
}

void draw_clients(Random& random, SimOptions& options) {
  auto& client = options.client;
  client.clients = static_cast<std::uint32_t>(random.between(1, 6));
  client.sessions_at_once = static_cast<std::uint32_t>(random.between(1, 3));
  client.window = random.one_of<std::uint32_t>({1, 2, 8, 32});
  client.burst = static_cast<std::uint32_t>(random.between(1, 8));
  client.think_max_us = random.one_of<VirtualUs>({0, 500, 5'000});
  client.timeout_us = random.one_of<VirtualUs>({20'000, 200'000, 2'000'000});
  client.session_operations = static_cast<std::uint32_t>(random.between(5, 80));
  client.abandon_ppm = random.one_of<std::uint32_t>({0, 100'000, 300'000});
  client.first_retransmission_us = random.between(20'000, 150'000);
  client.retransmission_max_us = random.between(200'000, 600'000);
  client.busy_backoff_us = random.between(1'000, 20'000);
  client.bundle_operations_max = random.one_of<std::uint32_t>({1, 4, 16, 256});
  auto& workload = options.workload;
  workload.keys = random.one_of<std::uint32_t>({2, 10, 40, 200});
  workload.hot_ppm = random.one_of<std::uint32_t>({0, 300'000, 800'000});
  workload.put_weight = static_cast<std::uint32_t>(random.between(1, 8));
  workload.get_weight = static_cast<std::uint32_t>(random.between(1, 8));
  workload.delete_weight = static_cast<std::uint32_t>(random.between(0, 3));
  workload.cas_weight = static_cast<std::uint32_t>(random.between(0, 4));
  workload.scan_weight = static_cast<std::uint32_t>(random.between(0, 2));
  workload.hostile_weight = static_cast<std::uint32_t>(random.between(0, 2));
  workload.big_value_ppm = random.one_of<std::uint32_t>({0, 0, 10'000});
}

void draw_liars(Random& random, SimOptions& options) {
  const auto liars = static_cast<std::uint32_t>(random.between(1, options.f));
  while (options.liars.size() < liars) {
    const auto id = static_cast<ReplicaId>(random.below(options.n));
    if (!options.is_liar(id)) options.liars.push_back(id);
  }
}

/// Who is faulty: at most f replicas in all, liars and crashed ones together.
void draw_faults(Random& random, SimOptions& options) {
  const bool lossy = options.profile != Profile::calm;
  options.restarts = static_cast<std::uint32_t>(random.one_of({0, 1, 1, 2, 3, 6}));
  options.disk.failing_ppm = random.one_of<std::uint32_t>({0, 200'000});
  options.disk.full_ppm = random.one_of<std::uint32_t>({0, 0, 200'000});
  if (lossy) options.cuts = static_cast<std::uint32_t>(random.below(6));
  if (options.profile == Profile::crash) {
    options.crashes = static_cast<std::uint32_t>(random.between(1, options.f));
  }
  if (options.profile == Profile::twins) draw_liars(random, options);
  if (options.profile == Profile::byzantine_backups || options.profile == Profile::liveness) {
    draw_liars(random, options);
    options.faulty_clients = static_cast<std::uint32_t>(random.below(3));
    // With slots for one operation alone, and one at a time, those who flood leave the others too few in a run's time.
    if (options.faulty_clients > 0) {
      options.core.batch_operations_max = std::max<std::size_t>(options.core.batch_operations_max, 4);
    }
  }
  if (options.profile == Profile::byzantine_primary) {
    options.liars.push_back(0);
    const auto others = random.below(options.f);
    // Attack B3: as often as not the next primaries are theirs, too.
    const bool in_a_row = Random(options.seed, "faulty primaries in a row").chance(500'000);
    while (in_a_row && options.liars.size() < 1 + others) {
      options.liars.push_back(static_cast<ReplicaId>(options.liars.size()));
    }
    while (options.liars.size() < 1 + others) {
      const auto id = static_cast<ReplicaId>(1 + random.below(options.n - 1));
      if (!options.is_liar(id)) options.liars.push_back(id);
    }
  }
  std::sort(options.liars.begin(), options.liars.end());
}

/// Members of groups are clients of their own, behind all others; up to t of each group are faulty.
void draw_groups(SimOptions& options) {
  Random random(options.seed, "groups");
  if (!random.chance(500'000)) return;
  ClientId next = options.client.clients + options.faulty_clients;
  for (auto left = random.between(1, 2); left > 0; --left) {
    SimGroup group;
    auto& definition = group.definition;
    definition.name = "group-" + std::to_string(left);
    definition.rule = random.one_of({GroupRule::exact, GroupRule::median, GroupRule::median, GroupRule::interval});
    definition.value = definition.rule == GroupRule::exact    ? GroupValue::bytes
                       : definition.rule == GroupRule::median ? GroupValue::real
                                                              : GroupValue::integer_interval;
    definition.faulty_max = static_cast<std::uint32_t>(random.between(0, 2));
    definition.deadline_us = random.one_of<TimeUs>({0, 50'000, 300'000, 2'000'000});
    const bool fewer = definition.rule == GroupRule::exact || definition.deadline_us > 0;
    const std::uint32_t members =
        (fewer ? 2 : 3) * definition.faulty_max + 1 + static_cast<std::uint32_t>(random.below(2));
    definition.rounds_max = random.one_of<std::uint32_t>({1, 2, 8});
    definition.unconditional_only = random.chance(100'000);
    definition.operation = {"kv", "put", definition.name, "{value}"};
    std::uint32_t liars = static_cast<std::uint32_t>(random.below(definition.faulty_max + 1));
    for (std::uint32_t member = 0; member < members; ++member) {
      definition.members.push_back(next++);
      const bool lies = liars > 0 && random.below(members - member) < liars;
      liars -= lies ? 1 : 0;
      group.correct.push_back(!lies);
    }
    group.period_us = random.one_of<VirtualUs>({3'000, 10'000, 40'000});
    group.silent_ppm = random.one_of<std::uint32_t>({0, 300'000, 1'000'000});
    options.core.groups.push_back(definition);
    options.groups.push_back(std::move(group));
  }
}

/// Administrators, of whom fewer than half are faulty, and the two clients that they are busy with, behind all others.
void draw_administration(SimOptions& options) {
  Random random(options.seed, "administration");
  if (!random.chance(250'000)) return;
  auto& administration = options.administration;
  const auto administrators = random.one_of<std::size_t>({1, 2, 3, 3, 4, 5});
  std::size_t faulty = random.below((administrators - 1) / 2 + 1);
  for (std::size_t id = 0; id < administrators; ++id) {
    const bool lies = faulty > 0 && random.below(administrators - id) < faulty;
    faulty -= lies ? 1 : 0;
    administration.correct.push_back(!lies);
  }
  administration.probe = options.client.clients + options.faulty_clients;
  for (const auto& group : options.groups) {
    administration.probe += static_cast<ClientId>(group.definition.members.size());
  }
  administration.newcomer = administration.probe + 1;
}

/// Replicas, disks, clocks and links behave; only clients lie, up to the timeouts that the product has.
void draw_faulty_clients(SimOptions& options) {
  Random random(options.seed, "faulty clients");
  options.faulty_clients = static_cast<std::uint32_t>(random.between(1, 4));
  options.core.batch_operations_max = std::max<std::size_t>(options.core.batch_operations_max, 4);
  options.core.view_change_timeout_us = CoreConfig().view_change_timeout_us;
  options.cuts = options.crashes = options.restarts = options.losses = options.clock_jumps = 0;
  options.disk.failing_ppm = options.disk.full_ppm = 0;
  for (auto* link : {&options.replica_links, &options.client_links}) {
    link->slow_ppm = link->loss_ppm = link->duplicate_ppm = 0;
  }
  for (auto& clock : options.clocks) clock.wall_skew_us = std::clamp<TimeUs>(clock.wall_skew_us, -300'000, 300'000);
  options.demand_first_view = true;
}

}  // namespace

std::string_view name_of(Profile profile) {
  for (const auto& [value, name] : names) {
    if (value == profile) return name;
  }
  return "unknown";
}

std::optional<Profile> profile_named(std::string_view name) {
  for (const auto& [value, known] : names) {
    if (known == name) return value;
  }
  return std::nullopt;
}

std::vector<std::string_view> profile_names() {
  std::vector<std::string_view> result;
  result.reserve(names.size());
  for (const auto& [value, name] : names) result.push_back(name);
  return result;
}

bool SimOptions::is_liar(ReplicaId id) const { return std::find(liars.begin(), liars.end(), id) != liars.end(); }

SimOptions draw_options(std::uint64_t seed, Profile profile) {
  SimOptions options;
  options.seed = seed;
  Random random(seed, "options");
  options.profile = profile;
  if (profile == Profile::common) {
    options.profile = random.one_of({Profile::calm, Profile::lossy, Profile::crash, Profile::byzantine_backups});
  }
  if (profile == Profile::all) {
    // Twice those in which replicas play what is written on them: each row is to be seen often.
    options.profile = random.one_of({Profile::calm, Profile::lossy, Profile::crash, Profile::byzantine_backups,
                                     Profile::byzantine_backups, Profile::byzantine_primary, Profile::byzantine_primary,
                                     Profile::byzantine_clients, Profile::twins, Profile::liveness});
  }
  // Small clusters are the common ones and the cheap ones to simulate.
  options.n = random.one_of<std::uint32_t>({4, 4, 4, 4, 5, 6, 7, 7, 8, 9, 10});
  options.f = faults_tolerated(options.n);
  options.operations_min = static_cast<std::uint64_t>(random.between(200, 320));
  draw_core(random, options);
  draw_transfer(options);
  draw_losses(options);
  draw_views(options);
  draw_clock_jumps(options);
  draw_links(random, options);
  draw_machines(random, options);
  draw_clients(random, options);
  draw_faults(random, options);
  draw_bridges(options);
  if (options.profile == Profile::byzantine_clients) draw_faulty_clients(options);
  draw_work(options);
  draw_groups(options);
  draw_administration(options);
  return options;
}

std::string summary(const SimOptions& options) {
  const auto& core = options.core;
  std::string text = "profile " + std::string(name_of(options.profile)) + ", n " + std::to_string(options.n) + ", f " +
                     std::to_string(options.f) + ", K " + std::to_string(core.checkpoint_interval) + ", L " +
                     std::to_string(core.window) + ", batch " + std::to_string(core.batch_operations_max) +
                     ", pipeline " + std::to_string(core.pipeline_depth) + ", clients " +
                     std::to_string(options.client.clients) + " x " + std::to_string(options.client.sessions_at_once) +
                     " sessions x window " + std::to_string(options.client.window) + ", loss " +
                     std::to_string(options.replica_links.loss_ppm / 1'000) + " per mille, cuts " +
                     std::to_string(options.cuts) + ", crashes " + std::to_string(options.crashes) + ", restarts " +
                     std::to_string(options.restarts) + ", losses " + std::to_string(options.losses);
  if (!options.liars.empty()) {
    text += ", liars";
    for (const auto id : options.liars) text += " " + std::to_string(id);
  }
  if (options.faulty_clients > 0) text += ", faulty clients " + std::to_string(options.faulty_clients);
  for (const auto& group : options.groups) {
    text += ", " + group.definition.name + " " + std::string(to_string(group.definition.rule)) + " m " +
            std::to_string(group.definition.members.size()) + " t " + std::to_string(group.definition.faulty_max);
  }
  if (const auto& correct = options.administration.correct; !correct.empty()) {
    text += ", administrators " + std::to_string(correct.size()) + " (faulty " +
            std::to_string(std::count(correct.begin(), correct.end(), false)) + ")";
  }
  return text;
}

}  // namespace tagma::sim
