// What administrators may change in a running cluster: texts in, values out, and back. How many of them must want a
// change is a group's exact rule over the administrators themselves (Schneider 1990, section 5.1). Deterministic, pure;
// knows no state.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "messages/group.h"
#include "messages/membership.h"
#include "tagma/operation.h"
#include "tagma/result.h"

namespace tagma {

/// The service name under which administrators propose and approve: no other service may have it.
inline constexpr ByteView admin_service = "admin";

/// A change as administrators write it has so many bytes at most.
inline constexpr std::size_t admin_change_bytes_max = 16UL * 1024;

/// Lays a group down, or lays it down anew.
struct SetGroup {
  GroupDefinition definition;
  auto operator<=>(const SetGroup&) const = default;
};
struct RemoveGroup {
  std::string name;
  auto operator<=>(const RemoveGroup&) const = default;
};
/// A client's number is given once: what it signed must mean the same for ever.
struct AddClient {
  ClientId id = 0;
  PublicKey key;
  auto operator<=>(const AddClient&) const = default;
};
struct RemoveClient {
  ClientId id = 0;
  auto operator<=>(const RemoveClient&) const = default;
};
/// The services that a client may call.
struct SetPermission {
  ClientId client = 0;
  std::optional<std::vector<std::string>> services;  ///< rising, each once; nothing: all of them
  auto operator<=>(const SetPermission&) const = default;
};
using AdminChange = std::variant<SetGroup, RemoveGroup, AddClient, RemoveClient, SetPermission>;

/// What one can type as a change, one form per line.
[[nodiscard]] std::string_view admin_change_usage();

/// A change from its words; the reason says what is wrong with them. The group of a SetGroup is judged as group_fault()
/// judges it, a key by its form alone.
[[nodiscard]] Result<AdminChange> read_admin_change(const Words& words);
/// The one way in which a change is written: read_admin_change() reads it back.
[[nodiscard]] Words words_of(const AdminChange& change);

/// How many of m administrators must want the same: more than half of them. That is t+1 where m = 2t+1 bear t liars;
/// of an even number it is one more, because half of them may be the liars that the other half is not.
[[nodiscard]] constexpr std::size_t admin_quorum(std::size_t administrators) { return administrators / 2 + 1; }

}  // namespace tagma
