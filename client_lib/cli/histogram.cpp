#include "client_lib/cli/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace tagma::cli {
namespace {

constexpr std::size_t per_octave = 64;
constexpr std::size_t bucket_count = 58 * per_octave + per_octave;  // every 63-bit value

std::size_t bucket_of(std::uint64_t value) {
  if (value < 2 * per_octave) return value;
  const auto shift = static_cast<std::size_t>(std::bit_width(value)) - 7;
  return shift * per_octave + (value >> shift);
}

/// The last value that falls into the bucket.
std::uint64_t bucket_end(std::size_t bucket) {
  if (bucket < 2 * per_octave) return bucket;
  const std::size_t shift = bucket / per_octave - 1;
  return ((bucket - shift * per_octave + 1) << shift) - 1;
}

}  // namespace

Histogram::Histogram() : buckets_(bucket_count, 0) {}

void Histogram::record(std::int64_t value) {
  value = std::max<std::int64_t>(value, 0);
  ++buckets_[bucket_of(static_cast<std::uint64_t>(value))];
  ++count_;
  max_ = std::max(max_, value);
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < bucket_count; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

void Histogram::clear() {
  std::fill(buckets_.begin(), buckets_.end(), 0);
  count_ = 0;
  max_ = 0;
}

std::int64_t Histogram::quantile(double share) const {
  if (count_ == 0) return 0;
  const double wanted = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count_));
  const auto rank = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(wanted), 1, count_);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < bucket_count; ++i) {
    seen += buckets_[i];
    if (seen >= rank) return std::min(static_cast<std::int64_t>(bucket_end(i)), max_);
  }
  return max_;
}

}  // namespace tagma::cli
