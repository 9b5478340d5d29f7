#include "client_lib/cli/status_summary.h"

#include <algorithm>
#include <map>

namespace tagma::cli {
namespace {

/// The replicas per digest, of those that report one seq.
using ByDigest = std::map<Digest, std::vector<ReplicaId>>;

/// The digest with strictly more replicas than every other; null if there is none.
const Digest* majority(const ByDigest& by_digest) {
  const Digest* best = nullptr;
  std::size_t best_size = 0;
  for (const auto& [digest, replicas] : by_digest) {
    if (replicas.size() == best_size) best = nullptr;
    if (replicas.size() <= best_size) continue;
    best = &digest;
    best_size = replicas.size();
  }
  return best;
}

}  // namespace

StatusSummary summarise(const Membership& membership, const std::vector<ReplicaReport>& reports) {
  StatusSummary summary;
  std::map<Seq, ByDigest> by_seq;
  std::uint32_t in_epoch = 0;
  std::vector<ReplicaId> other_epoch;
  for (const auto& replica : reports) {
    if (!replica.answered) continue;
    ++summary.answered;
    if (replica.report.epoch == membership.epoch) {
      ++in_epoch;
    } else {
      other_epoch.push_back(replica.id);
    }
    if (replica.report.state_digest_seq == 0) continue;  // it has made no checkpoint yet
    by_seq[replica.report.state_digest_seq][replica.report.state_digest].push_back(replica.id);
  }
  std::uint32_t differing_in_epoch = 0;
  for (const auto& [seq, by_digest] : by_seq) {
    if (by_digest.size() == 1) {
      const auto count = static_cast<std::uint32_t>(by_digest.begin()->second.size());
      if (count < 2) continue;
      summary.agreed_seq = seq;
      summary.agreeing_at_seq = count;
      continue;
    }
    const Digest* right = majority(by_digest);
    for (const auto& [digest, replicas] : by_digest) {
      if (right != nullptr && digest == *right) continue;
      for (const ReplicaId id : replicas) {
        summary.differing.push_back(id);
        const bool elsewhere = std::find(other_epoch.begin(), other_epoch.end(), id) != other_epoch.end();
        if (!elsewhere) ++differing_in_epoch;
      }
    }
  }
  std::sort(summary.differing.begin(), summary.differing.end());
  summary.quorum_agrees = in_epoch - differing_in_epoch >= membership.quorum();
  return summary;
}

}  // namespace tagma::cli
