// Bugs for the sanitizers to find (planted.sh), one by name:
//   planted_bugs race | overrun | overflow    the bug
//   planted_bugs none                         a thread and some heap, and no bug
// A run without sanitizers does nothing that one would see.
#include <cstdio>
#include <limits>
#include <memory>
#include <string_view>
#include <thread>

namespace {

/// Two threads write to one number, and nothing orders them.
int race(int number) {
  std::thread other([&number] { ++number; });
  ++number;
  other.join();
  return number;
}

/// Reads behind the end of what was allocated.
int overrun(std::size_t size) {
  const auto numbers = std::make_unique<int[]>(size);
  return numbers[size];
}

int overflow(int number) { return std::numeric_limits<int>::max() + number; }

int none(int number) {
  const auto on_the_heap = std::make_unique<int>(number);
  std::thread([&on_the_heap] { ++*on_the_heap; }).join();
  return *on_the_heap;
}

int perform(std::string_view bug, int arguments) {
  if (bug == "race") return race(arguments);
  if (bug == "overrun") return overrun(static_cast<std::size_t>(arguments));
  if (bug == "overflow") return overflow(arguments);
  return none(arguments);
}

}  // namespace

int main(int count, char** arguments) {
  // What comes of it is printed, so that no compiler takes it out.
  std::printf("%d\n", perform(count > 1 ? arguments[1] : "none", count));
  return 0;
}
