#include "test/checkers/execution_oracle.h"

#include <string>

namespace tagma::checkers {

std::string to_string(const RequestKey& request) {
  return "client " + std::to_string(request.client) + " session " + std::to_string(request.session) + " number " +
         std::to_string(request.number);
}

void ExecutionOracle::executed(ReplicaId replica, const Executed& what) {
  check_number(replica, what);
  check_prefix(replica, what);
}

void ExecutionOracle::check_number(ReplicaId replica, const Executed& what) {
  auto& last = progress_[replica].last_number[{what.request.client, what.request.session}];
  if (what.request.number <= last) {
    verdict_.report(Oracle::exactly_once, "replica " + std::to_string(replica) + " executed " +
                                              to_string(what.request) + " at slot " + std::to_string(what.seq) +
                                              " after number " + std::to_string(last));
    return;
  }
  for (auto skipped = last + 1; skipped < what.request.number; ++skipped) {
    if (unseen_.contains({what.request.client, what.request.session, skipped})) continue;
    verdict_.report(Oracle::exactly_once, "replica " + std::to_string(replica) + " executed " +
                                              to_string(what.request) + " at slot " + std::to_string(what.seq) +
                                              " but not number " + std::to_string(skipped));
    return;
  }
  last = what.request.number;
}

void ExecutionOracle::check_prefix(ReplicaId replica, const Executed& what) {
  auto& position = progress_[replica].position;
  if (position == log_.size()) {
    if (!log_.empty() && what.seq < log_.back().seq) {
      verdict_.report(Oracle::agreement, "replica " + std::to_string(replica) + " executed slot " +
                                             std::to_string(what.seq) + " after slot " +
                                             std::to_string(log_.back().seq));
    }
    check_time(replica, what);
    by_request_.emplace(what.request, log_.size());
    log_.push_back(what);
    ++position;
    return;
  }
  const auto& known = log_[position];
  ++position;
  if (known.seq != what.seq || known.request != what.request || known.operation_hash != what.operation_hash ||
      known.agreed_time_us != what.agreed_time_us) {
    verdict_.report(Oracle::agreement, "replica " + std::to_string(replica) + " executed " + to_string(what.request) +
                                           " at slot " + std::to_string(what.seq) + ", another one executed " +
                                           to_string(known.request) + " at slot " + std::to_string(known.seq) +
                                           " in its place (or with other bytes or another agreed time)");
  } else if (known.reply_hash != what.reply_hash) {
    verdict_.report(Oracle::state_digest, "replica " + std::to_string(replica) + " answered " +
                                              to_string(what.request) + " at slot " + std::to_string(what.seq) +
                                              " otherwise than another correct replica");
  }
}

/// Of what is executed for the first time: what follows at others is compared with it.
void ExecutionOracle::check_time(ReplicaId replica, const Executed& what) {
  const auto report = [&](const std::string& how) {
    verdict_.report(Oracle::agreement, "replica " + std::to_string(replica) + " executed slot " +
                                           std::to_string(what.seq) + " at the agreed time " +
                                           std::to_string(what.agreed_time_us) + ", which " + how);
  };
  if (!log_.empty() && what.agreed_time_us < log_.back().agreed_time_us) {
    report("is before " + std::to_string(log_.back().agreed_time_us) + " of slot " + std::to_string(log_.back().seq));
  }
  if (what.agreed_time_us > latest_us_) report("no correct replica's clock has come near");
}

void ExecutionOracle::returned(ReplicaId replica, Seq base) {
  Progress progress;
  progress.advanced = base;
  while (progress.position < log_.size() && log_[progress.position].seq <= base) {
    const auto& request = log_[progress.position++].request;
    progress.last_number[{request.client, request.session}] = request.number;
  }
  progress_[replica] = std::move(progress);
}

void ExecutionOracle::advanced(ReplicaId replica, Seq seq) {
  auto& progress = progress_[replica];
  if (seq < progress.advanced) {
    verdict_.report(Oracle::agreement, "replica " + std::to_string(replica) + " went back from slot " +
                                           std::to_string(progress.advanced) + " to " + std::to_string(seq));
  }
  progress.advanced = seq;
  // What others executed at or below this slot must have been executed here as well.
  if (progress.position < log_.size() && log_[progress.position].seq <= seq) {
    verdict_.report(Oracle::agreement, "replica " + std::to_string(replica) + " is at slot " + std::to_string(seq) +
                                           " without having executed " + to_string(log_[progress.position].request) +
                                           " of slot " + std::to_string(log_[progress.position].seq));
  }
}

void ExecutionOracle::executed_digest(ReplicaId replica, Seq seq, const Digest& digest) {
  const auto [known, first] = digests_.emplace(seq, digest);
  if (!first && known->second != digest) {
    verdict_.report(Oracle::agreement, "replica " + std::to_string(replica) + " executed batch " +
                                           to_hex(digest.view()).substr(0, 8) + " at slot " + std::to_string(seq) +
                                           ", another correct one " + to_hex(known->second.view()).substr(0, 8));
  }
}

void ExecutionOracle::accepted(const RequestKey& request, std::uint64_t reply_hash) {
  const auto found = by_request_.find(request);
  if (found == by_request_.end()) {
    verdict_.report(Oracle::acknowledged, to_string(request) + " was answered but no correct replica had executed it");
  } else if (const auto expected = log_[found->second].reply_hash; expected != 0 && expected != reply_hash) {
    verdict_.report(Oracle::acknowledged,
                    to_string(request) + " was answered otherwise than correct replicas executed it");
  }
}

std::optional<std::uint64_t> ExecutionOracle::position(const RequestKey& request) const {
  const auto found = by_request_.find(request);
  if (found == by_request_.end()) return std::nullopt;
  return found->second;
}

}  // namespace tagma::checkers
