#include "support.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "docker/drills/tcp.h"

namespace tagma::drills_test {
namespace {

constexpr int patience_ms = 30'000;

bool wait_for(int descriptor, short events, int timeout_ms) {
  pollfd asked{descriptor, events, 0};
  return ::poll(&asked, 1, timeout_ms) > 0;
}

Parts receive_parts(zmq::socket_t& socket) {
  Parts parts;
  zmq::message_t part;
  do {
    if (!socket.recv(part)) return {};
    parts.push_back(part.to_string());
  } while (part.more());
  return parts;
}

void send_parts(zmq::socket_t& socket, const Parts& parts) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto flags = i + 1 < parts.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
    if (!socket.send(zmq::buffer(parts[i]), flags)) throw std::runtime_error("cannot be sent");
  }
}

}  // namespace

bool eventually(const std::function<bool()>& act) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(patience_ms);
  while (std::chrono::steady_clock::now() < end) {
    if (act()) return true;
    std::this_thread::sleep_for(std::chrono::microseconds(200));  // leaves the processor to the other threads
  }
  return false;
}

zmq::socket_t make_socket(zmq::context_t& context, zmq::socket_type type) {
  zmq::socket_t socket(context, type);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::sndhwm, 0);
  socket.set(zmq::sockopt::rcvhwm, 0);
  socket.set(zmq::sockopt::reconnect_ivl, 10);
  socket.set(zmq::sockopt::rcvtimeo, patience_ms);
  socket.set(zmq::sockopt::sndtimeo, patience_ms);
  return socket;
}

std::string bind_somewhere(zmq::socket_t& socket) {
  socket.bind("tcp://127.0.0.1:*");
  return socket.get(zmq::sockopt::last_endpoint);
}

Pair::Pair(std::uint64_t seed)
    : router(make_socket(context, zmq::socket_type::router)), dealer(make_socket(context, zmq::socket_type::dealer)) {
  proxy.emplace(seed);
  door = proxy->open(one, other, "127.0.0.1", bind_somewhere(router));
  dealer.connect(door);
}

void Pair::send(const Parts& parts) { send_parts(dealer, parts); }

void Pair::answer(const Parts& parts) {
  Parts addressed{routing_id_};
  addressed.insert(addressed.end(), parts.begin(), parts.end());
  send_parts(router, addressed);
}

Parts Pair::receive() {
  Parts parts = receive_parts(router);
  if (parts.empty()) return {};
  routing_id_ = parts.front();
  parts.erase(parts.begin());
  return parts;
}

Parts Pair::receive_answer() { return receive_parts(dealer); }

bool Pair::greet() {
  send({"greeting"});
  return receive() == Parts{"greeting"};
}

RawSocket RawSocket::connected_to(const std::string& endpoint) {
  const int descriptor = drills::begin_to_connect(drills::tcp_address(endpoint));
  if (!wait_for(descriptor, POLLOUT, patience_ms)) throw std::runtime_error("no connection");
  return RawSocket(descriptor);
}

RawSocket RawSocket::listening() { return RawSocket(drills::listen_on("127.0.0.1")); }

std::string RawSocket::endpoint() const { return drills::tcp_endpoint(drills::local_address(descriptor_)); }

RawSocket RawSocket::accept() const {
  if (!anything_waits(patience_ms)) throw std::runtime_error("nobody connects");
  return RawSocket(drills::accept_one(descriptor_));
}

bool RawSocket::anything_waits(int timeout_ms) const { return wait_for(descriptor_, POLLIN, timeout_ms); }

void RawSocket::send(const std::string& bytes) const {
  if (send_what_is_taken(bytes, patience_ms) != bytes.size()) throw std::runtime_error("cannot be sent");
}

std::size_t RawSocket::send_what_is_taken(const std::string& bytes, int timeout_ms) const {
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    const ssize_t sent = ::send(descriptor_, bytes.data() + taken, bytes.size() - taken, MSG_NOSIGNAL);
    if (sent > 0) taken += static_cast<std::size_t>(sent);
    if (sent < 0 && (errno != EAGAIN || !wait_for(descriptor_, POLLOUT, timeout_ms))) break;
  }
  return taken;
}

std::string RawSocket::receive(std::size_t bytes) const {
  std::string received;
  std::array<char, 65536> buffer{};
  while (received.size() < bytes && anything_waits(patience_ms)) {
    const ssize_t count = ::recv(descriptor_, buffer.data(), std::min(buffer.size(), bytes - received.size()), 0);
    if (count <= 0) break;
    received.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return received;
}

bool RawSocket::ended() const {
  char byte = 0;
  return anything_waits(patience_ms) && ::recv(descriptor_, &byte, 1, 0) <= 0;
}

void RawSocket::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

std::string zmtp_greeting() {
  std::string greeting(64, '\0');
  greeting[0] = '\xff';
  greeting[9] = '\x7f';
  greeting[10] = 3;
  greeting.replace(12, 4, "NULL");
  return greeting;
}

namespace {

std::string frame(unsigned flags, const std::string& body) {
  std::string bytes;
  if (body.size() < 256) {
    bytes.push_back(static_cast<char>(flags));
    bytes.push_back(static_cast<char>(body.size()));
  } else {
    bytes.push_back(static_cast<char>(flags | 2U));
    for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(body.size() >> shift & 0xff));
  }
  return bytes + body;
}

}  // namespace

std::string zmtp_command(const std::string& body) { return frame(4, body); }

std::string zmtp_message(const Parts& parts) {
  std::string bytes;
  for (std::size_t i = 0; i < parts.size(); ++i) bytes += frame(i + 1 < parts.size() ? 1 : 0, parts[i]);
  return bytes;
}

std::string zmtp_handshake() { return zmtp_greeting() + zmtp_command("\x05READY"); }

std::size_t open_descriptors() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    static_cast<void>(entry);
    ++count;
  }
  return count;
}

}  // namespace tagma::drills_test
