#include "docker/drills/proxied_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "docker/drills/tcp.h"

namespace tagma::drills {
namespace {

/// What a delay may hold back in one direction of a connection. Beyond it the sender waits.
constexpr std::size_t held_bytes_max = std::size_t{32} << 20;

std::optional<MonotonicNs> earlier(std::optional<MonotonicNs> one, std::optional<MonotonicNs> other) {
  if (!one || !other) return one ? one : other;
  return std::min(*one, *other);
}

}  // namespace

Flow::Read Flow::read(int source, int sink, std::span<char> scratch) {
  const std::size_t most = sink_ended_ || cut_without_rest() ? scratch.size() : link_.read_bytes(scratch.size());
  const ssize_t received = ::recv(source, scratch.data(), most, MSG_DONTWAIT);
  if (received == 0) return Read::ended;
  if (received < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? Read::some : Read::ended;
  if (sink_ended_) return Read::some;
  // The clock is read after the bytes, so that a delay is never shorter than it should be.
  return take(sink, {scratch.data(), static_cast<std::size_t>(received)}, monotonic_ns()) ? Read::some : Read::broken;
}

bool Flow::take(int sink, ByteView bytes, MonotonicNs now_ns) {
  while (!bytes.empty()) {
    const StreamPiece piece = stream_.next(bytes);
    if (piece.kind == StreamPiece::Kind::broken) return false;
    ByteView stretch = bytes.substr(0, piece.bytes);
    bytes.remove_prefix(piece.bytes);
    if (drops(piece)) continue;
    if (piece.kind == StreamPiece::Kind::transport) {
      pass(sink, stretch, false, now_ns, now_ns);
      continue;
    }
    bool begins = piece.begins;
    while (!stretch.empty()) {
      const ByteView portion = stretch.substr(0, link_.portion_bytes());
      stretch.remove_prefix(portion.size());
      pass(sink, portion, begins, link_.send_by_ns(portion.size(), now_ns) + late_ns_, now_ns);
      begins = false;
    }
  }
  send_run(sink, now_ns);
  return true;
}

/// Decided where a message or command begins, for all of it: the receiver must see whole ones.
bool Flow::drops(const StreamPiece& piece) {
  if (piece.kind == StreamPiece::Kind::transport) {
    if (piece.begins) dropping_command_ = link_.fault().cut && stream_.shaken();
    return dropping_command_;
  }
  if (piece.begins) {
    dropping_message_ = link_.drops_message();
    late_ns_ = dropping_message_ ? 0 : link_.draw_lateness_ns();
  }
  return dropping_message_;
}

void Flow::pass(int sink, ByteView bytes, bool begins_message, MonotonicNs release_ns, MonotonicNs now_ns) {
  if (sink_ended_) return;
  if (held_.empty() && release_ns <= now_ns) {
    const bool adjoins = !run_.empty() && run_.data() + run_.size() == bytes.data();
    if (!adjoins) send_run(sink, now_ns);
    if (held_.empty()) {
      run_ = adjoins ? ByteView(run_.data(), run_.size() + bytes.size()) : bytes;
      return;
    }
  }
  send_run(sink, now_ns);
  if (sink_ended_) return;
  held_.add(bytes, std::max(release_ns, held_.last_ns()), begins_message);
}

void Flow::send_run(int sink, MonotonicNs now_ns) {
  if (run_.empty()) return;
  const ByteView run = run_;
  run_ = {};
  const HeldBytes::Sent sent = send_now(sink, run);
  link_.counts().bytes += sent.bytes;
  if (sent.outcome == HeldBytes::Outcome::broken) {
    sink_ended();
  } else if (sent.outcome == HeldBytes::Outcome::blocked) {
    blocked_ = true;
    held_.add(run.substr(sent.bytes), now_ns, false);
  }
}

void Flow::send(int sink, MonotonicNs now_ns) {
  if (blocked_ || sink_ended_) return;
  const HeldBytes::Sent sent = held_.send(sink, now_ns);
  link_.counts().bytes += sent.bytes;
  blocked_ = sent.outcome == HeldBytes::Outcome::blocked;
  if (sent.outcome == HeldBytes::Outcome::broken) sink_ended();
}

void Flow::sink_ended() {
  sink_ended_ = true;
  blocked_ = false;
  run_ = {};
  held_.clear();
}

void Flow::fault_changed() {
  if (!link_.fault().cut || sink_ended_) return;
  const std::uint64_t dropped = held_.drop_messages();
  if (dropped == 0) return;
  link_.counts().dropped += dropped;
  // What is coming in began behind the first of them, so its rest goes the same way.
  dropping_message_ = true;
  dropping_command_ = true;
}

/// Whether all that comes next is dropped, and thus read without end.
bool Flow::cut_without_rest() const {
  return link_.fault().cut && stream_.shaken() && (!stream_.inside_message() || dropping_message_);
}

bool Flow::may_read(MonotonicNs now_ns) const {
  if (sink_ended_) return true;
  if (link_.fault().cut) {
    // A handshake waits for the end of the cut, for ZeroMQ does not repeat it. Everything else is read to be dropped,
    // and would otherwise arrive after the cut, but for the rest of a message that has begun to pass.
    return stream_.shaken() && (cut_without_rest() || held_.cost_bytes() < held_bytes_max);
  }
  return !blocked_ && held_.cost_bytes() < held_bytes_max && !link_.busy_until_ns(now_ns);
}

std::optional<MonotonicNs> Flow::wake_at_ns(MonotonicNs now_ns) const {
  const auto due_ns = blocked_ ? std::nullopt : held_.due_ns();
  return earlier(due_ns, sink_ended_ ? std::nullopt : link_.busy_until_ns(now_ns));
}

ProxiedConnection::ProxiedConnection(EventLoop& loop, std::span<char> scratch, int accepted, int connecting,
                                     FaultLink& forward, FaultLink& backward)
    : loop_(loop), scratch_(scratch), near_(*this, accepted, forward), far_(*this, connecting, backward) {
  far_.awaited = EPOLLOUT;
  loop_.add(near_.descriptor, near_.awaited, near_);
  loop_.add(far_.descriptor, far_.awaited, far_);
}

void ProxiedConnection::on_ready(End& end, std::uint32_t events, MonotonicNs now_ns) {
  if (end.descriptor < 0) return;
  if (!connected_ && &end == &far_) {
    connected_or_refused(now_ns);
    return;
  }
  Flow& out = other(end).flow;
  if ((events & EPOLLOUT) != 0) {
    out.unblock();
    out.send(end.descriptor, now_ns);
  }
  if (connected_ && end.flow.may_read(now_ns)) {
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read(end);
  } else if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
    // Reset. epoll would tell it again and again while we do not want to read.
    ended(end);
  }
  update(now_ns);
}

void ProxiedConnection::connected_or_refused(MonotonicNs now_ns) {
  connected_ = has_connected(far_.descriptor);
  if (connected_) {
    update(now_ns);
  } else {
    close();  // ZeroMQ connects again by itself, after a while
  }
}

void ProxiedConnection::on_time(MonotonicNs now_ns) {
  if (near_.descriptor >= 0) far_.flow.send(near_.descriptor, now_ns);
  if (far_.descriptor >= 0) near_.flow.send(far_.descriptor, now_ns);
  update(now_ns);
}

void ProxiedConnection::read(End& end) {
  switch (end.flow.read(end.descriptor, other(end).descriptor, scratch_)) {
    case Flow::Read::some: break;
    case Flow::Read::ended: ended(end); break;
    case Flow::Read::broken: close(); break;
  }
}

void ProxiedConnection::ended(End& end) {
  loop_.remove(end.descriptor);
  ::close(end.descriptor);
  end.descriptor = -1;
  other(end).flow.sink_ended();
}

/// Once one side has ended and all of its has been passed on, the other is told. It is kept until it has ended too:
/// closed earlier, with something unread, it would lose what was passed on last.
void ProxiedConnection::finish_where_all_is_passed_on(End& from) {
  End& to = other(from);
  if (from.descriptor >= 0 || to.descriptor < 0 || !from.flow.empty() || to.finished) return;
  to.finished = true;
  ::shutdown(to.descriptor, SHUT_WR);
}

void ProxiedConnection::close() {
  for (End* end : {&near_, &far_}) {
    if (end->descriptor >= 0) ended(*end);
    loop_.wake(*end, std::nullopt);
  }
}

void ProxiedConnection::fault_changed(MonotonicNs now_ns) {
  near_.flow.fault_changed();
  far_.flow.fault_changed();
  update(now_ns);
}

/// After everything that happened: what to wait for now.
void ProxiedConnection::update(MonotonicNs now_ns) {
  if (!connected_ || closed()) {
    if (near_.descriptor < 0) close();
    return;
  }
  finish_where_all_is_passed_on(near_);
  finish_where_all_is_passed_on(far_);
  std::optional<MonotonicNs> wake_at_ns;
  for (End* end : {&near_, &far_}) {
    Flow& out = other(*end).flow;
    std::uint32_t events = 0;
    if (end->flow.may_read(now_ns)) events |= EPOLLIN;
    if (out.blocked()) events |= EPOLLOUT;
    if (end->descriptor >= 0) watch(*end, events);
    if (other(*end).descriptor >= 0) wake_at_ns = earlier(wake_at_ns, end->flow.wake_at_ns(now_ns));
  }
  loop_.wake(near_, wake_at_ns);
}

void ProxiedConnection::watch(End& end, std::uint32_t events) const {
  if (end.awaited == events) return;
  end.awaited = events;
  loop_.change(end.descriptor, events, end);
}

}  // namespace tagma::drills
