#include "messages/membership.h"

#include <algorithm>

namespace tagma {
namespace {

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
  constexpr ClientId nobody = 0xffffffff;  // who asks where a group has voted (tagma/service.h)
  if (membership.find_client(nobody) != nullptr) return Refused{"4294967295 is no client's number"};
  if (!strictly_ordered(membership.clients)) return Refused{"a client id stands twice or out of order"};
  if (!strictly_ordered(membership.admins)) return Refused{"an administrator id stands twice or out of order"};
  return std::nullopt;
}

}  // namespace tagma
