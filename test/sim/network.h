// The network between all machines: delay, loss, duplication, reordering, cuts of single directions.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "messages/messages.h"
#include "messages/wire/codec.h"
#include "test/sim/coverage.h"
#include "test/sim/options.h"
#include "test/sim/random.h"
#include "test/sim/scheduler.h"

namespace tagma::sim {

/// The encoded bytes of one message on their way. A broadcast shares one packet; decoding is pure, so its result is
/// kept for the other receivers.
class Packet {
 public:
  explicit Packet(Bytes bytes) : bytes_(std::move(bytes)) {}
  /// Why the receiver's codec refuses it, or null.
  [[nodiscard]] const std::string* refused();
  /// The decoded message; only where it is not refused.
  [[nodiscard]] const Message& message();
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }

 private:
  void decode();
  Bytes bytes_;
  std::optional<Result<Message>> decoded_;
};

class Network {
 public:
  using Deliver = std::function<void(const Principal& from, const Principal& to, const std::shared_ptr<Packet>&)>;

  Network(const SimOptions& options, Scheduler& scheduler, Coverage& coverage, Deliver deliver);

  /// Takes a packet; returns "lost" or "cut" if it will not arrive, "sent" otherwise.
  std::string_view send(const Principal& from, const Principal& to, std::shared_ptr<Packet> packet);

  /// Nothing of `from` reaches `to` until mend().
  void cut(const Principal& from, const Principal& to) { ++cuts_[{from, to}]; }
  void mend(const Principal& from, const Principal& to);
  /// From now on every packet arrives once, soon.
  void heal();

  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  using Link = std::pair<Principal, Principal>;
  [[nodiscard]] VirtualUs draw_delay(const LinkOptions& link);
  void schedule(const Principal& from, const Principal& to, std::shared_ptr<Packet> packet, const LinkOptions& link);

  Scheduler& scheduler_;
  Coverage& coverage_;
  Deliver deliver_;
  Random random_;
  LinkOptions replica_links_;
  LinkOptions client_links_;
  std::map<Link, int> cuts_;
  std::map<Link, VirtualUs> last_arrival_us_;
  std::uint64_t sent_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace tagma::sim
