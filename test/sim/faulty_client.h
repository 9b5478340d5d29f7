// A client that does everything that a client must not do.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "messages/authenticator.h"
#include "messages/messages.h"
#include "test/sim/coverage.h"
#include "test/sim/options.h"
#include "test/sim/random.h"

namespace tagma::sim {

class FaultyClient {
 public:
  /// Encoded messages, or bytes that are none.
  using Outgoing = std::vector<std::pair<ReplicaId, Bytes>>;

  FaultyClient(const SimOptions& options, ClientId id, const Membership& membership, Authenticator& authenticator,
               Coverage& coverage);

  [[nodiscard]] Outgoing act();
  [[nodiscard]] std::uint64_t sessions_opened() const { return sessions_opened_; }

 private:
  [[nodiscard]] Bundle bundle(RequestNumber first, std::size_t operations, std::uint64_t variant);
  [[nodiscard]] Bytes submit(const Bundle& content, bool spoil_signature = false);
  void send_to_all(const Bytes& bytes, Outgoing& out) const;
  void open_session();
  void same_number_different_payloads(Outgoing& out);
  void overlapping(Outgoing& out);
  void in_another_name(Outgoing& out);
  void garbage(Outgoing& out);

  ClientId id_;
  const Membership& membership_;
  Authenticator& authenticator_;
  Coverage& coverage_;
  Random random_;
  SessionId session_ = 1;
  RequestNumber next_ = 1;
  std::uint64_t sessions_opened_ = 1;
  std::vector<Bytes> old_;  ///< submits to replay
};

}  // namespace tagma::sim
