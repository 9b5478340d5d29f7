// The simulator's own random numbers: xoshiro256** seeded by splitmix64. Standard distributions are never used, since
// their results differ between libraries and a seed must mean the same run everywhere.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tagma::sim {

/// One step of splitmix64: a good hash of a counter.
[[nodiscard]] std::uint64_t splitmix64(std::uint64_t& state);

class Random {
 public:
  explicit Random(std::uint64_t seed);
  /// A stream of its own for every purpose, so that drawing more for one does not change what another sees.
  Random(std::uint64_t seed, std::string_view purpose);

  [[nodiscard]] std::uint64_t next();
  /// Uniform in [0, bound); `bound` is not 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound);
  /// Uniform in [low, high].
  [[nodiscard]] std::int64_t between(std::int64_t low, std::int64_t high);
  /// True in `ppm` of a million draws.
  [[nodiscard]] bool chance(std::uint32_t ppm);
  /// One of the values.
  template <typename Value, std::size_t size>
  [[nodiscard]] Value one_of(const Value (&values)[size]) {
    return values[below(size)];
  }

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace tagma::sim
