// The kinds of keys of the replicated state, so that whoever shows one to a person can say what it is. The layout
// behind the first byte is replica/core/session_table.h's to write.
#pragma once

#include <cstddef>
#include <string>

#include "tagma/bytes.h"

namespace tagma::state_key {

inline constexpr char service_prefix = '\x10';           ///< length of the service's name (1), name, its own key
inline constexpr char session_prefix = '\x20';           ///< client (4), session (8)
inline constexpr char reply_prefix = '\x21';             ///< client (4), session (8), first number (8)
inline constexpr char floor_prefix = '\x22';             ///< client (4)
inline constexpr char agreed_time_prefix = '\x30';       ///< nothing
inline constexpr char member_prefix = '\x40';            ///< replica (4)
inline constexpr char group_prefix = '\x50';             ///< length of the group's name (1), name
inline constexpr char group_vote_prefix = '\x51';        ///< the same, round (8), member (4)
inline constexpr char group_result_prefix = '\x52';      ///< the same, round (8)
inline constexpr char group_member_prefix = '\x53';      ///< the same, member (4)
inline constexpr char group_floor_prefix = '\x54';       ///< nothing
inline constexpr char admin_prefix = '\x60';             ///< nothing
inline constexpr char admin_proposal_prefix = '\x61';    ///< number (8)
inline constexpr char admin_client_prefix = '\x62';      ///< client (4)
inline constexpr char admin_permission_prefix = '\x63';  ///< client (4)

struct Described {
  Bytes service;     ///< of a service's key: whose it is; else empty
  Bytes key;         ///< of a service's key: the key as the service knows it
  std::string what;  ///< of any other key: what stands there, in words
};
/// What a key of the state is. Any bytes are allowed: they may come from a replica that lies.
[[nodiscard]] Described describe(ByteView key);

/// The same in one line: `key "city" of kv`, with a key that is no plain text in hexadecimal.
[[nodiscard]] std::string in_words(ByteView key);

/// The most bytes that the value of such a key can have in a correct replica's state; 0 for a key of unknown kind.
[[nodiscard]] std::size_t value_bytes_max(ByteView key);

}  // namespace tagma::state_key
