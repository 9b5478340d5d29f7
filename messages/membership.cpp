#include "messages/membership.h"

#include <algorithm>

namespace tagma {
namespace {

constexpr std::string_view p256_prefix = "p256:";
constexpr std::string_view ed25519_prefix = "ed25519:";
constexpr std::size_t p256_bytes = 33;
constexpr std::size_t ed25519_bytes = 32;

template <typename Member>
const Member* find_by_id(const std::vector<Member>& members, std::uint32_t id) {
  const auto found = std::lower_bound(members.begin(), members.end(), id,
                                      [](const Member& member, std::uint32_t wanted) { return member.id < wanted; });
  return found != members.end() && found->id == id ? &*found : nullptr;
}

template <typename Member>
bool strictly_ordered(const std::vector<Member>& members) {
  return std::adjacent_find(members.begin(), members.end(), [](const Member& left, const Member& right) {
           return left.id >= right.id;
         }) == members.end();
}

}  // namespace

std::string to_string(const Principal& principal) {
  switch (principal.kind) {
    case PrincipalKind::replica: return "replica " + std::to_string(principal.id);
    case PrincipalKind::client: return "client " + std::to_string(principal.id);
    case PrincipalKind::admin: return "admin " + std::to_string(principal.id);
  }
  return "unknown principal " + std::to_string(principal.id);
}

std::string public_key_text(const PublicKey& key) {
  const auto prefix = key.algorithm == KeyAlgorithm::ed25519 ? ed25519_prefix : p256_prefix;
  return std::string(prefix) + to_hex(key.bytes);
}

std::optional<PublicKey> public_key_from(std::string_view text) {
  PublicKey key;
  if (text.starts_with(p256_prefix)) {
    key.algorithm = KeyAlgorithm::ecdsa_p256;
    if (!from_hex(text.substr(p256_prefix.size()), key.bytes) || key.bytes.size() != p256_bytes) return std::nullopt;
    if (key.bytes.front() != '\x02' && key.bytes.front() != '\x03') return std::nullopt;
    return key;
  }
  if (text.starts_with(ed25519_prefix)) {
    key.algorithm = KeyAlgorithm::ed25519;
    if (!from_hex(text.substr(ed25519_prefix.size()), key.bytes) || key.bytes.size() != ed25519_bytes) {
      return std::nullopt;
    }
    return key;
  }
  return std::nullopt;
}

const ReplicaMember* Membership::find_replica(ReplicaId id) const { return find_by_id(replicas, id); }
const ClientMember* Membership::find_client(ClientId id) const { return find_by_id(clients, id); }
const AdminMember* Membership::find_admin(AdminId id) const { return find_by_id(admins, id); }

const PublicKey* Membership::find_key(const Principal& principal) const {
  switch (principal.kind) {
    case PrincipalKind::replica:
      if (const auto* member = find_replica(principal.id)) return &member->key;
      return nullptr;
    case PrincipalKind::client:
      if (const auto* member = find_client(principal.id)) return &member->key;
      return nullptr;
    case PrincipalKind::admin:
      if (const auto* member = find_admin(principal.id)) return &member->key;
      return nullptr;
  }
  return nullptr;
}

std::optional<Refused> validate(const Membership& membership) {
  const auto n = membership.n();
  if (n == 0) return Refused{"there are no replicas"};
  if (n > replicas_max) return Refused{"there are more than " + std::to_string(replicas_max) + " replicas"};
  if (n < 3 * std::uint64_t{membership.faults} + 1) {  // in 64 bits: a huge f must not come round to a small n
    return Refused{std::to_string(n) + " replicas cannot tolerate " + std::to_string(membership.faults) +
                   " faults: n >= 3f+1 is needed"};
  }
  for (std::uint32_t id = 0; id < n; ++id) {
    if (membership.replicas[id].id != id)
      return Refused{"replica ids are not 0.." + std::to_string(n - 1) + " in order"};
  }
  if (!strictly_ordered(membership.clients)) return Refused{"a client id stands twice or out of order"};
  if (!strictly_ordered(membership.admins)) return Refused{"an administrator id stands twice or out of order"};
  const auto too_high = [](const auto& members, std::uint32_t maximum) {
    return !members.empty() && members.back().id > maximum;
  };
  if (too_high(membership.clients, client_id_max)) return Refused{"a client's number is above 2147483647"};
  // The last one stands for nobody (Context::voted_client, tagma/service.h).
  if (too_high(membership.admins, client_id_max - 1)) return Refused{"an administrator's number is above 2147483646"};
  return std::nullopt;
}

}  // namespace tagma
