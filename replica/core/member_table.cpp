#include "replica/core/member_table.h"

#include "messages/assert.h"
#include "messages/state_key.h"
#include "replica/core/session_table.h"

namespace tagma {
namespace {

// life := incarnation (8), boundary (8), nonce (32)
constexpr std::size_t number_bytes = sizeof(std::uint64_t);
constexpr std::size_t life_bytes = 2 * number_bytes + Digest::size_bytes;

Bytes encode_life(const MemberLife& life) {
  Bytes bytes;
  bytes.reserve(life_bytes);
  append_big_endian(bytes, life.incarnation, number_bytes);
  append_big_endian(bytes, life.boundary, number_bytes);
  bytes.append(life.nonce.view());
  return bytes;
}

}  // namespace

Bytes state_key::member(ReplicaId replica) {
  Bytes bytes(1, member_prefix);
  append_big_endian(bytes, replica, sizeof replica);
  return bytes;
}

MemberLife MemberTable::find(ReplicaId replica) const {
  const auto bytes = state_.get(state_key::member(replica));
  if (!bytes) return {};
  TAGMA_ASSERT(bytes->size() == life_bytes, "a member's record has its own layout");
  const ByteView view(*bytes);
  MemberLife life;
  life.incarnation = read_big_endian(view.substr(0, number_bytes));
  life.boundary = read_big_endian(view.substr(number_bytes, number_bytes));
  const bool whole = digest_from_bytes(view.substr(2 * number_bytes), life.nonce);
  TAGMA_ASSERT(whole, "a member's record has its own layout");
  return life;
}

bool MemberTable::may_rejoin(const RejoinStatement& statement, Seq seq) const {
  const auto life = find(statement.replica);
  return statement.incarnation == life.incarnation && seq >= first_rejoin_slot(life);
}

bool MemberTable::rejoin(const RejoinStatement& statement, Seq seq) {
  if (!may_rejoin(statement, seq)) return false;
  const MemberLife life{
      .incarnation = statement.incarnation + 1, .nonce = statement.nonce, .boundary = boundary_of(seq)};
  state_.put(state_key::member(statement.replica), encode_life(life));
  return true;
}

}  // namespace tagma
