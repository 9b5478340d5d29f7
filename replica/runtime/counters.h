// What this replica counts: traffic, turns and, above all, refusals by reason. Shown in Report messages.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "messages/messages.h"

namespace tagma::runtime {

/// Counts that rise with every frame or turn: plain fields, no look-up.
struct Traffic {
  std::uint64_t turns = 0;
  std::uint64_t waits = 0;  ///< turns that ended in a blocking wait
  std::uint64_t events = 0;
  std::uint64_t frames_received = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t messages_received = 0;
  std::uint64_t frames_sent = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t messages_sent = 0;
};

/// Named counts. Bounded: outsiders choose how often something is counted, never how many names there are.
/// Not thread-safe.
class Counters {
 public:
  static constexpr std::size_t names_max = 200;
  static constexpr std::size_t reasons_per_category_max = 48;
  static constexpr std::size_t name_bytes_max = 120;

  Traffic traffic;

  /// Adds to a count. `name` is one of a fixed set of literals.
  void add(std::string_view name, std::uint64_t amount = 1);

  /// Sets a gauge. `name` is one of a fixed set of literals, which add() never uses.
  void set(std::string_view name, std::uint64_t value);

  /// Counts a refusal as "category: reason". `category` is a literal; `reason` comes from a validator and may hold
  /// what an outsider wrote, so only the first few distinct reasons of a category get a name, later ones are "other".
  void refuse(std::string_view category, std::string_view reason);

  /// The same for what is no refusal, such as a retransmission.
  void note(std::string_view category, std::string_view what);

  [[nodiscard]] std::uint64_t value(std::string_view name) const;
  /// All refusals together.
  [[nodiscard]] std::uint64_t refused_total() const { return refused_total_; }

  /// Appends everything counted here to the report, within its limits. A name that the report has already is kept.
  void append_to(Report& report) const;

 private:
  std::map<std::string, std::uint64_t, std::less<>> counts_;
  std::map<std::string, std::size_t, std::less<>> reasons_;  ///< distinct reasons per category
  std::uint64_t refused_total_ = 0;
};

}  // namespace tagma::runtime
