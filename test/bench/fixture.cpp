#include "test/bench/fixture.h"

#include <algorithm>

#include "messages/assert.h"
#include "messages/wire/codec.h"
#include "replica/service/kv.h"
#include "test/sim/fake_authenticator.h"
#include "test/sim/random.h"

namespace tagma::bench {
namespace {

constexpr ReplicaId replicas = 4;
constexpr ClientId clients = 8;
constexpr std::uint64_t cluster_secret = 7;
constexpr SessionId session = 1'700'000'000'000'000;
constexpr std::uint64_t key_count = 100'000;
constexpr std::size_t value_bytes = 100;
constexpr TimeUs proposed_time_us = 1'700'000'000'000'000;

}  // namespace

::benchmark::internal::Benchmark* add(const std::string& name, const std::function<void(::benchmark::State&)>& body) {
#ifdef __clang_analyzer__  // it takes what the library keeps for a leak, in the library's header
  static_cast<void>(name);
  static_cast<void>(body);
  return nullptr;
#else
  return ::benchmark::RegisterBenchmark(name.c_str(), body);
#endif
}

std::string to_string(Keys keys) { return keys == Keys::fake ? "fake" : "real"; }

Bytes key_of(std::uint64_t number) { return "bench/100/" + std::to_string(number); }

Bytes value_of(std::uint64_t number, std::uint64_t version) {
  Bytes value = key_of(number) + "=" + std::to_string(version);
  value.resize(value_bytes, '.');
  return value;
}

std::uint64_t key_number(std::uint64_t index) { return sim::splitmix64(index) % key_count; }

Cluster& Cluster::with(Keys keys) {
  static Cluster fake(Keys::fake);
  static Cluster real(Keys::real);
  return keys == Keys::fake ? fake : real;
}

Cluster::Cluster(Keys keys) {
  membership_.cluster.bytes.fill(7);
  membership_.faults = faults_tolerated(replicas);
  for (ReplicaId id = 0; id < replicas; ++id) add(keys, {PrincipalKind::replica, id});
  for (ClientId id = 0; id < clients; ++id) add(keys, {PrincipalKind::client, id});
}

void Cluster::add(Keys keys, const Principal& principal) {
  PublicKey key;
  if (keys == Keys::fake) {
    auto authenticator = std::make_unique<sim::FakeAuthenticator>(cluster_secret, principal);
    key = authenticator->public_key();
    authenticators_[principal] = std::move(authenticator);
  } else {
    identities_.push_back(std::make_unique<crypto::Identity>(crypto::Identity::generate(KeyAlgorithm::ecdsa_p256)));
    key = identities_.back()->public_key();
    authenticators_[principal] = std::make_unique<crypto::OpensslAuthenticator>(*identities_.back());
  }
  if (principal.kind == PrincipalKind::replica) {
    ReplicaMember member;
    member.id = principal.id;
    member.key = key;
    membership_.replicas.push_back(std::move(member));
  } else {
    membership_.clients.push_back({.id = principal.id, .key = key});
  }
}

std::shared_ptr<const SignedBundle> Cluster::bundle(ClientId client, RequestNumber first,
                                                    std::size_t operations) const {
  auto bundle = std::make_shared<SignedBundle>();
  bundle->content = {.cluster = membership_.cluster,
                     .epoch = membership_.epoch,
                     .client = client,
                     .session = session,
                     .first = first,
                     .acknowledged = first - 1,
                     .operations = {}};
  for (std::size_t i = 0; i < operations; ++i) {
    const std::uint64_t number = key_number(client * key_count + first + i);
    bundle->content.operations.push_back(
        encode_operation("kv", encode_words({"put", key_of(number), value_of(number, first)})));
  }
  bundle->body = wire::encode_bundle_body(bundle->content);
  bundle->signature = authenticator({PrincipalKind::client, client}).sign(wire::bundle_statement(bundle->body));
  return bundle;
}

const std::vector<SharedBatch>& Cluster::batches(std::size_t operations) {
  auto& batches = batches_[operations];
  if (!batches.empty()) return batches;
  std::vector<RequestNumber> next(clients, 1);
  for (std::size_t slot = 0; slot < slots; ++slot) {
    std::vector<SignedBundle> bundles;
    ClientId client = 0;
    for (std::size_t left = operations; left > 0; client = (client + 1) % clients) {
      const std::size_t count = std::min(left, bundle_operations);
      bundles.push_back(*bundle(client, next[client], count));
      next[client] += count;
      left -= count;
    }
    batches.push_back(std::make_shared<const Batch>(wire::encode_batch(proposed_time_us, std::move(bundles))));
  }
  return batches;
}

namespace {

CoreConfig config_of(const Cluster& cluster, ReplicaId id) {
  CoreConfig config;
  config.id = id;
  config.membership = cluster.membership();
  return config;
}

const ServiceRegistry& registry_with_kv(ServiceRegistry& registry) {
  const auto refused = registry.add(std::make_unique<KvService>());
  TAGMA_ASSERT(!refused, "kv has a good name");
  return registry;
}

}  // namespace

Replica::Replica(Cluster& cluster, ReplicaId id)
    : store_([&authenticator = cluster.authenticator({PrincipalKind::replica, id})](ByteView bytes) {
        return authenticator.digest(bytes);
      }),
      core_(config_of(cluster, id), cluster.authenticator({PrincipalKind::replica, id}), registry_with_kv(services_),
            store_) {
  feed(Started{});
  settle();
}

void Replica::feed(Event event) {
  for (const auto& effect : step(std::move(event))) {
    if (const auto* persist = std::get_if<Persist>(&effect)) persists_ = persist->number;
  }
}

void Replica::settle() {
  while (durable_ < persists_) {
    durable_ = persists_;
    feed(Persisted{durable_});
  }
}

}  // namespace tagma::bench
