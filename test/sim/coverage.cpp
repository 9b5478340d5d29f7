#include "test/sim/coverage.h"

#include <algorithm>

namespace tagma::sim {
namespace {

/// A branch that seeds are expected to reach, and the profiles that can: c calm, l lossy, k crash, i liars,
/// r real-crypto, p byzantine-primary.
struct Expected {
  std::string_view name;
  std::string_view profiles;
};

constexpr std::string_view every = "clkirp";
constexpr std::string_view faulty_network = "lkirp";

constexpr Expected expected_branches[] = {
    {"sent SUBMIT", every},
};

std::string_view letters_of(std::string_view profile) {
  if (profile == "calm") return "c";
  if (profile == "lossy") return "l";
  if (profile == "crash") return "k";
  if (profile == "liars") return "i";
  if (profile == "real-crypto") return "r";
  if (profile == "byzantine-primary") return "p";
  return "clki";
}

}  // namespace

void Coverage::count(std::string_view name, std::uint64_t by) {
  const auto found = counts_.find(name);
  if (found != counts_.end()) {
    found->second += by;
  } else {
    counts_.emplace(std::string(name), by);
  }
}

std::uint64_t Coverage::of(std::string_view name) const {
  const auto found = counts_.find(name);
  return found == counts_.end() ? 0 : found->second;
}

void CoverageTable::add(const Coverage& run) {
  ++runs_;
  for (const auto& [name, total] : run.counts()) {
    auto& row = rows_[name];
    row.name = name;
    ++row.seeds;
    row.total += total;
  }
}

std::vector<CoverageTable::Row> CoverageTable::rows() const {
  std::vector<Row> result;
  for (const auto& [name, row] : rows_) result.push_back(row);
  return result;
}

std::vector<std::string> CoverageTable::unreached(std::string_view profile) const {
  const auto letters = letters_of(profile);
  std::vector<std::string> result;
  for (const auto& branch : expected_branches) {
    const bool possible = std::any_of(letters.begin(), letters.end(), [&branch](char letter) {
      return branch.profiles.find(letter) != std::string_view::npos;
    });
    if (possible && rows_.find(branch.name) == rows_.end()) result.emplace_back(branch.name);
  }
  return result;
}

}  // namespace tagma::sim
