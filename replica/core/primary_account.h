// What a primary wastes of its clients' time, as one backup sees it (docs/primary_account.md). Pure: time comes in, and
// is the time in which this backup was able to watch.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "messages/messages.h"
#include "replica/core/config.h"

namespace tagma {

/// A request that a backup holds: the lowest unexecuted number of its session, in no proposal that it has seen.
struct UnproposedRequest {
  ClientId client = 0;
  SessionId session = 0;
  RequestNumber number = 0;
  std::shared_ptr<const SignedBundle> bundle;
  MonotonicUs since_us = 0;  ///< when it became that; tells one number of a session from the next
};

/// What of a proposal matters here.
struct SeenProposal {
  Seq seq = 0;
  const Batch& batch;
  bool full = false;  ///< perhaps nothing else that waits had room in it
};

/// The requests that are pressed on the primary: a few, of those that have waited longest and of the newest, each until
/// it is proposed. Under a backlog the oldest are those whose turn is next; the newest show how long a turn takes.
///
/// A request is sent to the primary, a round later to all, and two rounds later it counts as pressed: an honest
/// primary has it then, since the room for a session's lowest number is nobody else's, and so has every other backup,
/// so that all come to the same account at about the same time. An honest primary proposes all that it has, as much as
/// fits a batch, and clients in turn. So once a request is pressed, and the proposals that may have been under way are
/// out of the picture, it is passed over wrongly by a proposal that is not full; by more than two turns of another
/// client above those of its own client; and by a third turn of another session of its own client.
class PressedRequests {
 public:
  struct Rules {
    std::uint32_t under_way_max = 0;         ///< proposals that were perhaps made before it was pressed
    std::uint32_t sessions_waiting_max = 0;  ///< of one client, at the primary
  };
  /// To be sent now; to all, or to the primary.
  struct Press {
    std::shared_ptr<const SignedBundle> bundle;
    bool to_all = false;
  };

  explicit PressedRequests(Rules rules) : rules_(rules) {}

  /// These are unproposed now, the one that has waited longest first: others are not pressed any more.
  /// Those that it tracks() must be among them, if they are.
  void update(MonotonicUs now_us, const std::vector<UnproposedRequest>& unproposed);
  [[nodiscard]] bool tracks(ClientId client, SessionId session) const;
  /// What is to be sent, where a round trip takes so long.
  [[nodiscard]] std::vector<Press> take_due(MonotonicUs now_us, MonotonicUs round_us);
  /// The primary has proposed something.
  void proposed(MonotonicUs now_us, const SeenProposal& proposal);
  void clear() { tracked_.clear(); }

  /// Since when some request has been pressed; nothing if none is.
  [[nodiscard]] std::optional<MonotonicUs> pressed_since_us() const;
  /// Since when some pressed request has been passed over wrongly, by a proposal for a slot up to this one: up to it
  /// all are known, and it is in none.
  [[nodiscard]] std::optional<MonotonicUs> passed_over_since_us(Seq known_up_to) const;

 private:
  enum class Kind : std::uint8_t { oldest, newest };
  struct PassedOver {
    MonotonicUs at_us = 0;
    Seq seq = 0;  ///< the proposal that did it
  };
  struct Tracked {
    Kind kind = Kind::oldest;
    UnproposedRequest request;
    std::uint32_t presses = 0;
    MonotonicUs press_us = 0;                     ///< of the last press
    std::optional<MonotonicUs> pressed_us;        ///< since when it counts
    std::optional<PassedOver> passed_over;        ///< since when it is wrong that it is not proposed
    std::uint32_t proposals = 0;                  ///< since it counts
    std::uint32_t own_turns = 0;                  ///< of its client's other sessions
    std::map<ClientId, std::uint32_t> turns;      ///< of other clients
    std::map<SessionId, std::uint32_t> sessions;  ///< turns of its client's other sessions
  };
  template <typename Iterator>
  void track(MonotonicUs now_us, Kind kind, Iterator first, Iterator last);
  [[nodiscard]] bool is_unfair(const Tracked& tracked) const;

  Rules rules_;
  std::vector<Tracked> tracked_;
};

/// Wasted time against an allowance: a share of all time, and what may be wasted at once.
class WasteAccount {
 public:
  /// A primary may waste one tenth of the time in the long run.
  static constexpr std::int64_t share = 10;

  void begin() { wasted_us_ = 0; }
  /// So much time has passed, of which so much was wasted.
  void pass(MonotonicUs elapsed_us, MonotonicUs wasted_us, std::uint32_t doublings);
  [[nodiscard]] bool overdrawn(MonotonicUs at_once_us, std::uint32_t doublings) const {
    return wasted_us_ >= at_once_us << doublings;
  }
  [[nodiscard]] MonotonicUs wasted_us() const { return wasted_us_; }

 private:
  MonotonicUs wasted_us_ = 0;  ///< what the share has not made up for
};

}  // namespace tagma
