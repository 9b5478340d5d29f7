// Sessions of clients, kept in the replicated state: what has been executed, and the replies that may be asked for
// again.
#pragma once

#include <optional>
#include <vector>

#include "checkpoint/layered_state.h"
#include "messages/messages.h"

namespace tagma {

/// The replicated record of one open session.
///
/// Replies are kept in runs: what one bundle executed in one slot is one entry of the state, because an entry for each
/// number costs more than executing it. Runs follow one another without gaps, so each tells where the next one starts.
///
/// Invariant: acknowledged <= last_executed; runs cover exactly [oldest_kept, last_executed], and
/// oldest_kept <= acknowledged + 1: whatever is not acknowledged is kept.
struct Session {
  RequestNumber last_executed = 0;
  RequestNumber acknowledged = 0;  ///< the client has accepted all replies up to here
  RequestNumber oldest_kept = 1;   ///< first number of the oldest run; last_executed + 1 if there is none
  Seq last_seq = 0;                ///< slot of the last executed operation; decides who is idle longest
  std::uint64_t reply_bytes = 0;   ///< results kept, in bytes
};

/// Reads and writes sessions in the reserved part of the state. Deterministic; judged at execution only.
class SessionTable {
 public:
  SessionTable(LayeredState& state, std::size_t sessions_per_client_max)
      : state_(state), sessions_per_client_max_(sessions_per_client_max) {}

  /// The open session; nothing if it is not open (never opened, or evicted).
  [[nodiscard]] std::optional<Session> find(ClientId client, SessionId session) const;
  /// Every session id up to the floor that is not open has been evicted, or never may open.
  [[nodiscard]] SessionId evicted_floor(ClientId client) const;

  /// Opens a session above the floor; evicts the client's session idle longest if there is no room. Returns the new
  /// record and whether one was evicted.
  struct Opened {
    Session session;
    bool evicted = false;
  };
  [[nodiscard]] Opened open(ClientId client, SessionId session);

  /// Writes a session's record.
  void store(ClientId client, SessionId session, const Session& record);

  /// Keeps the replies of the numbers [last_executed - replies.size() + 1, last_executed], which one bundle executed in
  /// one slot, as one run.
  void keep_replies(ClientId client, SessionId session, Session& record, const std::vector<ReplyEntry>& replies);
  /// The kept replies of the numbers [first, end), as far as they are kept.
  [[nodiscard]] std::vector<ReplyEntry> find_replies(ClientId client, SessionId session, const Session& record,
                                                     RequestNumber first, RequestNumber end) const;
  /// Notes that the client has the replies up to `acknowledged` (at most up to what has been executed) and drops the
  /// runs that nobody needs any more.
  void acknowledge(ClientId client, SessionId session, Session& record, RequestNumber acknowledged);

 private:
  void evict(ClientId client, SessionId session, const Session& record);

  LayeredState& state_;
  std::size_t sessions_per_client_max_;
};

/// Keys of the replicated state. One byte of prefix tells the kinds apart; numbers are big-endian so that their order
/// is the state's order.
namespace state_key {
[[nodiscard]] Bytes service_data(ByteView service, ByteView key);
[[nodiscard]] Bytes session(ClientId client, SessionId session);
/// The run of replies whose lowest number is `first`.
[[nodiscard]] Bytes replies(ClientId client, SessionId session, RequestNumber first);
[[nodiscard]] Bytes evicted_floor(ClientId client);
[[nodiscard]] Bytes agreed_time();
}  // namespace state_key

/// Big-endian numbers of fixed width, for keys and records of the state.
void append_big_endian(Bytes& bytes, std::uint64_t value, std::size_t width_bytes);
[[nodiscard]] std::uint64_t read_big_endian(ByteView bytes);

}  // namespace tagma
