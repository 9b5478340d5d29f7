#include "test/checkers/state_oracle.h"

#include <string>

namespace tagma::checkers {

void ContentHash::mix(ByteView bytes) {
  hash_ = (hash_ ^ bytes.size()) * 0x9e3779b97f4a7c15ULL;
  for (const char byte : bytes) {
    hash_ = (hash_ ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL;
    hash_ ^= hash_ >> 29U;
  }
}

void ContentHash::add(ByteView key, ByteView value) {
  mix(key);
  mix(value);
}

void StateOracle::checkpoint(ReplicaId replica, Seq seq, const Digest& root, std::uint64_t content_hash) {
  const auto [known, first] = written_.emplace(seq, Known{replica, root, content_hash});
  if (!first) {
    const auto who = "replicas " + std::to_string(known->second.replica) + " and " + std::to_string(replica);
    if (known->second.content_hash != content_hash) {
      verdict_.report(Oracle::state_digest, who + " have different states at checkpoint " + std::to_string(seq));
    } else if (known->second.root != root) {
      verdict_.report(Oracle::state_digest,
                      who + " have different roots over the same state at checkpoint " + std::to_string(seq));
    }
  }
  if (const auto stable = certified_.find(seq); stable != certified_.end() && stable->second != root) {
    verdict_.report(Oracle::state_digest, "replica " + std::to_string(replica) + " wrote checkpoint " +
                                              std::to_string(seq) + " with another root than the stable one");
  }
}

void StateOracle::certified(ReplicaId replica, Seq seq, const Digest& root) {
  const auto [known, first] = certified_.emplace(seq, root);
  const auto written = written_.find(seq);
  if ((!first && known->second != root) || (written != written_.end() && written->second.root != root)) {
    verdict_.report(Oracle::state_digest, "replica " + std::to_string(replica) + " holds a certificate of checkpoint " +
                                              std::to_string(seq) + " with a root that correct replicas do not have");
  }
}

}  // namespace tagma::checkers
