// One connection that passes through the proxy: a socket on each side, and a flow of messages in each direction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "docker/drills/event_loop.h"
#include "docker/drills/fault_link.h"
#include "docker/drills/held_bytes.h"
#include "docker/drills/zmtp_stream.h"

namespace tagma::drills {

/// One direction: what comes in from a source is passed on to a sink as the link's fault says.
class Flow {
 public:
  explicit Flow(FaultLink& link) : link_(link) {}

  enum class Read : std::uint8_t {
    some,
    ended,
    broken,  ///< the source does not speak ZMTP
  };
  /// Reads once and passes on what may leave.
  [[nodiscard]] Read read(int source, int sink, std::span<char> scratch);
  /// Passes on what may leave by now.
  void send(int sink, MonotonicNs now_ns);
  void unblock() { blocked_ = false; }
  /// The sink takes nothing any more. What comes is read and forgotten.
  void sink_ended();
  /// Drops what a delay holds back, if the link has been cut.
  void fault_changed();

  [[nodiscard]] bool may_read(MonotonicNs now_ns) const;
  [[nodiscard]] bool blocked() const { return blocked_; }
  [[nodiscard]] bool empty() const { return held_.empty(); }
  /// When there is something to do that no descriptor tells.
  [[nodiscard]] std::optional<MonotonicNs> wake_at_ns(MonotonicNs now_ns) const;

 private:
  [[nodiscard]] bool take(int sink, ByteView bytes, MonotonicNs now_ns);
  [[nodiscard]] bool drops(const StreamPiece& piece);
  void pass(int sink, ByteView bytes, bool begins_message, MonotonicNs release_ns, MonotonicNs now_ns);
  void send_run(int sink, MonotonicNs now_ns);
  [[nodiscard]] bool cut_without_rest() const;

  FaultLink& link_;
  ZmtpStream stream_;
  HeldBytes held_;
  ByteView run_;  ///< read and to be sent at once, without a copy; empty between reads, and while something is held
  MonotonicNs late_ns_ = 0;        ///< of the message that is coming in
  bool dropping_message_ = false;  ///< the one that is coming in
  bool dropping_command_ = false;
  bool blocked_ = false;  ///< the sink does not keep up
  bool sink_ended_ = false;
};

class ProxiedConnection {
 public:
  /// Takes over the two descriptors: of a connection that was accepted, and of one that has begun to be made. `forward`
  /// is what the accepted side says. All that is referred to must outlive it; so must itself the loop's turn in which
  /// it is closed.
  ProxiedConnection(EventLoop& loop, std::span<char> scratch, int accepted, int connecting, FaultLink& forward,
                    FaultLink& backward);
  ~ProxiedConnection() { close(); }
  ProxiedConnection(const ProxiedConnection&) = delete;
  ProxiedConnection& operator=(const ProxiedConnection&) = delete;

  /// The fault of a link has been replaced.
  void fault_changed(MonotonicNs now_ns);
  /// Nothing comes of it any more.
  [[nodiscard]] bool closed() const { return near_.descriptor < 0 && far_.descriptor < 0; }

 private:
  struct End final : Watched {
    End(ProxiedConnection& of, int at, FaultLink& link) : connection(of), descriptor(at), flow(link) {}
    void on_ready(std::uint32_t events, MonotonicNs now_ns) override { connection.on_ready(*this, events, now_ns); }
    void on_time(MonotonicNs now_ns) override { connection.on_time(now_ns); }

    ProxiedConnection& connection;
    int descriptor;             ///< negative: it has ended
    Flow flow;                  ///< of what is said here
    std::uint32_t awaited = 0;  ///< events of epoll
    bool finished = false;      ///< it was told that nothing more comes
  };

  void on_ready(End& end, std::uint32_t events, MonotonicNs now_ns);
  void on_time(MonotonicNs now_ns);
  void connected_or_refused(MonotonicNs now_ns);
  void read(End& end);
  void ended(End& end);
  void finish_where_all_is_passed_on(End& from);
  void close();
  void update(MonotonicNs now_ns);
  void watch(End& end, std::uint32_t events) const;
  [[nodiscard]] End& other(const End& end) { return &end == &near_ ? far_ : near_; }

  EventLoop& loop_;
  std::span<char> scratch_;
  End near_;
  End far_;
  bool connected_ = false;  ///< the far end is
};

}  // namespace tagma::drills
