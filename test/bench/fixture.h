// What the micro-benchmarks share: a membership with keys, signed bundles and batches of kv puts, and one core that can
// be fed.
#pragma once

#include <benchmark/benchmark.h>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/memory_state_store.h"
#include "crypto/authenticator.h"
#include "messages/messages.h"
#include "replica/core/replica_core.h"

namespace tagma::bench {

// One function per file; main() calls them all.
void register_codec();
void register_crypto();
void register_core();
void register_state();
void register_disk();
void register_client();

/// With which authenticator the cores run.
enum class Keys : std::uint8_t {
  fake,  ///< that of the simulator, which costs next to nothing: what is left is the protocol's own work
  real,  ///< SHA-256 and ECDSA P-256, the product's default
};
inline constexpr std::array<Keys, 2> all_keys{Keys::fake, Keys::real};
[[nodiscard]] std::string to_string(Keys keys);

inline constexpr std::size_t bundle_operations = 32;  ///< at most, as `tagma bench` makes them

inline constexpr std::array<std::size_t, 3> batch_sizes{1, 32, 256};  ///< operations of one PRE-PREPARE

/// Four replicas and eight clients. Lives as long as the program, so that authenticators keep the keys that they have
/// prepared: what is measured is a replica that has run for a while.
class Cluster {
 public:
  [[nodiscard]] static Cluster& with(Keys keys);

  [[nodiscard]] const Membership& membership() const { return membership_; }
  [[nodiscard]] Authenticator& authenticator(const Principal& principal) const {
    return *authenticators_.at(principal);
  }
  /// Requests first, first + 1, ... of the client's session, each a put of 100 bytes under one of 100,000 keys. The
  /// client has accepted all replies before.
  [[nodiscard]] std::shared_ptr<const SignedBundle> bundle(ClientId client, RequestNumber first,
                                                           std::size_t operations) const;
  /// Batches of slots 1, 2, ... of so many operations each, in bundles of up to bundle_operations, from as many clients
  /// in turn. Made once for each number of operations and kept.
  [[nodiscard]] const std::vector<SharedBatch>& batches(std::size_t operations);

  static constexpr std::size_t slots = 100;  ///< below the first checkpoint, which is no step of the normal case

 private:
  explicit Cluster(Keys keys);
  void add(Keys keys, const Principal& principal);

  Membership membership_;
  std::vector<std::unique_ptr<crypto::Identity>> identities_;
  std::map<Principal, std::unique_ptr<Authenticator>> authenticators_;
  std::map<std::size_t, std::vector<SharedBatch>> batches_;
};

/// "bench/100/NUMBER" and its value of 100 bytes.
[[nodiscard]] Bytes key_of(std::uint64_t number);
[[nodiscard]] Bytes value_of(std::uint64_t number, std::uint64_t version = 0);
/// Key numbers below 100,000, spread evenly, the same in every run.
[[nodiscard]] std::uint64_t key_number(std::uint64_t index);

/// One core that hosts kv and has just started.
class Replica {
 public:
  Replica(Cluster& cluster, ReplicaId id);

  [[nodiscard]] Effects step(Event event) { return core_.step(now_, std::move(event)); }
  /// A step outside of what is timed; remembers what it wants to be durable.
  void feed(Event event);
  /// Makes all of that durable and tells the core, until nothing more comes of it.
  void settle();
  [[nodiscard]] CoreView view() const { return core_.view(); }

 private:
  ServiceRegistry services_;
  MemoryStateStore store_;
  Now now_{.monotonic_us = 1'000'000, .wall_us = 1'700'000'000'000'000};
  ReplicaCore core_;
  PersistNumber persists_ = 0;
  PersistNumber durable_ = 0;
};

[[nodiscard]] inline Sender replica_sender(ReplicaId id) { return {.principal = {PrincipalKind::replica, id}}; }
[[nodiscard]] inline Sender client_sender(ClientId id) { return {.principal = {PrincipalKind::client, id}}; }

/// Registers a benchmark; the library owns it.
::benchmark::internal::Benchmark* add(const std::string& name, const std::function<void(::benchmark::State&)>& body);

}  // namespace tagma::bench
