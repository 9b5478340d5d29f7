#include "test/sim/network.h"

#include <algorithm>
#include <utility>

namespace tagma::sim {

void Packet::decode() {
  if (!decoded_) decoded_.emplace(wire::decode(bytes_));
}

const std::string* Packet::refused() {
  decode();
  return decoded_->ok() ? nullptr : &decoded_->reason();
}

const Message& Packet::message() {
  decode();
  return **decoded_;
}

Network::Network(const SimOptions& options, Scheduler& scheduler, Coverage& coverage, Deliver deliver)
    : scheduler_(scheduler),
      coverage_(coverage),
      deliver_(std::move(deliver)),
      random_(options.seed, "network"),
      replica_links_(options.replica_links),
      client_links_(options.client_links) {}

std::string_view Network::send(const Principal& from, const Principal& to, std::shared_ptr<Packet> packet) {
  ++sent_;
  bytes_ += packet->size();
  const bool between_replicas = from.kind == PrincipalKind::replica && to.kind == PrincipalKind::replica;
  const auto& link = between_replicas ? replica_links_ : client_links_;
  if (!cuts_.empty() && cuts_.contains({from, to})) {
    coverage_.count("fault: message cut off");
    return "cut off";
  }
  if (random_.chance(link.loss_ppm)) {
    coverage_.count("fault: message lost");
    return "lost";
  }
  if (random_.chance(link.duplicate_ppm)) {
    coverage_.count("fault: message duplicated");
    schedule(from, to, packet, link);
  }
  schedule(from, to, std::move(packet), link);
  return "sent";
}

VirtualUs Network::draw_delay(const LinkOptions& link) {
  auto delay_us =
      link.delay_min_us + static_cast<VirtualUs>(random_.below(static_cast<std::uint64_t>(link.delay_spread_us) + 1));
  if (random_.chance(link.slow_ppm)) {
    coverage_.count("fault: message slow");
    // Doubles with probability one half each time: a tail without logarithms.
    auto coins = random_.next();
    do {
      delay_us = std::min<VirtualUs>(delay_us * 2, 200'000);
      coins >>= 1U;
    } while ((coins & 1U) != 0);
  }
  return delay_us;
}

void Network::schedule(const Principal& from, const Principal& to, std::shared_ptr<Packet> packet,
                       const LinkOptions& link) {
  auto at_us = scheduler_.now_us() + draw_delay(link);
  auto& last_us = last_arrival_us_[{from, to}];
  if (at_us < last_us) {
    if (link.in_order) {
      at_us = last_us;
    } else {
      coverage_.count("fault: message overtaken");
    }
  }
  last_us = std::max(last_us, at_us);
  scheduler_.at(at_us, [this, from, to, carried = std::move(packet)] { deliver_(from, to, carried); });
}

void Network::mend(const Principal& from, const Principal& to) {
  const auto found = cuts_.find({from, to});
  if (found != cuts_.end() && --found->second == 0) cuts_.erase(found);
}

void Network::heal() {
  cuts_.clear();
  for (auto* link : {&replica_links_, &client_links_}) {
    link->loss_ppm = 0;
    link->duplicate_ppm = 0;
    link->slow_ppm = 0;
  }
}

}  // namespace tagma::sim
