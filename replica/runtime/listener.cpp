#include "replica/runtime/listener.h"

namespace tagma::runtime {
namespace {

/// Connections whose frames are dropped before their MAC is looked at.
constexpr std::size_t cut_off_connections_max = 256;

}  // namespace

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
      guard_(bounds.faulty_max),
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
  if (is_cut_off(view_of(frame->routing_id), now_us)) {
    counters_.refuse("frame refused", "sender is cut off");
    return inbox_.give_back(std::move(frame));
  }
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
  frame->opened.bodies.empty() ? inbox_.give_back(std::move(frame)) : queue_frame(std::move(frame), now_us);
}

void Listener::queue_frame(std::unique_ptr<Frame> frame, MonotonicUs now_us) {
  const Principal sender = frame->opened.from.principal;
  const Bytes routing_id(view_of(frame->routing_id));
  if (guard_.is_cut_off(sender, now_us)) {
    counters_.refuse("frame refused", "sender is cut off");  // another connection of it
    cut_off(routing_id, guard_.cut_until_us(sender));
    return inbox_.give_back(std::move(frame));
  }
  if (inbox_.push(std::move(frame))) return;
  refuse("frame refused", "queue of its sender is full", now_us);
  if (!guard_.overflowed(sender, now_us)) return;
  const MonotonicUs until_us = guard_.cut_until_us(sender);
  cut_off(routing_id, until_us);
  counters_.add("senders cut off");
  std::string line(name_);
  line += ": " + to_string(sender) + " sends so much more than the others that it is not heard for ";
  line += std::to_string((until_us - now_us) / 1'000'000) + " s";
  log_.warn(line);
}

bool Listener::is_cut_off(ByteView routing_id, MonotonicUs now_us) {
  if (cut_off_until_.empty()) return false;
  const auto found = cut_off_until_.find(routing_id);
  if (found == cut_off_until_.end()) return false;
  if (now_us < found->second) return true;
  cut_off_until_.erase(found);
  return false;
}

void Listener::cut_off(ByteView routing_id, MonotonicUs until_us) {
  // Who has that many connections is known by its MAC on all others.
  if (cut_off_until_.size() < cut_off_connections_max) cut_off_until_[Bytes(routing_id)] = until_us;
}

std::optional<Inbox::Item> Listener::next() {
  auto item = inbox_.next();
  if (item) serving_ = item->from.principal;
  return item;
}

void Listener::charge(std::uint64_t cost_ns, bool proposal, MonotonicUs now_us) {
  inbox_.charge(cost_ns);
  guard_.served(serving_, proposal ? 0 : cost_ns, now_us);
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
