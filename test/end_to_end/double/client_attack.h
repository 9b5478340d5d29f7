// Attacks of a client that is a real process. One object is one attack.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "messages/authenticator.h"
#include "test/end_to_end/double/client_link.h"

namespace tagma::end_to_end {

/// Makes what a client sends, with its own key or spoilt.
class RequestMaker {
 public:
  /// References outlive it.
  RequestMaker(const Membership& membership, ClientId client, Authenticator& authenticator)
      : membership_(membership), client_(client), authenticator_(authenticator) {}

  [[nodiscard]] Bundle bundle(SessionId session, RequestNumber first, std::vector<Bytes> operations) const;
  /// An encoded SUBMIT.
  [[nodiscard]] Bytes submit(const Bundle& bundle, bool spoilt = false) const;
  [[nodiscard]] Bytes submit_signed(Bundle content, Bytes body, bool spoilt = false) const;
  /// A put of a key of its own.
  [[nodiscard]] Bytes put(const std::string& value) const;

 private:
  const Membership& membership_;
  ClientId client_;
  Authenticator& authenticator_;
};

/// What the replicas' answers say, as far as f+1 of them say it.
class Progress {
 public:
  explicit Progress(const Membership& membership) : membership_(membership) {}
  void heard(const ClientLinks::Heard& heard);
  /// The last number of the session that was executed; 0 if none was.
  [[nodiscard]] RequestNumber done(SessionId session) const;
  [[nodiscard]] ReplicaId primary() const;
  /// How often a replica had no room for a bundle of this session.
  [[nodiscard]] std::uint64_t busy(SessionId session) const;

 private:
  /// The greatest value that f+1 replicas have reached.
  [[nodiscard]] std::uint64_t vouched(const std::map<ReplicaId, std::uint64_t>& by_replica) const;
  static constexpr std::size_t sessions_max = 256;

  const Membership& membership_;
  std::map<SessionId, std::map<ReplicaId, std::uint64_t>> numbers_;
  std::map<ReplicaId, std::uint64_t> views_;
  std::map<SessionId, std::uint64_t> busy_;
};

/// What every attack has at hand. The references outlive it.
struct ClientSurroundings {
  zmq::context_t& context;
  const Membership& membership;
  ClientId client = 0;
  const crypto::Identity& identity;
  Authenticator& authenticator;
  ClientLinks& links;
  const Progress& progress;
  std::uint64_t seed = 1;
};

class ClientAttack {
 public:
  explicit ClientAttack(const ClientSurroundings& surroundings)
      : surroundings_(surroundings), maker_(surroundings.membership, surroundings.client, surroundings.authenticator) {}
  ClientAttack(const ClientAttack&) = delete;
  ClientAttack& operator=(const ClientAttack&) = delete;
  virtual ~ClientAttack() = default;

  /// The next deed; called as often as --rate says.
  virtual void act(std::int64_t now_us) = 0;
  [[nodiscard]] virtual std::uint64_t fired() const { return fired_; }
  /// Further counts by name, told beside the first one.
  [[nodiscard]] virtual std::map<std::string, std::uint64_t> details() const { return {}; }

 protected:
  void fire() { ++fired_; }
  [[nodiscard]] const ClientSurroundings& surroundings() const { return surroundings_; }
  [[nodiscard]] const RequestMaker& maker() const { return maker_; }
  [[nodiscard]] std::uint32_t n() const { return surroundings_.membership.n(); }
  /// False if it did not leave.
  bool send(ReplicaId to, const Bytes& body) { return surroundings_.links.to(to).send(body); }
  void send_to_all(const Bytes& body);
  void send_to_backups(const Bytes& body);

 private:
  ClientSurroundings surroundings_;
  RequestMaker maker_;
  std::uint64_t fired_ = 0;
};

/// Null if no attack has that name.
[[nodiscard]] std::unique_ptr<ClientAttack> make_client_attack(std::string_view name,
                                                               const ClientSurroundings& surroundings);
/// Deeds a second where nobody says how many.
[[nodiscard]] std::uint32_t usual_rate(std::string_view name);
[[nodiscard]] std::vector<std::string_view> client_attack_names();

// By their kind, one source each; null if the name is none of theirs.
[[nodiscard]] std::unique_ptr<ClientAttack> make_steady_attack(std::string_view name,
                                                               const ClientSurroundings& surroundings);
[[nodiscard]] std::unique_ptr<ClientAttack> make_loose_attack(std::string_view name,
                                                              const ClientSurroundings& surroundings);

}  // namespace tagma::end_to_end
