#include "replica/runtime/replica_loop.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace tagma::runtime {
namespace {

/// Messages served per turn. A client's bundle costs a signature verification, hence a small number: at most a few
/// milliseconds pass before the replicas are heard again.
constexpr int replica_messages_per_turn_max = 2048;
constexpr int client_messages_per_turn_max = 64;
/// Rounds of proposing and persisting in one turn; more than one happens only where a replica decides alone.
constexpr int settle_rounds_max = 64;
/// Links carry handshakes only, and a busy loop looks at them, and at the wish to stop, this often.
constexpr MonotonicUs links_interval_us = 5'000;

Now read_clocks() {
  using std::chrono::duration_cast;
  using std::chrono::microseconds;
  return Now{duration_cast<microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count(),
             duration_cast<microseconds>(std::chrono::system_clock::now().time_since_epoch()).count()};
}

/// What one message after the other costs.
class Stopwatch {
 public:
  /// Since the last call, or the beginning.
  [[nodiscard]] std::uint64_t lap_ns() {
    const auto now = std::chrono::steady_clock::now();
    const auto lap = std::chrono::duration_cast<std::chrono::nanoseconds>(now - std::exchange(since_, now));
    return static_cast<std::uint64_t>(lap.count());
  }

 private:
  std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

}  // namespace

ReplicaLoop::ReplicaLoop(const CoreConfig& config, Authenticator& authenticator, const ServiceRegistry& services,
                         const StateReader& store, const std::vector<Record>& records, Storage& storage,
                         Transport& transport, Counters& counters, Log& log, Interposer* interposer)
    : transport_(transport),
      counters_(counters),
      log_(log),
      links_needed_(config.membership.quorum() - 1),
      core_(config, authenticator, services, store, records),
      storage_(storage),
      interposer_(interposer),
      performer_(
          interposer == nullptr ? transport : interposer->stand_before(transport), storage,
          [this](Seq seq) { return core_.state().frozen(seq); }, counters) {}

void ReplicaLoop::run(int stop_descriptor) {
  Waiter waiter(stop_descriptor);
  transport_.watch(waiter);
  for (const int descriptor : storage_.descriptors()) waiter.add(descriptor);
  now_ = read_clocks();
  step(Started{});
  settle();
  transport_.flush();
  MonotonicUs stop_looked_at_us = now_.monotonic_us;
  for (bool stop = false; !stop && !storage_.failure();) {
    if (!turn()) {
      ++counters_.traffic.waits;
      stop = waiter.wait(timeout_us());
    } else if (now_.monotonic_us - stop_looked_at_us >= links_interval_us) {
      stop_looked_at_us = now_.monotonic_us;
      stop = waiter.wait(0);
    }
  }
  storage_.close();
}

/// Returns whether there was anything to do: if not, every socket has just said that nothing waits, and nothing was
/// sent since (sending may swallow a socket's wake-up), so that the descriptors may be waited on.
bool ReplicaLoop::turn() {
  ++counters_.traffic.turns;
  stepped_ = false;
  now_ = read_clocks();
  bool active = serve_replicas();
  active = serve_clients() || active;
  const auto wake_at_us = performer_.wake_at_us();
  if (wake_at_us && *wake_at_us <= now_.monotonic_us) {
    performer_.woken();
    step(Woken{});
  }
  if (interposer_ != nullptr) let_interposer_act();
  if (stepped_ || storage_due()) settle();
  active = transport_.flush() || active || stepped_;
  if (!active || transport_.shaking_hands() || now_.monotonic_us - links_looked_at_us_ >= links_interval_us) {
    active = look_after_links() || active;
  }
  return active || transport_.waiting();
}

bool ReplicaLoop::serve_replicas() {
  bool active = transport_.receive_from_replicas(now_.monotonic_us);
  std::optional<Received> received;
  Stopwatch stopwatch;
  for (int i = 0; i < replica_messages_per_turn_max && transport_.next_from_replicas(received); ++i) {
    active = true;
    const bool proposal = received && std::holds_alternative<PrePrepare>(received->message);
    if (received) hear(*std::move(received));
    transport_.charge_replica(stopwatch.lap_ns(), proposal, now_.monotonic_us);
  }
  return active;
}

bool ReplicaLoop::serve_clients() {
  bool active = transport_.receive_from_clients(now_.monotonic_us);
  std::optional<Received> received;
  Stopwatch stopwatch;
  for (int i = 0; i < client_messages_per_turn_max && transport_.next_from_clients(received); ++i) {
    active = true;
    if (received) hear(*std::move(received));
    transport_.charge_client(stopwatch.lap_ns(), now_.monotonic_us);
  }
  return active;
}

bool ReplicaLoop::look_after_links() {
  links_looked_at_us_ = now_.monotonic_us;
  // The second look is for a connection whose arrival only the reading has noticed.
  bool active = transport_.shake_hands(now_.monotonic_us);
  active = transport_.receive_from_links(now_.monotonic_us) || active;
  active = transport_.shake_hands(now_.monotonic_us) || active;
  report_readiness();
  return active;
}

void ReplicaLoop::hear(Received received) {
  if (interposer_ == nullptr || interposer_->hears(received)) step(std::move(received));
}

void ReplicaLoop::let_interposer_act() {
  for (auto& received : interposer_->act(now_.monotonic_us, core_)) step(std::move(received));
}

void ReplicaLoop::step(Event event) {
  stepped_ = true;
  ++counters_.traffic.events;
  performer_.push(core_.step(now_, std::move(event)));
}

/// No further input waits: propose, persist, and do what that releases, until the core has nothing more to say.
void ReplicaLoop::settle() {
  for (int round = 0; round < settle_rounds_max; ++round) {
    finish_persists();
    step(InputDrained{});
    if (!performer_.unfinished()) break;
  }
  finish_persists();
  report_alarm();
  report_storage();
  for (const auto& line : performer_.take_notices()) log_.info(line);
}

/// Whether the storage has something to tell, or waits for its time.
bool ReplicaLoop::storage_due() {
  const auto at_us = storage_.wake_at_us();
  return performer_.unfinished() || (at_us && *at_us <= now_.monotonic_us);
}

void ReplicaLoop::finish_persists() {
  while (storage_due()) {
    performer_.commit(now_.monotonic_us);
    while (auto event = performer_.next_event()) step(*std::move(event));
  }
}

void ReplicaLoop::report_readiness() {
  if (ready_ || transport_.links_established() < links_needed_) return;
  ready_ = true;
  log_.info("ready: connected to " + std::to_string(transport_.links_established()) + " other replicas" +
            (core_.view().voting ? "" : "; it does not vote yet, status tells why"));
}

void ReplicaLoop::report_alarm() {
  if (alarm_logged_ || !alarmed()) return;
  alarm_logged_ = true;
  log_.error("ALARM: " + *performer_.alarm() + "; this replica does not vote any more, it only answers status");
}

void ReplicaLoop::report_storage() {
  if (const auto stalled = storage_.stalled(); stalled && !stall_logged_) {
    log_.error("STALLED: " + *stalled + "; this replica does not vote until there is room, it tries again by itself");
  } else if (!stalled && stall_logged_) {
    log_.info("there is room for the log again");
  }
  stall_logged_ = storage_.stalled().has_value();
}

std::optional<MonotonicUs> ReplicaLoop::timeout_us() {
  const MonotonicUs now_us = read_clocks().monotonic_us;
  auto earliest_us = transport_.wake_at_us(now_us);
  const auto interposer_us = interposer_ == nullptr ? std::nullopt : interposer_->wake_at_us();
  for (const auto& at_us : {performer_.wake_at_us(), storage_.wake_at_us(), interposer_us}) {
    if (at_us && (!earliest_us || *at_us < *earliest_us)) earliest_us = at_us;
  }
  if (!earliest_us) return std::nullopt;
  return std::max<MonotonicUs>(*earliest_us - now_us, 0);
}

}  // namespace tagma::runtime
