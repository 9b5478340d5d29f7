// Oracle 3 for administration: a change takes effect if, and only if, more than half of the administrators want it, and
// from there on it holds. By what requesters accepted from f+1 replicas alike.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tagma/identifiers.h"
#include "tagma/operation.h"
#include "test/checkers/violation.h"

namespace tagma::checkers {

class AdminOracle {
 public:
  explicit AdminOracle(Verdict& verdict) : verdict_(verdict) {}

  /// What an answer of the admin service says of one proposal.
  struct Line {
    std::uint64_t number = 0;
    std::string state;
    std::vector<AdminId> approved;
    Words change;
  };
  /// Of a list, or of one proposal in lines of fields.
  [[nodiscard]] static std::vector<Line> lines_of(std::string_view text);

  /// `correct` by administrator; the client that is probed, and what it asks for: its permissions are judged by that.
  void begin(std::vector<bool> correct, ClientId probe, std::string probed_service);
  /// A correct administrator has sent its word for a change.
  void wanted(AdminId administrator, const Words& change) { wanted_[change].insert(administrator); }
  /// What an administrator was told of proposals, in slot `seq`.
  void told(Seq seq, std::string_view text);
  /// What the probed client was told, in slot `seq`.
  void probed(Seq seq, const ServiceReply& reply) { probes_.push_back({seq, reply.status == ReplyStatus::refused}); }

  [[nodiscard]] bool has_applied(const Words& change) const;

  /// Over the whole run.
  void judge();
  /// Changes that took effect; probes that were judged, and of those the ones that had to be refused.
  struct Reached {
    std::uint64_t applied = 0;
    std::uint64_t probes = 0;
    std::uint64_t refused = 0;
  };
  [[nodiscard]] const Reached& reached() const { return reached_; }

 private:
  struct Probe {
    Seq seq = 0;
    bool refused = false;
  };
  /// A change took effect no later than in `by`.
  struct Applied {
    Seq by = 0;
    Words change;
  };
  /// One that says something of the probed client took effect in (after, by], or, where it was told in one slot that it
  /// was open and that it was applied, in that one.
  struct Turn {
    Seq after = 0;
    Seq by = 0;
    bool refuses = false;
  };
  [[nodiscard]] static std::optional<bool> must_refuse(Seq seq, const std::vector<Turn>& turns);
  void learn(Seq seq, const Line& line);
  void report(const std::string& what) { verdict_.report(Oracle::acknowledged, "administration: " + what); }
  /// Whether the change makes the probed client's question one that must be refused; nothing if it says nothing of it.
  [[nodiscard]] std::optional<bool> refuses(const Words& change) const;

  Verdict& verdict_;
  std::vector<bool> correct_;
  std::string probe_;
  std::string probed_service_;
  std::map<Words, std::set<AdminId>> wanted_;
  std::map<std::uint64_t, Words> changes_;    ///< by number of proposal: it never changes
  std::map<std::uint64_t, Seq> open_until_;   ///< the highest slot in which somebody saw it open
  std::map<std::uint64_t, Applied> applied_;  ///< by number
  std::vector<Probe> probes_;
  Reached reached_;
};

}  // namespace tagma::checkers
