// A tiny set of replicas inside the test's process: real sockets, real channels, no protocol. What one of them is
// given, all of them "execute" in the same order; each then replies as its behaviour says.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "tagma/client.h"

namespace tagma::test {

enum class Behaviour : std::uint8_t {
  honest,        ///< replies "echo " and the operation, but to "absent" and "refused" with that status
  silent,        ///< shakes hands and takes everything, says nothing
  lies,          ///< replies with its own invention, before anybody else does
  wrong_digest,  ///< the right result for another request
  busy,          ///< refuses every bundle
  evicts,        ///< says that the session was evicted
  garbage,       ///< answers everything with broken records, sealed nonsense, and resets that mean nothing
};

class FakeReplicas {
 public:
  /// Listens on free ports and writes a cluster folder with one client's secret.
  explicit FakeReplicas(std::uint32_t n = 4);
  ~FakeReplicas();
  FakeReplicas(const FakeReplicas&) = delete;
  FakeReplicas& operator=(const FakeReplicas&) = delete;

  void behave(ReplicaId replica, Behaviour behaviour);
  /// The process dies: its socket is closed, its channels are forgotten.
  void stop(ReplicaId replica);
  /// It comes back at the same address, with new channels.
  void start(ReplicaId replica);

  /// Operations executed, each counted once.
  [[nodiscard]] std::uint64_t executed() const;
  /// Operations in the order of their execution.
  [[nodiscard]] std::vector<Bytes> order() const;
  /// How often this replica did what its behaviour says to a bundle; proves that an attack happened.
  [[nodiscard]] std::uint64_t acted(ReplicaId replica) const;
  /// Bundles with a signature that is not the client's.
  [[nodiscard]] std::uint64_t bad_signatures() const;

  /// For a client of this cluster.
  [[nodiscard]] ClientOptions options() const;
  [[nodiscard]] const std::string& directory() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace tagma::test
