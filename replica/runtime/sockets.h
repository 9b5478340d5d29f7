// The ZeroMQ sockets of a replica with the options that bound them, and calls that never block.
#pragma once

#include <string>
#include <zmq.hpp>

#include "tagma/bytes.h"
#include "tagma/result.h"

namespace tagma::runtime {

/// High-water marks in messages, per connection.
struct SocketBounds {
  int receive_max = 512;
  int send_max = 512;
};

/// A ROUTER for bind_socket().
[[nodiscard]] zmq::socket_t make_router(zmq::context_t& context, SocketBounds bounds);
/// A DEALER for connect_socket(). Nothing queues for a peer that is not connected.
[[nodiscard]] zmq::socket_t make_dealer(zmq::context_t& context, SocketBounds bounds);

/// Binds to "tcp://host:port" (a host name is resolved first) or "ipc://path". The reason says what is wrong and the
/// mend, without naming the file and field, which the caller knows.
[[nodiscard]] std::optional<Refused> bind_socket(zmq::socket_t& socket, const std::string& address);
/// Starts connecting in the background; refuses only an address that can never work.
[[nodiscard]] std::optional<Refused> connect_socket(zmq::socket_t& socket, const std::string& address);

/// Receives one message part; false if none waits.
[[nodiscard]] bool try_receive(zmq::socket_t& socket, zmq::message_t& part);
/// Sends one message of one part; false if it cannot be queued now.
[[nodiscard]] bool try_send(zmq::socket_t& socket, Bytes record);
/// Sends one message to a connection of a ROUTER; silently dropped if the connection is gone or its queue is full.
void send_to(zmq::socket_t& router, ByteView routing_id, Bytes record);
/// Whether a message can be queued for sending now.
[[nodiscard]] bool can_send(zmq::socket_t& socket);
/// The descriptor to wait on. Edge-like: only after the socket said that nothing waits.
[[nodiscard]] int wait_descriptor(zmq::socket_t& socket);

[[nodiscard]] inline ByteView view_of(const zmq::message_t& message) {
  return {static_cast<const char*>(message.data()), message.size()};
}

}  // namespace tagma::runtime
