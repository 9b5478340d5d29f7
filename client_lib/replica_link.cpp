#include "client_lib/replica_link.h"

#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "messages/validate.h"
#include "messages/wire/codec.h"
#include "tagma/limits.h"

namespace tagma {
namespace {

constexpr std::int64_t hello_first_wait_us = 50'000;
constexpr std::int64_t hello_wait_max_us = 1'000'000;
/// A RESET is not authenticated: however many come, handshakes start no faster than this.
constexpr std::int64_t hello_spacing_us = 100'000;
constexpr std::int64_t silence_us = 3'000'000;

// Few frames wait at a time: a replica that sends without end holds at most this many of the largest size in memory,
// and a replica that reads nothing is not written to.
constexpr int frames_waiting_max = 32;
constexpr int reconnect_first_ms = 20;
constexpr int reconnect_max_ms = 1'000;
constexpr int heartbeat_ms = 2'000;
constexpr int heartbeat_timeout_ms = 6'000;
constexpr int sockets_max = 16'384;

/// What a body adds to a frame beside its bytes (length and digest), and what the frame itself needs; generous.
constexpr std::size_t body_overhead_bytes = 64;
constexpr std::size_t frame_overhead_bytes = 4096;

}  // namespace

std::shared_ptr<zmq::context_t> shared_context() {
  static std::mutex mutex;
  static std::weak_ptr<zmq::context_t> current;
  static pid_t owner = 0;
  const std::lock_guard lock(mutex);
  auto context = current.lock();
  // A forked child inherits the object but none of its threads: its sockets would never send.
  if (!context || owner != ::getpid()) {
    context = std::make_shared<zmq::context_t>(1);
    context->set(zmq::ctxopt::max_sockets, sockets_max);
    current = context;
    owner = ::getpid();
  }
  return context;
}

ReplicaLink::ReplicaLink(zmq::context_t& context, const ReplicaMember& replica, crypto::ChannelScope scope,
                         crypto::ChannelEnd local, const crypto::Identity& identity)
    : channel_(scope, local, {{PrincipalKind::replica, replica.id}, replica.incarnation}, replica.key, identity),
      socket_(context, zmq::socket_type::dealer),
      hello_wait_us_(hello_first_wait_us) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(limits::frame_bytes_max));
  socket_.set(zmq::sockopt::sndhwm, frames_waiting_max);
  socket_.set(zmq::sockopt::rcvhwm, frames_waiting_max);
  // Without a connection a send fails at once instead of filling a queue with what will be stale when it leaves.
  socket_.set(zmq::sockopt::immediate, true);
  socket_.set(zmq::sockopt::reconnect_ivl, reconnect_first_ms);
  socket_.set(zmq::sockopt::reconnect_ivl_max, reconnect_max_ms);
  socket_.set(zmq::sockopt::heartbeat_ivl, heartbeat_ms);
  socket_.set(zmq::sockopt::heartbeat_timeout, heartbeat_timeout_ms);
  socket_.connect(replica.client_address);
}

bool ReplicaLink::receive(std::int64_t now_us, LinkInput& input) {
  input.connected = false;
  input.messages.clear();
  zmq::message_t record;
  if (!socket_.recv(record, zmq::recv_flags::dontwait)) return false;
  const ByteView bytes{static_cast<const char*>(record.data()), record.size()};
  const auto kind = crypto::record_kind(bytes);
  if (!kind) return true;
  switch (*kind) {
    case crypto::RecordKind::accept:
      if (channel_.accept(bytes)) break;  // not an answer to our last HELLO
      input.connected = true;
      hello_due_us_.reset();
      hello_wait_us_ = hello_first_wait_us;
      unanswered_since_us_.reset();
      break;
    case crypto::RecordKind::frame: take_frame(bytes, input); break;
    case crypto::RecordKind::reset:
      // A HELLO on its way is left alone: a newer one would make its answer worthless.
      if (!hello_due_us_ && channel_.is_reset(bytes)) shake_hands_soon(now_us);
      break;
    case crypto::RecordKind::hello: break;  // replicas do not open channels to clients
  }
  return true;
}

void ReplicaLink::take_frame(ByteView record, LinkInput& input) {
  if (!channel_.established()) return;
  const auto bodies = channel_.open(record);
  if (!bodies) return;
  unanswered_since_us_.reset();
  for (const auto body : *bodies) {
    auto message = wire::decode(body);
    if (message && may_send(PrincipalKind::replica, *message)) input.messages.push_back(std::move(*message));
  }
}

void ReplicaLink::post(SharedEncodedMessage message) { posted_.push_back(std::move(message)); }

void ReplicaLink::transmit(std::int64_t now_us) {
  if (posted_.empty()) return;
  if (channel_.established()) {
    std::vector<crypto::Body> bodies;
    bodies.reserve(posted_.size());
    std::size_t bytes = frame_overhead_bytes;
    for (const auto& message : posted_) {
      const std::size_t added = message->bytes.size() + body_overhead_bytes;
      if (!bodies.empty() && (bodies.size() == limits::frame_messages_max || bytes + added > limits::frame_bytes_max)) {
        send_frame(now_us, bodies);
        bodies.clear();
        bytes = frame_overhead_bytes;
      }
      bodies.push_back({message->bytes, message->digest});
      bytes += added;
    }
    send_frame(now_us, bodies);
  }
  posted_.clear();
}

void ReplicaLink::send_frame(std::int64_t now_us, std::span<const crypto::Body> bodies) {
  if (send(channel_.seal(bodies)) && !unanswered_since_us_) unanswered_since_us_ = now_us;
}

bool ReplicaLink::send(const Bytes& record) {
  const auto sent = socket_.send(zmq::buffer(record), zmq::send_flags::dontwait);
  blocked_ = !sent.has_value();
  return !blocked_;
}

void ReplicaLink::tick(std::int64_t now_us) {
  if (unanswered_since_us_ && now_us - *unanswered_since_us_ >= silence_us) {
    unanswered_since_us_.reset();
    if (!hello_due_us_) shake_hands_soon(now_us);
  }
  if (!hello_due_us_ || now_us < *hello_due_us_ || blocked_) return;
  if (!send(channel_.hello())) {
    hello_due_us_.reset();  // on_writable() asks again
    return;
  }
  hello_sent_us_ = now_us;
  hello_due_us_ = now_us + hello_wait_us_;
  hello_wait_us_ = std::min(hello_wait_us_ * 2, hello_wait_max_us);
}

std::optional<std::int64_t> ReplicaLink::due_us() const {
  std::optional<std::int64_t> due;
  if (unanswered_since_us_) due = *unanswered_since_us_ + silence_us;
  if (hello_due_us_ && !blocked_) due = std::min(due.value_or(*hello_due_us_), *hello_due_us_);
  return due;
}

zmq::pollitem_t ReplicaLink::poll_item() {
  const auto events = static_cast<short>(blocked_ ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN);
  return {socket_.handle(), 0, events, 0};
}

void ReplicaLink::on_writable(std::int64_t now_us) {
  if (!blocked_) return;
  blocked_ = false;
  // Most likely the connection was lost and is back, and the replica may have forgotten the channel.
  shake_hands_soon(now_us);
}

void ReplicaLink::shake_hands_soon(std::int64_t now_us) {
  const std::int64_t earliest_us = hello_sent_us_ ? *hello_sent_us_ + hello_spacing_us : now_us;
  const std::int64_t wanted_us = std::max(now_us, earliest_us);
  hello_due_us_ = std::min(hello_due_us_.value_or(wanted_us), wanted_us);
}

}  // namespace tagma
