#include "replica/runtime/listener.h"

namespace tagma::runtime {

Listener::Listener(std::string_view name, zmq::socket_t socket, crypto::ChannelScope scope, crypto::ChannelEnd local,
                   const crypto::Identity& identity, crypto::ChannelAcceptor::Lookup lookup,
                   const ListenerBounds& bounds, Counters& counters, Log& log)
    : name_(name),
      socket_(std::move(socket)),
      acceptor_(scope, local, identity, std::move(lookup), bounds.channels_per_principal_max),
      bounds_(bounds),
      hellos_(bounds.hellos_per_second, bounds.hello_burst),
      resets_(bounds.resets_per_second, bounds.resets_per_second),
      inbox_(bounds.inbox),
      counters_(counters),
      log_(log) {}

bool Listener::receive(MonotonicUs now_us) {
  bool any = false;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < bounds_.receive_frames_max && bytes < bounds_.receive_bytes_max; ++i) {
    if (inbox_.full()) {
      any = true;  // what waits in the transport is read once this is served
      break;
    }
    auto frame = inbox_.take_frame();
    if (!try_receive(socket_, frame->routing_id)) {
      inbox_.give_back(std::move(frame));
      break;
    }
    any = true;
    if (!receive_record(*frame)) {
      refuse("record refused", "not one message part", now_us);
      inbox_.give_back(std::move(frame));
      continue;
    }
    bytes += frame->record.size();
    ++counters_.traffic.frames_received;
    counters_.traffic.bytes_received += frame->record.size();
    take_record(std::move(frame), now_us);
  }
  return answer_hellos(now_us) || any;
}

/// The part behind the routing id, which must be the last one. Further parts are read and dropped: a message is atomic
/// in ZeroMQ, its parts are there.
bool Listener::receive_record(Frame& frame) {
  if (!frame.routing_id.more() || !try_receive(socket_, frame.record)) return false;
  if (!frame.record.more()) return true;
  zmq::message_t surplus;
  do {
    if (!try_receive(socket_, surplus)) return false;
  } while (surplus.more());
  return false;
}

void Listener::take_record(std::unique_ptr<Frame> frame, MonotonicUs now_us) {
  const ByteView record = view_of(frame->record);
  const auto kind = crypto::record_kind(record);
  if (!kind) {
    refuse("record refused", kind.reason(), now_us);
  } else if (*kind == crypto::RecordKind::frame) {
    take_frame(std::move(frame), now_us);
    return;
  } else if (*kind == crypto::RecordKind::hello) {
    if (!hellos_.push(view_of(frame->routing_id), record)) refuse("handshake refused", "too many waiting", now_us);
  } else {
    refuse("record refused", "of the bound side", now_us);
  }
  inbox_.give_back(std::move(frame));
}

void Listener::take_frame(std::unique_ptr<Frame> frame, MonotonicUs now_us) {
  const ByteView record = view_of(frame->record);
  auto opened = acceptor_.open(record);
  if (!opened) {
    const Bytes reset = acceptor_.reset_for(record);
    if (reset.empty()) {
      refuse("frame refused", opened.reason(), now_us);
    } else {
      // Nothing that a person need look at: whoever had a channel to the process before shakes hands again.
      counters_.refuse("frame refused", opened.reason());
    }
    if (!reset.empty() && resets_.take(now_us)) {
      send_to(socket_, view_of(frame->routing_id), reset);
      counters_.add("resets_sent");
    }
    inbox_.give_back(std::move(frame));
    return;
  }
  frame->opened = std::move(*opened);
  if (on_frame_) on_frame_(frame->opened.from, frame->opened.channel, view_of(frame->routing_id));
  counters_.traffic.messages_received += frame->opened.bodies.size();
  if (frame->opened.bodies.empty()) {
    inbox_.give_back(std::move(frame));
  } else if (!inbox_.push(std::move(frame))) {
    refuse("frame refused", "queue of its sender is full", now_us);
  }
}

/// Returns whether any was looked at: what was sent then may have swallowed the socket's wake-up.
bool Listener::answer_hellos(MonotonicUs now_us) {
  bool any = false;
  while (auto hello = hellos_.next(now_us)) {
    any = true;
    counters_.add("handshakes_verified");
    const auto accept = acceptor_.hello(hello->record);
    if (!accept) {
      refuse("handshake refused", accept.reason(), now_us);
      continue;
    }
    counters_.add("handshakes_answered");
    send_to(socket_, hello->routing_id, *accept);
  }
  return any;
}

bool Listener::send(crypto::ChannelId channel, ByteView routing_id, std::span<const crypto::Body> bodies) {
  Bytes frame = acceptor_.seal(channel, bodies);
  if (frame.empty()) return false;
  ++counters_.traffic.frames_sent;
  counters_.traffic.bytes_sent += frame.size();
  counters_.traffic.messages_sent += bodies.size();
  send_to(socket_, routing_id, std::move(frame));
  return true;
}

void Listener::refuse(std::string_view category, std::string_view reason, MonotonicUs now_us) {
  counters_.refuse(category, reason);
  if (!log_.may_warn(category, now_us)) return;
  std::string line(name_);
  line += ": ";
  line += category;
  line += ": ";
  line += reason;
  line += " (";
  line += std::to_string(counters_.refused_total());
  line += " refusals so far)";
  log_.warn(line);
}

}  // namespace tagma::runtime
