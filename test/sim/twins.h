// Attack X4: two processes with one key. Both run the honest program, on disks of their own; whoever speaks with their
// replica speaks for a while with the one, with the other, or with both (Bano and others, Twins, 2020).
#pragma once

#include <map>

#include "test/sim/replica_node.h"

namespace tagma::sim {

enum class Twin : std::uint8_t { first, second };

/// What the second process does to the world: it only speaks.
class TwinHost : public ReplicaHost {
 public:
  void executed(ReplicaId, const checkers::Executed&) final {}
  void recording(ReplicaId, const Record&) final {}
  void durable(ReplicaId, const Record&) final {}
  void checkpoint(ReplicaId, Seq, const Digest&, std::uint64_t) final {}
  void alarm(ReplicaId, const std::string&) final {}
  void distrusts(ReplicaId, ReplicaId, bool) final {}
  void counted(ReplicaId, std::string_view) final {}
  void stepped(ReplicaId, std::size_t) final {}
  void replied_early(ReplicaId) final {}
  void collected(ReplicaId, Seq, Seq) final {}
  void forgot(ReplicaId) final {}
  void read_back(ReplicaId, const std::vector<Record>&, Seq) final {}
  void returned(ReplicaId, std::uint64_t, Seq, std::uint64_t) final {}
  void installed(ReplicaId, Seq) final {}
  void disk_failed(ReplicaId, const std::string&) final {}
};

/// Who speaks with which of the two.
class TwinSides {
 public:
  explicit TwinSides(std::uint64_t seed) : random_(seed, "twins") {}

  /// Whether this one of the two hears the peer, and is heard by it, at this time.
  [[nodiscard]] bool speaks(Twin which, const Principal& peer, VirtualUs now_us);
  /// This one has spoken to the peer. Returns whether the peer has heard both by now.
  bool spoke(Twin which, const Principal& peer);

 private:
  enum class Side : std::uint8_t { first, second, both };
  struct Peer {
    Side side = Side::both;
    bool heard_first = false;
    bool heard_second = false;
  };

  Random random_;
  VirtualUs until_us_ = 0;  ///< then they are drawn anew
  std::map<Principal, Peer> peers_;
};

}  // namespace tagma::sim
