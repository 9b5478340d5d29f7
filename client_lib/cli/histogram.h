// Latency counts in log-linear buckets: constant memory, values within 1/64 of the truth.
#pragma once

#include <cstdint>
#include <vector>

namespace tagma::cli {

/// Counts of non-negative values. A bucket is one value wide below 128, then its width doubles with every power of two,
/// 64 buckets to each. Not thread-safe.
class Histogram {
 public:
  Histogram();

  /// Negative values count as 0.
  void record(std::int64_t value);
  void merge(const Histogram& other);
  void clear();

  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// The largest value recorded, exactly; 0 when there is none.
  [[nodiscard]] std::int64_t max() const { return max_; }
  /// The smallest value that at least this share (0..1) of the recorded ones do not exceed, rounded up to its bucket's
  /// end but never above max(); 0 when there is none.
  [[nodiscard]] std::int64_t quantile(double share) const;

 private:
  std::vector<std::uint64_t> buckets_;
  std::uint64_t count_ = 0;  ///< sum of buckets_
  std::int64_t max_ = 0;
};

}  // namespace tagma::cli
