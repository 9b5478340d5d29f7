#include "replica/runtime/replica_process.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "checkpoint/memory_state_store.h"
#include "crypto/authenticator.h"
#include "messages/cluster_file/cluster_file.h"
#include "replica/runtime/data_directory.h"
#include "replica/runtime/disk_storage.h"
#include "replica/runtime/hosted_services.h"
#include "replica/runtime/life.h"
#include "replica/runtime/replica_disk.h"
#include "replica/runtime/replica_loop.h"
#include "replica/service/service_registry.h"

namespace tagma {
namespace {

using runtime::Counters;
using runtime::DataDirectory;
using runtime::DiskAbandoned;
using runtime::DiskRefused;
using runtime::DiskStorage;
using runtime::DiskStorageOptions;
using runtime::Life;
using runtime::Log;
using runtime::MemoryStorage;
using runtime::open_replica_disk;
using runtime::ReplicaDisk;
using runtime::ReplicaDiskOptions;
using runtime::ReplicaLoop;
using runtime::StateTarget;
using runtime::Storage;
using runtime::Traffic;
using runtime::Transport;
using runtime::TransportConfig;

constexpr int exit_clean = 0;
constexpr int exit_failed = 1;
constexpr int exit_bad_input = 2;

/// SIGTERM and SIGINT as a descriptor, for this thread and those it starts, until destruction.
class StopSignals {
 public:
  StopSignals() {
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGTERM);
    ::sigaddset(&signals, SIGINT);
    if (const int error = ::pthread_sigmask(SIG_BLOCK, &signals, &before_); error != 0) {
      throw std::system_error(error, std::generic_category(), "pthread_sigmask");
    }
    descriptor_ = ::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals() {
    // Taken off before the mask falls back, or they would be delivered then.
    signalfd_siginfo taken{};
    while (::read(descriptor_, &taken, sizeof taken) > 0) {
    }
    ::close(descriptor_);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  [[nodiscard]] int descriptor() const { return descriptor_; }
  /// Whether one has come that nobody has taken.
  [[nodiscard]] bool waiting() const {
    pollfd polled{.fd = descriptor_, .events = POLLIN, .revents = 0};
    return ::poll(&polled, 1, 0) > 0;
  }

 private:
  sigset_t before_{};
  int descriptor_ = -1;
};

/// Every client connection takes a descriptor, and ZeroMQ spins when it runs out of them.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

/// Everything that a replica needs before it opens a port.
struct Prepared {
  ClusterFile file;
  crypto::Identity identity;
  ServiceRegistry services;
  DataDirectory data;
  std::string secret_folder;  ///< where the identity lies
  Life life;
};

std::optional<Refused> check_file(const ReplicaOptions& options, const ClusterFile& file) {
  if (file.membership.find_replica(options.id) == nullptr) {
    return Refused{options.cluster_file + ": replicas: there is no replica " + std::to_string(options.id) +
                   "; give --id a number from 0 to " + std::to_string(file.membership.n() - 1)};
  }
  return std::nullopt;
}

std::string folder_of(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder.string();
}

std::string identity_path(const ReplicaOptions& options) {
  if (!options.identity_file.empty()) return options.identity_file;
  return secret_path(folder_of(options.cluster_file), Principal{PrincipalKind::replica, options.id});
}

Result<crypto::Identity> load_identity(const ReplicaOptions& options, const ClusterFile& file) {
  const std::string path = identity_path(options);
  auto identity = crypto::Identity::load(path);
  if (!identity) return identity;
  if (identity->public_key() != file.membership.find_replica(options.id)->key) {
    return Refused{path + ": not the secret of replica " + std::to_string(options.id) +
                   ": its public key differs from replicas[" + std::to_string(options.id) + "].key in " +
                   options.cluster_file + "; use the secret that was made together with this file"};
  }
  return identity;
}

Result<Prepared> prepare(const ReplicaOptions& options, const ServiceCatalogue& catalogue) {
  if (!Log::is_level(options.log_level)) {
    return Refused{"--log-level: \"" + options.log_level +
                   "\" is not a level; use trace, debug, info, warn, error, critical or off"};
  }
  auto file = read_cluster_file(options.cluster_file);
  if (!file) return Refused{file.reason()};
  if (auto refused = check_file(options, *file)) return *std::move(refused);
  ServiceRegistry services;
  if (auto refused = runtime::add_services(options.cluster_file, catalogue, *file, services))
    return *std::move(refused);
  if (auto refused = runtime::check_groups(options.cluster_file, *file)) {
    return *std::move(refused);
  }
  auto identity = load_identity(options, *file);
  if (!identity) return Refused{identity.reason()};
  auto data = DataDirectory::open(options.data_directory);
  if (!data) return Refused{data.reason()};
  std::string secret_folder = folder_of(identity_path(options));
  const auto life = runtime::life_at_start(*data, file->membership.cluster, file->durability, secret_folder);
  if (!life) return Refused{life.reason()};
  return Prepared{std::move(*file), std::move(*identity),     std::move(services),
                  std::move(*data), std::move(secret_folder), *life};
}

int refuse(const Refused& refused) {
  std::fprintf(stderr, "tagma replica: %s\n", refused.reason.c_str());
  return exit_bad_input;
}

CoreConfig core_config(const ReplicaOptions& options, const Prepared& prepared) {
  const ClusterFile& file = prepared.file;
  CoreConfig config = runtime::execution_config(file);
  config.id = options.id;
  config.life_nonce = prepared.life.nonce;
  config.repairs_divergence = !options.keeps_divergence;
  config.genesis_slot = file.genesis_slot;
  config.genesis_root = file.genesis_root;
  return config;
}

std::string starting_line(const ReplicaOptions& options, const Prepared& prepared) {
  const Membership& membership = prepared.file.membership;
  const ReplicaMember& self = *membership.find_replica(options.id);
  std::string services;
  for (const auto& name : prepared.services.names()) services += " " + name;
  return "starting: cluster " + to_hex(membership.cluster.view()).substr(0, 16) + ", n " +
         std::to_string(membership.n()) + ", f " + std::to_string(membership.faults) + ", replicas at " +
         self.replica_address + ", clients at " + self.client_address + ", data in " + prepared.data.path() +
         ", durability " + std::string(to_string(prepared.file.durability)) + ", services" + services;
}

std::string life_line(const Life& life) {
  const std::string name = to_hex(life.nonce.view()).substr(0, 16);
  if (!life.begins) return "goes on as life " + name + " of this replica";
  return "begins as life " + name +
         " of this replica, without memory of what it promised before: it does not vote until "
         "the others have taken it back. (If this cluster has never run: stop all, remove their data folders, and put "
         "beside each secret the file genesis that `tagma init` made there.)";
}

std::string found_line(const ReplicaDisk& disk) {
  const auto size = disk.store->reader().size();
  return "found on disk: the state after slot " + std::to_string(disk.store->reader().seq()) + " with " +
         std::to_string(size.keys) + " keys in " + std::to_string(size.file_bytes) + " bytes, root " +
         to_hex(disk.store->reader().root().view()).substr(0, 16) + ", verified; " +
         std::to_string(disk.records.size()) + " records of the log";
}

std::string stopped_line(const Counters& counters, const ReplicaCore& core, MonotonicUs run_us) {
  const Traffic& traffic = counters.traffic;
  return "stopped after " + std::to_string(run_us / 1'000) + " ms: executed up to slot " +
         std::to_string(core.view().executed) + ", stable checkpoint " + std::to_string(core.view().certificate) +
         ", messages in " + std::to_string(traffic.messages_received) + " out " +
         std::to_string(traffic.messages_sent) + ", bytes in " + std::to_string(traffic.bytes_received) + " out " +
         std::to_string(traffic.bytes_sent) + ", refused " + std::to_string(counters.refused_total());
}

/// What every way to run shares. All references outlive it.
struct Running {
  const ReplicaOptions& options;
  Prepared& prepared;
  const StopSignals& stop;
  Counters& counters;
  Log& log;
  runtime::Interposer* interposer;  ///< null in the product
};

/// Serves until it is asked to stop or cannot go on; returns the exit status.
int run_loop(const Running& running, const StateReader& store, const std::vector<Record>& records, Storage& storage) {
  const auto started_at = std::chrono::steady_clock::now();
  const auto& [options, prepared, stop, counters, log, interposer] = running;
  const ClusterFile& file = prepared.file;
  auto transport = Transport::open(TransportConfig{options.id, file.membership, file.sessions_per_client_max},
                                   prepared.identity, counters, log);
  if (!transport) return refuse(Refused{options.cluster_file + ": " + transport.reason()});
  // Only now: a replica that could not open its ports has promised nothing and may try again.
  if (auto refused = runtime::begin_life(prepared.data, file.membership.cluster, prepared.life, file.durability,
                                         prepared.secret_folder)) {
    // No room, say: the next start may find some.
    log.error("REFUSED: " + refused->reason);
    return exit_failed;
  }
  log.info(starting_line(options, prepared));
  if (prepared.life.nonce != LifeNonce{}) log.info(life_line(prepared.life));

  crypto::OpensslAuthenticator authenticator(prepared.identity);
  ReplicaLoop loop(core_config(options, prepared), authenticator, prepared.services, store, records, storage,
                   **transport, counters, log, interposer);
  loop.run(stop.descriptor());

  const auto run_time = std::chrono::steady_clock::now() - started_at;
  log.info(
      stopped_line(counters, loop.core(), std::chrono::duration_cast<std::chrono::microseconds>(run_time).count()));
  if (const auto failure = storage.failure()) {
    log.error("STOPPED: " + *failure);
    return exit_failed;
  }
  if (!storage.all_durable()) {
    log.error("STOPPED: there was no room on the disk for what this replica promised last");
    return exit_failed;
  }
  if (auto refused = runtime::end_cleanly(prepared.data, file.membership.cluster, prepared.life, file.durability)) {
    log.error("STOPPED: " + refused->reason);
    return exit_failed;
  }
  return loop.alarmed() ? exit_failed : exit_clean;
}

int serve_from_memory(const Running& running) {
  crypto::Hasher hasher;
  MemoryStateStore store([&hasher](ByteView bytes) { return hasher.digest(bytes); });
  MemoryStorage storage(store);
  return run_loop(running, store, {}, storage);
}

int serve_from_disk(const Running& running) {
  const auto& [options, prepared, stop, counters, log, interposer] = running;
  const ReplicaDiskOptions disk_options{
      prepared.data, prepared.file.membership.cluster, runtime::owner_of(prepared.file, prepared.identity.public_key()),
      prepared.life, prepared.file.genesis_slot,       [&stop = stop] { return stop.waiting(); }};
  auto opened = open_replica_disk(disk_options, log);
  if (const auto* refused = std::get_if<DiskRefused>(&opened)) {
    log.error("REFUSED: " + refused->reason);
    return refused->may_pass ? exit_failed : exit_bad_input;
  }
  if (std::holds_alternative<DiskAbandoned>(opened)) {
    log.info("stopped while it was verifying its disk");
    return exit_clean;
  }
  auto& disk = std::get<ReplicaDisk>(opened);
  prepared.life = disk.life;
  if (!prepared.life.begins) log.info(found_line(disk));
  LmdbStateStore& store = *disk.store;
  const StateTarget target{
      [&store](Seq seq, const Overlay& overlay) { return store.write(seq, overlay); },
      [&store] { return store.staged(); },
      [&store](const std::vector<VerifiedPiece>& pieces) { return store.stage(pieces); },
      [&store](const InstallState& what) { return store.install(what.seq, what.root, what.cover); },
      [&data = prepared.data](const std::string& reason) -> std::optional<std::string> {
        if (auto refused = data.write_damage_found(reason)) return std::move(refused->reason);
        return std::nullopt;
      },
      [&store] { store.reader().refresh(); },
  };
  DiskStorageOptions storage_options;
  storage_options.free_bytes = [path = prepared.data.path()]() -> std::uint64_t {
    struct statvfs room {};
    return ::statvfs(path.c_str(), &room) == 0 ? std::uint64_t{room.f_bavail} * room.f_frsize : 0;
  };
  storage_options.ahead_of_disk = prepared.file.durability == Durability::async;
  DiskStorage storage(std::move(disk.log), target, storage_options);
  const auto records = std::exchange(disk.records, {});
  return run_loop(running, store.reader(), records, storage);
}

int serve(const ReplicaOptions& options, Prepared& prepared, const StopSignals& stop, runtime::Interposer* interposer) {
  Log log("replica-" + std::to_string(options.id), options.log_level);
  Counters counters;
  const Running running{options, prepared, stop, counters, log, interposer};
  try {
    return prepared.file.durability == Durability::memory ? serve_from_memory(running) : serve_from_disk(running);
  } catch (const StateDamaged& damaged) {
    // Met while executing: no answer and no vote may come from such a state.
    log.error("STOPPED: the state is damaged: " + damaged.reason());
    return exit_failed;
  }
}

}  // namespace

int run_replica(const ReplicaOptions& options, const ServiceCatalogue& catalogue, runtime::Interposer* interposer) {
  try {
    // Before any thread starts, so that only the descriptor sees the signals.
    const StopSignals stop;
    static_cast<void>(std::signal(SIGPIPE, SIG_IGN));  // a reader of our log that goes away is no reason to die
    raise_descriptor_limit();
    auto prepared = prepare(options, catalogue);
    if (!prepared) return refuse(Refused{prepared.reason()});
    return serve(options, *prepared, stop, interposer);
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "tagma replica: stopped by a failure: %s\n", failure.what());
    return exit_failed;
  }
}

}  // namespace tagma
