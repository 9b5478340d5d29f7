#include "test/sim/random.h"

namespace tagma::sim {
namespace {

std::uint64_t rotate_left(std::uint64_t value, unsigned bits) { return (value << bits) | (value >> (64U - bits)); }

std::uint64_t mixed(std::uint64_t seed, std::string_view purpose) {
  auto state = seed;
  for (const char letter : purpose) state = splitmix64(state) ^ static_cast<unsigned char>(letter);
  return state;
}

}  // namespace

std::uint64_t splitmix64(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15ULL;
  auto value = state;
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31U);
}

Random::Random(std::uint64_t seed) {
  for (auto& word : state_) word = splitmix64(seed);
}

Random::Random(std::uint64_t seed, std::string_view purpose) : Random(mixed(seed, purpose)) {}

std::uint64_t Random::next() {
  const auto result = rotate_left(state_[1] * 5, 7) * 9;
  const auto shifted = state_[1] << 17U;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = rotate_left(state_[3], 45);
  return result;
}

std::uint64_t Random::below(std::uint64_t bound) {
  // The multiplication maps 64 random bits onto the range; its bias is below 2^-32 for every bound in use here.
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(next()) * bound) >> 64U);
}

std::int64_t Random::between(std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
}

bool Random::chance(std::uint32_t ppm) { return ppm != 0 && below(1'000'000) < ppm; }

}  // namespace tagma::sim
