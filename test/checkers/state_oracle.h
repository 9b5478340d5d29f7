// Oracle 2: equal state at equal slot, by the replicas' own roots and by a hash that this oracle computes itself.
#pragma once

#include <cstdint>
#include <map>

#include "messages/messages.h"
#include "test/checkers/violation.h"

namespace tagma::checkers {

/// A hash over ordered keys and values that shares nothing with the state tree.
class ContentHash {
 public:
  void add(ByteView key, ByteView value);
  [[nodiscard]] std::uint64_t value() const { return hash_; }

 private:
  void mix(ByteView bytes);
  std::uint64_t hash_ = 0x6a09e667f3bcc908ULL;
};

class StateOracle {
 public:
  explicit StateOracle(Verdict& verdict) : verdict_(verdict) {}

  /// A correct replica wrote the checkpoint of `seq`.
  void checkpoint(ReplicaId replica, Seq seq, const Digest& root, std::uint64_t content_hash);
  /// A correct replica holds `seq` for stable under `root`.
  void certified(ReplicaId replica, Seq seq, const Digest& root);

 private:
  struct Known {
    ReplicaId replica = 0;
    Digest root;
    std::uint64_t content_hash = 0;
  };
  Verdict& verdict_;
  std::map<Seq, Known> written_;
  std::map<Seq, Digest> certified_;
};

}  // namespace tagma::checkers
