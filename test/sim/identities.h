// Who takes part in a run, and the keys that they hold.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "messages/authenticator.h"
#include "messages/membership.h"
#include "test/sim/options.h"

namespace tagma::sim {

/// The membership of a run and one authenticator per principal. Keys come from the seed, the real ones too.
class Identities {
 public:
  explicit Identities(const SimOptions& options);
  ~Identities();
  Identities(const Identities&) = delete;
  Identities& operator=(const Identities&) = delete;

  [[nodiscard]] const Membership& membership() const { return membership_; }
  [[nodiscard]] Authenticator& authenticator(const Principal& principal) const;
  /// Of the client that is not in the membership, where there is one.
  [[nodiscard]] const PublicKey& newcomer_key() const { return newcomer_key_; }

 private:
  class RealKeys;
  PublicKey add(const SimOptions& options, const Principal& principal, bool written = false);
  void add_administration(const SimOptions& options);

  Membership membership_;
  PublicKey newcomer_key_;
  std::unique_ptr<RealKeys> real_;
  std::map<Principal, std::unique_ptr<Authenticator>> authenticators_;
};

}  // namespace tagma::sim
