#include "docker/drills/tcp.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <system_error>

namespace tagma::drills {
namespace {

constexpr int waiting_max = 1'024;

[[noreturn]] void fail(int error, const std::string& what) {
  throw std::system_error(error, std::generic_category(), what);
}

sockaddr_in address_of(const std::string& host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) fail(EINVAL, "not an IPv4 address: " + host);
  return address;
}

void send_at_once(int descriptor) {
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

bool same(const sockaddr_in& one, const sockaddr_in& other) {
  return one.sin_port == other.sin_port && one.sin_addr.s_addr == other.sin_addr.s_addr;
}

}  // namespace

sockaddr_in tcp_address(const std::string& endpoint) {
  constexpr std::string_view scheme = "tcp://";
  const auto colon = endpoint.rfind(':');
  if (!endpoint.starts_with(scheme) || colon < scheme.size()) fail(EINVAL, "not tcp://host:port: " + endpoint);
  std::uint16_t port = 0;
  const char* end = endpoint.data() + endpoint.size();
  const auto parsed = std::from_chars(endpoint.data() + colon + 1, end, port);
  if (parsed.ec != std::errc() || parsed.ptr != end || port == 0) fail(EINVAL, "not tcp://host:port: " + endpoint);
  return address_of(endpoint.substr(scheme.size(), colon - scheme.size()), port);
}

std::string tcp_endpoint(const sockaddr_in& address) {
  std::array<char, INET_ADDRSTRLEN> host{};
  ::inet_ntop(AF_INET, &address.sin_addr, host.data(), host.size());
  return std::string("tcp://") + host.data() + ":" + std::to_string(ntohs(address.sin_port));
}

int listen_on(const std::string& host) {
  const sockaddr_in address = address_of(host, 0);
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener < 0) fail(errno, "socket");
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener, waiting_max) != 0) {
    const int error = errno;
    ::close(listener);
    fail(error, "listening on " + host);
  }
  return listener;
}

sockaddr_in local_address(int descriptor) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size);
  return address;
}

int accept_one(int listener) {
  const int accepted = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (accepted >= 0) send_at_once(accepted);
  return accepted;
}

int begin_to_connect(const sockaddr_in& target) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return -1;
  send_at_once(descriptor);
  const int begun = ::connect(descriptor, reinterpret_cast<const sockaddr*>(&target), sizeof target);
  if (begun == 0 || errno == EINPROGRESS) return descriptor;
  const int error = errno;
  ::close(descriptor);
  errno = error;
  return -1;
}

bool has_connected(int descriptor) {
  int error = 0;
  socklen_t error_size = sizeof error;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &error_size) != 0 || error != 0) return false;
  sockaddr_in peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return false;
  // Where nobody listens on a port, a connection to it may be given that port itself, and then meets itself.
  return !same(peer, local_address(descriptor));
}

bool has_hung_up(int descriptor) {
  pollfd asked{descriptor, POLLRDHUP, 0};
  return ::poll(&asked, 1, 0) > 0;
}

}  // namespace tagma::drills
