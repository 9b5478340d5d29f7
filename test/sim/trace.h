// What happened last, in protocol words. Lines are kept as numbers and rendered only when somebody wants to read them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "messages/messages.h"
#include "test/sim/scheduler.h"

namespace tagma::sim {

/// One event. `what` and `note` are literals.
struct TraceLine {
  VirtualUs at_us = 0;
  std::string_view what;  ///< "sent", "received", "lost", "executed", ...
  std::string_view note;  ///< message name, or the reason
  Principal who;
  Principal peer;
  bool has_peer = false;
  View view = 0;
  Seq seq = 0;
  std::uint64_t session = 0;
  std::uint64_t number = 0;
  std::uint64_t count = 0;
  std::uint64_t digest = 0;  ///< the first eight bytes
};

/// The parts of a message that a trace line shows.
void describe(const Message& message, TraceLine& line);

class Trace {
 public:
  explicit Trace(bool print) : print_(print) {}

  void add(const TraceLine& line);
  /// The last lines, oldest first.
  [[nodiscard]] std::vector<std::string> last() const;
  /// A hash over all lines so far: equal for equal runs.
  [[nodiscard]] std::uint64_t hash() const { return hash_; }

 private:
  static constexpr std::size_t kept = 40;
  bool print_;
  std::uint64_t hash_ = 0;
  std::uint64_t added_ = 0;
  std::array<TraceLine, kept> lines_;
};

[[nodiscard]] std::string to_string(const TraceLine& line);

}  // namespace tagma::sim
