#include "client_lib/bounded_source.h"

namespace tagma {
namespace {

constexpr std::size_t roots_max = 4096;

}  // namespace

bool BoundedSource::note(const History& history) {
  for (const auto& root : history.roots) {
    if (roots_.try_emplace(root.seq, root.root).first->second != root.root) return false;
  }
  while (roots_.size() > roots_max) roots_.erase(roots_.begin());
  return true;
}

template <typename Answer, typename Ask>
Result<Answer> BoundedSource::waited(Ask ask) {
  if (waited_us_ >= wait_max_us_) {
    return Refused{name() + " has been waited for " + std::to_string(wait_max_us_ / 1'000'000) +
                   " s in all: it is too slow, or --deadline-s too low for its state"};
  }
  const std::int64_t begin_us = clock_us_();
  auto answer = ask();
  waited_us_ += clock_us_() - begin_us;
  return answer;
}

Result<History> BoundedSource::history(Seq first, std::uint32_t count) {
  auto answer = waited<History>([&] { return inner_.history(first, count); });
  if (answer && !note(*answer)) {
    return Refused{name() + " gives answers that contradict each other: it named another root for one slot before"};
  }
  return answer;
}
Result<StateNodes> BoundedSource::nodes(Seq seq, const std::vector<NibblePrefix>& prefixes) {
  return waited<StateNodes>([&] { return inner_.nodes(seq, prefixes); });
}
Result<StateKeys> BoundedSource::keys(Seq seq, const Bytes& from) {
  return waited<StateKeys>([&] { return inner_.keys(seq, from); });
}
Result<StateValues> BoundedSource::values(Seq seq, const std::vector<Bytes>& keys) {
  return waited<StateValues>([&] { return inner_.values(seq, keys); });
}

}  // namespace tagma
