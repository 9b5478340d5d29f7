// Who takes part, and how many of them must agree. Membership and quorum arithmetic are data that is looked up,
// never constants, for any n >= 3f+1 (protocol: "Vocabulary").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tagma/bytes.h"
#include "tagma/identifiers.h"
#include "tagma/result.h"

namespace tagma {

/// The random 32 bytes that tell one cluster's genesis from every other.
using ClusterId = Digest;

/// Sets of replicas travel as 64-bit masks, hence the limit.
inline constexpr std::size_t replicas_max = 64;

enum class KeyAlgorithm : std::uint8_t { ed25519 = 1, ecdsa_p256 = 2 };

/// A signature key's public half. The algorithm is a field of the key.
struct PublicKey {
  KeyAlgorithm algorithm = KeyAlgorithm::ecdsa_p256;
  /// Ed25519: 32 bytes. P-256: 33 bytes, compressed point (X9.62).
  Bytes bytes;

  auto operator<=>(const PublicKey&) const = default;
};

enum class PrincipalKind : std::uint8_t { replica = 1, client = 2, admin = 3 };

/// Anyone who holds a key.
struct Principal {
  PrincipalKind kind = PrincipalKind::replica;
  std::uint32_t id = 0;

  auto operator<=>(const Principal&) const = default;
};

/// Clients and administrators have the numbers up to here.
inline constexpr std::uint32_t client_id_max = 0x7fffffff;

/// Under which number an administrator's requests stand beside those of clients: above all of theirs. What is kept of
/// requests (sessions, replies, routes) knows no other difference.
[[nodiscard]] constexpr ClientId requester_of(AdminId administrator) { return administrator + client_id_max + 1; }
/// Who signs requests under this number.
[[nodiscard]] constexpr Principal principal_of(ClientId requester) {
  if (requester <= client_id_max) return {PrincipalKind::client, requester};
  return {PrincipalKind::admin, requester - client_id_max - 1};
}
/// The number under which it signs requests; a replica signs none.
[[nodiscard]] constexpr ClientId requester_of(const Principal& principal) {
  return principal.kind == PrincipalKind::admin ? requester_of(AdminId{principal.id}) : principal.id;
}
/// Whether it may sign requests.
[[nodiscard]] constexpr bool is_requester(const Principal& principal) {
  return principal.kind != PrincipalKind::replica;
}

/// How a key is written: "p256:" or "ed25519:" and its bytes in hexadecimal.
[[nodiscard]] std::string public_key_text(const PublicKey& key);
/// The key that is written so, of the right size; nothing if none is.
[[nodiscard]] std::optional<PublicKey> public_key_from(std::string_view text);

/// "replica 2", "client 7", "admin 0".
[[nodiscard]] std::string to_string(const Principal& principal);

/// A process that votes: a member in one of its lives.
struct ReplicaMember {
  ReplicaId id = 0;
  Incarnation incarnation = 0;
  PublicKey key;
  std::string replica_address;  ///< where the other replicas reach it, "tcp://host:port" or "ipc://path"
  std::string client_address;   ///< where clients reach it
};

struct ClientMember {
  ClientId id = 0;
  PublicKey key;
};

struct AdminMember {
  AdminId id = 0;
  PublicKey key;
};

/// ceil((n+f+1)/2): any two quorums share a correct replica; 3 of 4, 4 of 5, 4 of 6, 5 of 7, 6 of 8.
[[nodiscard]] constexpr std::uint32_t quorum_size(std::uint32_t n, std::uint32_t f) { return (n + f + 2) / 2; }

/// The most faults that n replicas tolerate: the largest f with n >= 3f+1. Zero for n = 0.
[[nodiscard]] constexpr std::uint32_t faults_tolerated(std::uint32_t n) { return n == 0 ? 0 : (n - 1) / 3; }

/// One numbered configuration of the cluster: replicas, clients, administrators and their keys.
struct Membership {
  ClusterId cluster;
  Epoch epoch = 0;
  std::uint32_t faults = 0;             ///< f; n >= 3f+1
  std::vector<ReplicaMember> replicas;  ///< ids are 0..n-1, in order
  std::vector<ClientMember> clients;    ///< ordered by id, no id twice
  std::vector<AdminMember> admins;      ///< ordered by id, no id twice

  [[nodiscard]] std::uint32_t n() const { return static_cast<std::uint32_t>(replicas.size()); }
  /// Votes that decide: any two such sets intersect in a correct replica.
  [[nodiscard]] std::uint32_t quorum() const { return quorum_size(n(), faults); }
  /// f+1: at least one of them is correct.
  [[nodiscard]] std::uint32_t weak_quorum() const { return faults + 1; }
  /// The primary of a view: replica (view mod n).
  [[nodiscard]] ReplicaId primary(View view) const { return static_cast<ReplicaId>(view % n()); }

  [[nodiscard]] const ReplicaMember* find_replica(ReplicaId id) const;
  [[nodiscard]] const ClientMember* find_client(ClientId id) const;
  [[nodiscard]] const AdminMember* find_admin(AdminId id) const;
  /// The signature key of any principal; null if there is no such member.
  [[nodiscard]] const PublicKey* find_key(const Principal& principal) const;
};

/// The first rule of a well-formed membership that `membership` breaks, or nothing.
[[nodiscard]] std::optional<Refused> validate(const Membership& membership);

}  // namespace tagma
