#include "test/end_to_end/double/client_link.h"

#include <algorithm>
#include <utility>

#include "messages/validate.h"
#include "messages/wire/codec.h"
#include "tagma/limits.h"

namespace tagma::end_to_end {
namespace {

constexpr int frames_waiting_max = 64;
constexpr std::int64_t hello_every_us = 500'000;
constexpr std::size_t sent_kept_max = 32;

}  // namespace

ClientLink::ClientLink(zmq::context_t& context, const ReplicaMember& replica, const Membership& membership,
                       const Principal& principal, const crypto::Identity& identity)
    : channel_({membership.cluster, membership.epoch}, {principal, 0},
               {{PrincipalKind::replica, replica.id}, replica.incarnation}, replica.key, identity),
      socket_(context, zmq::socket_type::dealer) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(limits::frame_bytes_max));
  socket_.set(zmq::sockopt::sndhwm, frames_waiting_max);
  socket_.set(zmq::sockopt::rcvhwm, frames_waiting_max);
  socket_.set(zmq::sockopt::immediate, true);
  socket_.set(zmq::sockopt::reconnect_ivl, 50);
  socket_.set(zmq::sockopt::reconnect_ivl_max, 1'000);
  socket_.connect(replica.client_address);
}

void ClientLink::tick(std::int64_t now_us) {
  if (!hello_wanted_ || now_us < hello_us_) return;
  if (send_hello()) hello_us_ = now_us + hello_every_us;
}

void ClientLink::receive(std::vector<Message>& messages) {
  zmq::message_t record;
  while (socket_.recv(record, zmq::recv_flags::dontwait)) {
    const ByteView bytes{static_cast<const char*>(record.data()), record.size()};
    const auto kind = crypto::record_kind(bytes);
    if (!kind) continue;
    if (*kind == crypto::RecordKind::accept && !channel_.accept(bytes)) hello_wanted_ = false;
    if (*kind == crypto::RecordKind::reset && established() && channel_.is_reset(bytes)) hello_wanted_ = true;
    if (*kind != crypto::RecordKind::frame || !established()) continue;
    const auto bodies = channel_.open(bytes);
    if (!bodies) continue;
    for (const auto body : *bodies) {
      auto message = wire::decode(body);
      if (message && may_send(PrincipalKind::replica, *message)) messages.push_back(std::move(*message));
    }
  }
}

bool ClientLink::send(const Bytes& body) {
  if (!established()) return false;
  const crypto::Body only{body, hasher_.digest(body)};
  Bytes record = channel_.seal({&only, 1});
  const bool left = send_record(record);
  if (left) sent_.push_back(std::move(record));
  if (sent_.size() > sent_kept_max) sent_.pop_front();
  return left;
}

bool ClientLink::send_record(const Bytes& record) {
  return socket_.send(zmq::buffer(record), zmq::send_flags::dontwait).has_value();
}

ClientLinks::ClientLinks(zmq::context_t& context, const Membership& membership, const Principal& principal,
                         const crypto::Identity& identity) {
  for (const auto& replica : membership.replicas) {
    links_.push_back(std::make_unique<ClientLink>(context, replica, membership, principal, identity));
  }
}

std::vector<ClientLinks::Heard> ClientLinks::turn(std::int64_t now_us, std::int64_t wait_us) {
  std::vector<zmq::pollitem_t> items;
  for (const auto& link : links_) {
    link->tick(now_us);
    items.push_back(link->poll_item());
  }
  try {
    zmq::poll(items, std::chrono::milliseconds(std::max<std::int64_t>(wait_us, 0) / 1'000));
  } catch (const zmq::error_t& interrupted) {
    if (interrupted.num() != EINTR) throw;
  }
  std::vector<Heard> heard;
  for (std::size_t id = 0; id < links_.size(); ++id) {
    std::vector<Message> messages;
    links_[id]->receive(messages);
    for (auto& message : messages) heard.push_back({static_cast<ReplicaId>(id), std::move(message)});
  }
  return heard;
}

std::uint32_t ClientLinks::established() const {
  return static_cast<std::uint32_t>(
      std::count_if(links_.begin(), links_.end(), [](const auto& link) { return link->established(); }));
}

}  // namespace tagma::end_to_end
