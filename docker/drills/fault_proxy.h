// A network between replicas and clients that fails on demand: every connection passes through it, and it cuts, delays,
// loses and throttles what passes, without any right on the machine's own network.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "messages/membership.h"

namespace tagma::drills {

/// Who speaks on a link: a replica or a client.
using Party = Principal;

/// What happens to the messages of one direction of a link. A message is one of ZeroMQ's (all its parts): whole
/// messages are dropped, late or slow, while the TCP connection below them lives on, as messages of a protocol that
/// retransmits by itself would be on a lossy network.
struct LinkFault {
  bool cut = false;                        ///< nothing passes, and new connections are not answered
  std::uint32_t delay_us = 0;              ///< each message waits so long
  std::uint32_t jitter_us = 0;             ///< and up to so much longer, drawn anew for each; order is kept
  std::uint32_t loss_ppm = 0;              ///< of a million messages so many are dropped
  std::uint64_t bytes_per_second_max = 0;  ///< 0: unlimited

  [[nodiscard]] bool none() const {
    return !cut && delay_us == 0 && jitter_us == 0 && loss_ppm == 0 && bytes_per_second_max == 0;
  }
};

/// What has passed in one direction of some links since the start.
struct LinkCounts {
  std::uint64_t messages = 0;  ///< that arrived at the proxy, handshakes of the transport aside
  std::uint64_t dropped = 0;   ///< of them by a cut or by loss
  std::uint64_t delayed = 0;   ///< of them by a delay or a limit of the rate
  std::uint64_t bytes = 0;     ///< that were passed on
};

/// The longest time in which the proxy's thread did not get round to its work: what passed stood still meanwhile.
struct ProxyStall {
  std::chrono::steady_clock::time_point began;
  std::chrono::nanoseconds length{0};
  std::chrono::nanoseconds cpu{0};  ///< that the thread used meanwhile
};

/// Runs in a thread of its own until destruction; all members may be called from any thread.
class FaultProxy {
 public:
  /// `seed` decides which messages are lost and how late they are.
  explicit FaultProxy(std::uint64_t seed);
  ~FaultProxy();
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  /// Opens a door for connections that `from` makes to `to`: listens on `host` (an IPv4 address of this machine) and
  /// connects on to `target` ("tcp://host:port", an IPv4 address) for each connection that comes, again and again while
  /// nobody listens there. Returns "tcp://host:port". Throws std::system_error where it cannot listen.
  [[nodiscard]] std::string open(const Party& from, const Party& to, const std::string& host,
                                 const std::string& target);

  /// The fault of what `from` says to `to`, on whichever connection between the two it travels. Replaces the one
  /// before. Messages that a delay holds back leave in their time even if it is taken back.
  void set(const Party& from, const Party& to, const LinkFault& fault);

  [[nodiscard]] LinkCounts counts(const Party& from, const Party& to) const;

  /// The longest since it was taken last, seen by a beat every 50 ms: of length zero where none has come yet.
  [[nodiscard]] ProxyStall take_longest_stall();

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace tagma::drills
