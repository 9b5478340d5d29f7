// What an oracle says when it has seen something that must never happen.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tagma::checkers {

/// The oracles by the numbers of the project's catalogue of attacks.
enum class Oracle : std::uint8_t {
  agreement = 1,        ///< one batch per executed slot; logs are prefixes of one another
  state_digest = 2,     ///< equal state at equal slot
  acknowledged = 3,     ///< what a client accepted was executed, with that result, by correct replicas
  exactly_once = 4,     ///< once per (client, session, number), in the order of numbers
  durable_votes = 5,    ///< no vote contradicts an earlier one; what is decided rests on a quorum's durable votes
  caps = 6,             ///< memory and queues stay under their caps
  liveness = 7,         ///< after the network has healed every correct client's operation completes
  linearizability = 8,  ///< the history that clients saw has a sequential explanation
  alarm = 9,            ///< a correct replica stopped voting although no more than f are faulty
  simulator = 10,       ///< the run was not worth its name: too few operations or checkpoints
};

[[nodiscard]] std::string_view name_of(Oracle oracle);

struct Violation {
  Oracle oracle = Oracle::simulator;
  std::string what;  ///< one line in protocol words
};

/// Where oracles report; the first violation of a run is the one that counts.
class Verdict {
 public:
  /// Only violations of these oracles are recorded; the mutants' test shows with it what a single oracle can see.
  void listen_to(std::vector<Oracle> oracles) { heard_ = std::move(oracles); }
  void report(Oracle oracle, std::string what);

  /// Every oracle that reported anything, heard or not.
  [[nodiscard]] const std::set<Oracle>& reported() const { return reported_; }
  [[nodiscard]] bool violated() const { return violated_; }
  /// Only where violated().
  [[nodiscard]] const Violation& first() const { return first_; }

 private:
  bool violated_ = false;
  Violation first_;
  std::set<Oracle> reported_;
  std::vector<Oracle> heard_;  ///< empty: all
};

}  // namespace tagma::checkers
