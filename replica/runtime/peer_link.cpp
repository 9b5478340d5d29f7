#include "replica/runtime/peer_link.h"

namespace tagma::runtime {
namespace {

constexpr int records_per_turn_max = 16;
/// How soon to look again whether a connection is up, should its wake-up be missed.
constexpr MonotonicUs connection_check_us = 50'000;

}  // namespace

PeerLink::PeerLink(zmq::socket_t socket, const ReplicaMember& peer, crypto::ChannelScope scope,
                   crypto::ChannelEnd local, const crypto::Identity& identity, Counters& counters, Log& log)
    : socket_(std::move(socket)),
      peer_(peer.id),
      address_(peer.replica_address),
      initiator_(scope, local, crypto::ChannelEnd{Principal{PrincipalKind::replica, peer.id}, peer.incarnation},
                 peer.key, identity),
      counters_(counters),
      log_(log) {}

bool PeerLink::receive(MonotonicUs now_us) {
  bool any = false;
  zmq::message_t part;
  for (int i = 0; i < records_per_turn_max && try_receive(socket_, part); ++i) {
    any = true;
    counters_.traffic.bytes_received += part.size();
    const bool single = !part.more();
    zmq::message_t surplus;
    for (bool more = !single; more;) more = try_receive(socket_, surplus) && surplus.more();
    if (single) {
      take_record(view_of(part), now_us);
    } else {
      counters_.refuse("record refused", "not one message part");
    }
  }
  return any;
}

void PeerLink::take_record(ByteView record, MonotonicUs now_us) {
  const auto kind = crypto::record_kind(record);
  if (!kind) {
    counters_.refuse("record refused", kind.reason());
  } else if (*kind == crypto::RecordKind::accept) {
    if (!timer_.waiting() || !accepts_.take(now_us)) {
      counters_.refuse("handshake refused", "ACCEPT that nobody waits for");
      return;
    }
    if (const auto refused = initiator_.accept(record)) {
      counters_.refuse("handshake refused", refused->reason);
      // Mostly the late answer to a HELLO that a repeated one has replaced: no reason to worry anybody.
      log_.debug("ACCEPT of replica " + std::to_string(peer_) + " refused: " + refused->reason);
      return;
    }
    timer_.accepted();
    counters_.add("handshakes_done");
    log_.info("connected to replica " + std::to_string(peer_) + " at " + address_);
  } else if (*kind == crypto::RecordKind::reset && initiator_.is_reset(record)) {
    if (timer_.reset(now_us)) {
      counters_.add("resets_received");
      if (log_.may_warn("reset", now_us)) {
        log_.info("replica " + std::to_string(peer_) + " does not know our channel: shaking hands again");
      }
    }
  } else {
    counters_.refuse("record refused", "of the connecting side");
  }
}

bool PeerLink::shake_hands(MonotonicUs now_us) {
  if (!timer_.due(now_us) || !can_send(socket_)) return false;
  if (!try_send(socket_, initiator_.hello())) return false;
  timer_.sent(now_us);
  counters_.add("handshakes_begun");
  return true;
}

void PeerLink::add(const OutgoingBody& body) {
  if (!established()) {
    counters_.add("messages dropped: peer not connected");
    return;
  }
  gather_.add(body);
  if (gather_.full()) flush();
}

bool PeerLink::flush() {
  if (gather_.empty()) return false;
  gather_.flush([this](std::span<const crypto::Body> bodies) { send_frame(bodies); });
  return true;
}

void PeerLink::send_frame(std::span<const crypto::Body> bodies) {
  Bytes frame = initiator_.seal(bodies);
  const std::size_t size = frame.size();
  if (!try_send(socket_, std::move(frame))) {
    counters_.add("frames dropped: queue to a peer is full");
    return;
  }
  ++counters_.traffic.frames_sent;
  counters_.traffic.bytes_sent += size;
  counters_.traffic.messages_sent += bodies.size();
}

std::optional<MonotonicUs> PeerLink::wake_at_us(MonotonicUs now_us) const {
  const auto due_us = timer_.due_us();
  if (!due_us) return std::nullopt;
  // A HELLO that is due and cannot leave waits for the connection, not for the clock.
  return *due_us > now_us ? *due_us : now_us + connection_check_us;
}

}  // namespace tagma::runtime
