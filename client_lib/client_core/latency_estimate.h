// What a client is used to: how long its bundles take while the cluster is well, and how often it may send one to all
// replicas because it takes longer.
#pragma once

#include <cstdint>

namespace tagma {

/// The best smoothed latency of late, and an allowance for what is sent to all on its account.
///
/// It falls at once and rises slowly, for a primary that becomes slow must not be taken for the usual one before the
/// replicas have done something about it. An estimate that is too low costs little: what is sent to all early is at
/// most a twentieth of the bundles that one at a time would be at the usual latency, so that a cluster that is slow is
/// asked no more than a quick one.
class LatencyEstimate {
 public:
  /// `patience_max_us`: what is waited at most before a bundle goes to all.
  explicit LatencyEstimate(std::int64_t patience_max_us) : patience_max_us_(patience_max_us) {}

  /// A bundle was answered so long after it was first sent.
  void add(std::int64_t now_us, std::int64_t latency_us);
  /// Whether any has been.
  [[nodiscard]] bool knows() const { return usual_us_ > 0; }
  /// The latency that is usual; only where it knows().
  [[nodiscard]] std::int64_t usual_us() const { return usual_us_; }
  /// How long a bundle may take before it is worth sending it to all; only where it knows().
  [[nodiscard]] std::int64_t patience_us() const;
  /// Whether one more may be sent early now; then it is paid for.
  [[nodiscard]] bool take_allowance(std::int64_t now_us);

 private:
  void earn(std::int64_t now_us);

  std::int64_t patience_max_us_;
  std::int64_t mean_us_ = 0;   ///< smoothed, of all
  std::int64_t usual_us_ = 0;  ///< the lowest mean of late; 0: nothing was answered yet
  std::int64_t usual_at_us_ = 0;
  std::int64_t earned_at_us_ = 0;
  std::int64_t saved_us_ = 0;  ///< of time, in which allowances are paid
};

}  // namespace tagma
