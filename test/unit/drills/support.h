// What the tests of the drills' parts need: sockets of both kinds around a proxy.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "docker/drills/fault_proxy.h"

namespace tagma::drills_test {

/// Repeats `act` until it returns true; false if that takes longer than anything healthy would.
[[nodiscard]] bool eventually(const std::function<bool()>& act);

/// The parts of a ZeroMQ message.
using Parts = std::vector<std::string>;

/// One replica's DEALER, connected through the proxy, and the ROUTER of another that it is connected to, as in the
/// product. `one` makes the connection, `other` waits for it.
class Pair {
 public:
  explicit Pair(std::uint64_t seed = 1);

  /// Sends from `one` to `other`, or the other way round, which works once something has been received.
  void send(const Parts& parts);
  void answer(const Parts& parts);
  /// Waits for what arrives next; empty if nothing comes.
  [[nodiscard]] Parts receive();
  [[nodiscard]] Parts receive_answer();
  /// Lets one message pass, so that the answers know their way.
  [[nodiscard]] bool greet();

  void set_forward(const drills::LinkFault& fault) { proxy->set(one, other, fault); }
  void set_backward(const drills::LinkFault& fault) { proxy->set(other, one, fault); }
  [[nodiscard]] drills::LinkCounts forward() const { return proxy->counts(one, other); }
  [[nodiscard]] drills::LinkCounts backward() const { return proxy->counts(other, one); }

  static constexpr drills::Party one{PrincipalKind::replica, 1};
  static constexpr drills::Party other{PrincipalKind::replica, 0};

  zmq::context_t context{1};
  zmq::socket_t router;
  zmq::socket_t dealer;
  std::optional<drills::FaultProxy> proxy;
  std::string door;  ///< where the dealer is connected to

 private:
  std::string routing_id_;  ///< of the dealer at the router
};

/// A ROUTER or DEALER without bounds that leaves nothing behind.
[[nodiscard]] zmq::socket_t make_socket(zmq::context_t& context, zmq::socket_type type);
/// Binds to a free port; returns where.
[[nodiscard]] std::string bind_somewhere(zmq::socket_t& socket);

/// A TCP socket that speaks whatever the test says.
class RawSocket {
 public:
  explicit RawSocket(int descriptor) : descriptor_(descriptor) {}
  ~RawSocket() { close(); }
  RawSocket(RawSocket&& from) noexcept : descriptor_(from.descriptor_) { from.descriptor_ = -1; }
  RawSocket& operator=(RawSocket&&) = delete;

  /// Waits until it is connected.
  [[nodiscard]] static RawSocket connected_to(const std::string& endpoint);
  [[nodiscard]] static RawSocket listening();
  [[nodiscard]] std::string endpoint() const;
  /// The next connection, waited for.
  [[nodiscard]] RawSocket accept() const;
  [[nodiscard]] bool anything_waits(int timeout_ms) const;

  /// Sends all of it.
  void send(const std::string& bytes) const;
  /// Sends what is taken within a while; returns how much.
  [[nodiscard]] std::size_t send_what_is_taken(const std::string& bytes, int patience_ms) const;
  /// So many bytes, or fewer if the other side ends.
  [[nodiscard]] std::string receive(std::size_t bytes) const;
  /// Whether the other side has ended, and nothing came before.
  [[nodiscard]] bool ended() const;
  void close();

 private:
  int descriptor_;
};

/// Bytes of ZMTP.
[[nodiscard]] std::string zmtp_greeting();
[[nodiscard]] std::string zmtp_command(const std::string& body);
[[nodiscard]] std::string zmtp_message(const Parts& parts);
/// Greeting and first command.
[[nodiscard]] std::string zmtp_handshake();

/// How many descriptors this process has open.
[[nodiscard]] std::size_t open_descriptors();

}  // namespace tagma::drills_test
