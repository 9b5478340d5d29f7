#include "replica/runtime/sockets.h"

#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <optional>

#include "tagma/limits.h"

namespace tagma::runtime {
namespace {

/// Below this a copy is cheaper than handing the buffer over.
constexpr std::size_t copy_bytes_max = 2048;

void set_common_options(zmq::socket_t& socket, SocketBounds bounds) {
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(limits::frame_bytes_max));
  socket.set(zmq::sockopt::rcvhwm, bounds.receive_max);
  socket.set(zmq::sockopt::sndhwm, bounds.send_max);
  socket.set(zmq::sockopt::handshake_ivl, 5'000);
  // A stranger that announces a large record and stops in the middle holds memory only until a heartbeat is missed.
  socket.set(zmq::sockopt::heartbeat_ivl, 3'000);
  socket.set(zmq::sockopt::heartbeat_timeout, 9'000);
  // A host that vanished without a word is noticed within half a minute.
  socket.set(zmq::sockopt::tcp_keepalive, 1);
  socket.set(zmq::sockopt::tcp_keepalive_idle, 10);
  socket.set(zmq::sockopt::tcp_keepalive_intvl, 5);
  socket.set(zmq::sockopt::tcp_keepalive_cnt, 4);
}

zmq::message_t to_message(Bytes bytes) {
  if (bytes.size() <= copy_bytes_max) return zmq::message_t(bytes.data(), bytes.size());
  auto owned = std::make_unique<Bytes>(std::move(bytes));
  zmq::message_t message(
      owned->data(), owned->size(), [](void*, void* hint) { delete static_cast<Bytes*>(hint); }, owned.get());
  static_cast<void>(owned.release());  // the message frees it
  return message;
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

/// "tcp://name:port" with the name resolved, or nothing. A bound address must be numeric for ZeroMQ.
std::optional<std::string> resolved(const std::string& address) {
  constexpr std::string_view scheme = "tcp://";
  const auto colon = address.rfind(':');
  if (address.rfind(scheme, 0) != 0 || colon == std::string::npos || colon <= scheme.size()) return std::nullopt;
  const std::string host = address.substr(scheme.size(), colon - scheme.size());
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &list) != 0) return std::nullopt;
  const std::unique_ptr<addrinfo, FreeAddresses> owned(list);
  char numeric[NI_MAXHOST];
  if (::getnameinfo(list->ai_addr, list->ai_addrlen, numeric, sizeof numeric, nullptr, 0, NI_NUMERICHOST) != 0) {
    return std::nullopt;
  }
  return std::string(scheme) + numeric + address.substr(colon);
}

std::string bind_mend(int error) {
  switch (error) {
    case EADDRINUSE: return "stop the program that listens there, or change the address";
    case EACCES: return "choose a port above 1023, or a path that this user may write";
    case EADDRNOTAVAIL:
    case ENODEV: return "no such address on this host; start this replica on the host that the address names";
    default: return "write \"tcp://host:port\" or \"ipc://path\"";
  }
}

}  // namespace

zmq::socket_t make_router(zmq::context_t& context, SocketBounds bounds) {
  zmq::socket_t socket(context, zmq::socket_type::router);
  set_common_options(socket, bounds);
  // Unknown destinations are dropped in silence and nobody takes over another's routing id: both are ZeroMQ's
  // defaults, said here because the loop relies on them.
  socket.set(zmq::sockopt::router_mandatory, false);
  socket.set(zmq::sockopt::router_handover, false);
  socket.set(zmq::sockopt::backlog, 512);
  return socket;
}

zmq::socket_t make_dealer(zmq::context_t& context, SocketBounds bounds) {
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  set_common_options(socket, bounds);
  socket.set(zmq::sockopt::immediate, true);
  socket.set(zmq::sockopt::reconnect_ivl, 20);
  socket.set(zmq::sockopt::reconnect_ivl_max, 500);
  return socket;
}

std::optional<Refused> bind_socket(zmq::socket_t& socket, const std::string& address) {
  if (::zmq_bind(socket.handle(), address.c_str()) == 0) return std::nullopt;
  int error = ::zmq_errno();
  if (error == ENODEV || error == EINVAL) {
    const auto numeric = resolved(address);
    if (numeric) {
      if (::zmq_bind(socket.handle(), numeric->c_str()) == 0) return std::nullopt;
      error = ::zmq_errno();
    }
  }
  return Refused{address + ": cannot listen: " + ::zmq_strerror(error) + "; " + bind_mend(error)};
}

std::optional<Refused> connect_socket(zmq::socket_t& socket, const std::string& address) {
  if (::zmq_connect(socket.handle(), address.c_str()) == 0) return std::nullopt;
  return Refused{address + ": cannot connect: " + ::zmq_strerror(::zmq_errno()) +
                 "; write \"tcp://host:port\" or \"ipc://path\""};
}

bool try_receive(zmq::socket_t& socket, zmq::message_t& part) {
  if (::zmq_msg_recv(part.handle(), socket.handle(), ZMQ_DONTWAIT) >= 0) return true;
  if (::zmq_errno() == EAGAIN || ::zmq_errno() == EINTR) return false;
  throw zmq::error_t();
}

bool try_send(zmq::socket_t& socket, Bytes record) {
  zmq::message_t message = to_message(std::move(record));
  if (::zmq_msg_send(message.handle(), socket.handle(), ZMQ_DONTWAIT) >= 0) return true;
  if (::zmq_errno() == EAGAIN || ::zmq_errno() == EINTR) return false;
  throw zmq::error_t();
}

void send_to(zmq::socket_t& router, ByteView routing_id, Bytes record) {
  zmq::message_t destination(routing_id.data(), routing_id.size());
  zmq::message_t message = to_message(std::move(record));
  // A ROUTER that may drop never says EAGAIN; EHOSTUNREACH exists for mandatory routers only.
  if (::zmq_msg_send(destination.handle(), router.handle(), ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0 ||
      ::zmq_msg_send(message.handle(), router.handle(), ZMQ_DONTWAIT) < 0) {
    if (::zmq_errno() != EAGAIN && ::zmq_errno() != EINTR) throw zmq::error_t();
  }
}

bool can_send(zmq::socket_t& socket) { return (socket.get(zmq::sockopt::events) & ZMQ_POLLOUT) != 0; }

int wait_descriptor(zmq::socket_t& socket) { return static_cast<int>(socket.get(zmq::sockopt::fd)); }

}  // namespace tagma::runtime
