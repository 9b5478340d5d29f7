#include "client_lib/client_core/latency_estimate.h"

#include <algorithm>

namespace tagma {
namespace {

/// The weight of a new sample, as of a round trip's estimate in TCP.
constexpr std::int64_t smoothing = 8;
/// What was usual doubles in this time if nothing is as good any more.
constexpr std::int64_t fading_us = 30'000'000;
/// Usual latencies after which a bundle is worth sending to all.
constexpr std::int64_t patience_latencies = 4;
constexpr std::int64_t patience_min_us = 5'000;
/// One early bundle in the time of so many usual ones.
constexpr std::int64_t bundles_per_early_one = 20;
/// Early bundles that may be saved for later: one stall holds up several.
constexpr std::int64_t saved_max = 4;

}  // namespace

void LatencyEstimate::add(std::int64_t now_us, std::int64_t latency_us) {
  latency_us = std::max<std::int64_t>(latency_us, 1);
  if (!knows()) {
    mean_us_ = usual_us_ = latency_us;
    usual_at_us_ = earned_at_us_ = now_us;
    saved_us_ = bundles_per_early_one * usual_us_;
    return;
  }
  earn(now_us);
  mean_us_ = std::max<std::int64_t>(1, mean_us_ + (latency_us - mean_us_) / smoothing);
  const std::int64_t elapsed_us = std::clamp<std::int64_t>(now_us - usual_at_us_, 0, fading_us);
  // Fractions of a microsecond are not lost: the time stays as it was until the usual latency moves.
  const std::int64_t risen_us = usual_us_ * elapsed_us / fading_us;
  if (risen_us > 0) usual_at_us_ = now_us;
  usual_us_ = std::min(mean_us_, usual_us_ + risen_us);
}

std::int64_t LatencyEstimate::patience_us() const {
  return std::min(std::max(patience_latencies * usual_us_, patience_min_us), patience_max_us_);
}

void LatencyEstimate::earn(std::int64_t now_us) {
  const std::int64_t price_us = bundles_per_early_one * usual_us_;
  saved_us_ = std::min(saved_us_ + std::max<std::int64_t>(now_us - earned_at_us_, 0), saved_max * price_us);
  earned_at_us_ = now_us;
}

bool LatencyEstimate::take_allowance(std::int64_t now_us) {
  if (!knows()) return false;
  earn(now_us);
  const std::int64_t price_us = bundles_per_early_one * usual_us_;
  if (saved_us_ < price_us) return false;
  saved_us_ -= price_us;
  return true;
}

}  // namespace tagma
