// A bound socket with everything that makes its input trustworthy: handshakes, frames, fair queues.
#pragma once

#include <functional>
#include <map>
#include <string_view>

#include "crypto/channel.h"
#include "replica/runtime/counters.h"
#include "replica/runtime/flood_guard.h"
#include "replica/runtime/hello_queue.h"
#include "replica/runtime/inbox.h"
#include "replica/runtime/log.h"
#include "replica/runtime/sockets.h"

namespace tagma::runtime {

struct ListenerBounds {
  std::size_t receive_frames_max = 512;               ///< per turn
  std::size_t receive_bytes_max = 8UL * 1024 * 1024;  ///< per turn
  std::size_t channels_per_principal_max = 4;
  std::int64_t hellos_per_second = 250;
  std::int64_t hello_burst = 64;
  std::int64_t resets_per_second = 200;
  InboxBounds inbox;
  std::uint32_t faulty_max = 0;  ///< of the senders; 0: nobody is cut off
};

/// One ROUTER: verifies records in the order of rising cost (kind, size, channel, MAC) and hands out the messages, to
/// each sender its share of the time. What comes by a connection of one that is cut off is dropped unread.
/// Single-threaded.
class Listener {
 public:
  /// Called for every authenticated frame, also one without a message, in the order of arrival.
  using OnFrame = std::function<void(const crypto::ChannelEnd& from, crypto::ChannelId channel, ByteView routing_id)>;

  /// `socket` is bound. `identity`, `counters` and `log` outlive this object.
  Listener(std::string_view name, zmq::socket_t socket, crypto::ChannelScope scope, crypto::ChannelEnd local,
           const crypto::Identity& identity, crypto::ChannelAcceptor::Lookup lookup, const ListenerBounds& bounds,
           Counters& counters, Log& log);

  void on_frame(OnFrame callback) { on_frame_ = std::move(callback); }

  /// Reads what waits, within a turn's budget, and answers HELLOs as the rate allows. Returns whether there was
  /// anything: if not, the socket's descriptor may be waited on.
  [[nodiscard]] bool receive(MonotonicUs now_us);

  /// The next message to serve.
  [[nodiscard]] std::optional<Inbox::Item> next();
  /// What it cost to serve it, in nanoseconds. `proposal`: it was one, which takes its share of the time as any other
  /// message, and is no flood however much it cost (flood_guard.h).
  void charge(std::uint64_t cost_ns, bool proposal, MonotonicUs now_us);
  [[nodiscard]] bool idle() const { return inbox_.empty(); }
  void serve_last(const Principal& sender, bool last) { inbox_.serve_last(sender, last); }

  /// A frame to the other end of a channel; false if the channel is gone.
  [[nodiscard]] bool send(crypto::ChannelId channel, ByteView routing_id, std::span<const crypto::Body> bodies);

  [[nodiscard]] std::optional<MonotonicUs> wake_at_us(MonotonicUs now_us) { return hellos_.wake_at_us(now_us); }
  [[nodiscard]] int descriptor() { return wait_descriptor(socket_); }

 private:
  [[nodiscard]] bool receive_record(Frame& frame);
  void take_record(std::unique_ptr<Frame> frame, MonotonicUs now_us);
  void take_frame(std::unique_ptr<Frame> frame, MonotonicUs now_us);
  void queue_frame(std::unique_ptr<Frame> frame, MonotonicUs now_us);
  [[nodiscard]] bool is_cut_off(ByteView routing_id, MonotonicUs now_us);
  void cut_off(ByteView routing_id, MonotonicUs until_us);
  bool answer_hellos(MonotonicUs now_us);
  void refuse(std::string_view category, std::string_view reason, MonotonicUs now_us);

  std::string_view name_;
  zmq::socket_t socket_;
  crypto::ChannelAcceptor acceptor_;
  ListenerBounds bounds_;
  HelloQueue hellos_;
  TokenBucket resets_;
  Inbox inbox_;
  FloodGuard guard_;
  Principal serving_;                                        ///< whose message next() returned last
  std::map<Bytes, MonotonicUs, std::less<>> cut_off_until_;  ///< connections of those who are cut off
  OnFrame on_frame_;
  Counters& counters_;
  Log& log_;
};

}  // namespace tagma::runtime
