// A source that may not keep whoever asks it waiting without end, nor claim first one root for a slot and then another.
// Private to client_lib and the command line.
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "client_lib/state_source.h"

namespace tagma {

/// Passes every question on to `inner` until the answers have been waited for `wait_max_us` in all; from then on it
/// refuses. The last question may go beyond it by the time that `inner` waits for one answer. Each answer alone may be
/// in time from a replica that drips: it is the sum that tells.
class BoundedSource final : public StateSource {
 public:
  /// `inner` outlives this object. `clock_us` never goes back.
  BoundedSource(StateSource& inner, std::int64_t wait_max_us, std::function<std::int64_t()> clock_us)
      : inner_(inner), wait_max_us_(wait_max_us), clock_us_(std::move(clock_us)) {}

  /// Remembers the roots of a history; false if it names another one for a slot than it did before.
  [[nodiscard]] bool note(const History& history);

  [[nodiscard]] std::string name() const override { return inner_.name(); }
  [[nodiscard]] Result<History> history(Seq first, std::uint32_t count) override;
  [[nodiscard]] Result<StateNodes> nodes(Seq seq, const std::vector<NibblePrefix>& prefixes) override;
  [[nodiscard]] Result<StateKeys> keys(Seq seq, const Bytes& from) override;
  [[nodiscard]] Result<StateValues> values(Seq seq, const std::vector<Bytes>& keys) override;

 private:
  template <typename Answer, typename Ask>
  [[nodiscard]] Result<Answer> waited(Ask ask);

  StateSource& inner_;
  const std::int64_t wait_max_us_;
  const std::function<std::int64_t()> clock_us_;
  std::int64_t waited_us_ = 0;
  std::map<Seq, Digest> roots_;  ///< claimed so far; the newest ones, a bounded number
};

}  // namespace tagma
