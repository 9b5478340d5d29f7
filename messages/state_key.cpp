#include "messages/state_key.h"

#include <algorithm>
#include <cstdint>

#include "messages/membership.h"
#include "tagma/limits.h"

namespace tagma::state_key {
namespace {

constexpr std::size_t client_bytes = 4;
constexpr std::size_t replica_bytes = 4;
constexpr std::size_t member_bytes = 4;
constexpr std::size_t number_bytes = 8;
/// A group's record, a vote, a result: a few kilobytes each by the rules of groups; generous.
constexpr std::size_t group_record_bytes_max = 64UL * 1024;
/// A proposal: the change, and who of many administrators wants it; generous.
constexpr std::size_t admin_record_bytes_max = 64UL * 1024;
/// Of a session's record, a floor, the agreed time, a member: a few numbers.
constexpr std::size_t record_bytes_max = 256;
/// What a kept reply has beside its result; generous.
constexpr std::size_t reply_head_bytes = 256;

std::uint64_t value_at(ByteView bytes, std::size_t at, std::size_t width) {
  std::uint64_t value = 0;
  for (const char byte : bytes.substr(at, width)) value = (value << 8U) | static_cast<unsigned char>(byte);
  return value;
}

std::string number_at(ByteView bytes, std::size_t at, std::size_t width) {
  return std::to_string(value_at(bytes, at, width));
}

/// Whoever signs requests under the number that stands there.
std::string requester_at(ByteView bytes) {
  return to_string(principal_of(static_cast<ClientId>(value_at(bytes, 0, client_bytes))));
}

Described unknown_entry(ByteView key) { return {{}, {}, "an entry of unknown kind, " + to_hex(key)}; }

/// An entry of a group: its name with its length before it, then numbers.
Described describe_group(ByteView key) {
  const ByteView rest = key.substr(1);
  const std::size_t length = rest.empty() ? 0 : static_cast<unsigned char>(rest.front());
  if (length == 0 || rest.size() < 1 + length) return unknown_entry(key);
  const ByteView numbers = rest.substr(1 + length);
  // A name comes from a replica that may lie: only what may name a group is shown as it stands.
  const auto plain = [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '_' || letter == '-';
  };
  const ByteView name = rest.substr(1, length);
  if (!std::all_of(name.begin(), name.end(), plain)) return unknown_entry(key);
  const std::string group = "group " + std::string(name);
  const char kind = key.front();
  if (kind == group_prefix && numbers.empty()) return {{}, {}, group};
  if (kind == group_vote_prefix && numbers.size() == number_bytes + member_bytes) {
    return {{},
            {},
            "the vote of member " + number_at(numbers, number_bytes, member_bytes) + " of " + group + " in round " +
                number_at(numbers, 0, number_bytes)};
  }
  if (kind == group_result_prefix && numbers.size() == number_bytes) {
    return {{}, {}, "the result of round " + number_at(numbers, 0, number_bytes) + " of " + group};
  }
  if (kind == group_member_prefix && numbers.size() == member_bytes) {
    return {{}, {}, "what is known of member " + number_at(numbers, 0, member_bytes) + " of " + group};
  }
  return unknown_entry(key);
}

Described describe_administration(ByteView key) {
  const ByteView rest = key.substr(1);
  switch (key.front()) {
    case admin_prefix:
      if (rest.empty()) return {{}, {}, "how many proposals there have been"};
      break;
    case admin_proposal_prefix:
      if (rest.size() == number_bytes) return {{}, {}, "proposal " + number_at(rest, 0, number_bytes)};
      break;
    case admin_client_prefix:
      if (rest.size() == client_bytes) return {{}, {}, "the key of client " + number_at(rest, 0, client_bytes)};
      break;
    default:
      if (rest.size() == client_bytes) return {{}, {}, "what client " + number_at(rest, 0, client_bytes) + " may call"};
  }
  return unknown_entry(key);
}

}  // namespace

Described describe(ByteView key) {
  const auto unknown = [&] { return unknown_entry(key); };
  if (key.empty()) return unknown();
  const ByteView rest = key.substr(1);
  switch (key.front()) {
    case service_prefix: {
      const std::size_t length = rest.empty() ? 0 : static_cast<unsigned char>(rest.front());
      if (length == 0 || rest.size() < 1 + length) return unknown();
      return {Bytes(rest.substr(1, length)), Bytes(rest.substr(1 + length)), {}};
    }
    case session_prefix:
      if (rest.size() != client_bytes + number_bytes) return unknown();
      return {{}, {}, "session " + number_at(rest, client_bytes, number_bytes) + " of " + requester_at(rest)};
    case reply_prefix:
      if (rest.size() != client_bytes + 2 * number_bytes) return unknown();
      return {{},
              {},
              "replies kept for session " + number_at(rest, client_bytes, number_bytes) + " of " + requester_at(rest) +
                  ", from number " + number_at(rest, client_bytes + number_bytes, number_bytes)};
    case floor_prefix:
      if (rest.size() != client_bytes) return unknown();
      return {{}, {}, "the evicted sessions of " + requester_at(rest)};
    case agreed_time_prefix:
      if (!rest.empty()) return unknown();
      return {{}, {}, "the agreed time"};
    case member_prefix:
      if (rest.size() != replica_bytes) return unknown();
      return {{}, {}, "the incarnation of replica " + number_at(rest, 0, replica_bytes)};
    case group_prefix:
    case group_vote_prefix:
    case group_result_prefix:
    case group_member_prefix: return describe_group(key);
    case group_floor_prefix:
      if (!rest.empty()) return unknown();
      return {{}, {}, "the round that groups begin with"};
    case admin_prefix:
    case admin_proposal_prefix:
    case admin_client_prefix:
    case admin_permission_prefix: return describe_administration(key);
    default: return unknown();
  }
}

std::string in_words(ByteView key) {
  const auto described = describe(key);
  if (described.service.empty()) return described.what;
  const auto plain = [](char letter) { return letter > ' ' && letter <= '~' && letter != '"'; };
  const auto shown = [&](const Bytes& text) {
    return std::all_of(text.begin(), text.end(), plain) ? '"' + text + '"' : to_hex(text);
  };
  return "key " + shown(described.key) + " of " + shown(described.service);
}

std::size_t value_bytes_max(ByteView key) {
  if (key.empty()) return 0;
  switch (key.front()) {
    case service_prefix: return limits::operation_bytes_max;  // Context::put() takes no more
    case reply_prefix: return limits::bundle_operations_max * (limits::reply_bytes_max + reply_head_bytes);
    case session_prefix:
    case floor_prefix:
    case agreed_time_prefix:
    case member_prefix: return record_bytes_max;
    case group_prefix:
    case group_vote_prefix:
    case group_result_prefix:
    case group_member_prefix: return group_record_bytes_max;
    case group_floor_prefix:
    case admin_prefix: return record_bytes_max;
    case admin_proposal_prefix:
    case admin_client_prefix:
    case admin_permission_prefix: return admin_record_bytes_max;
    default: return 0;
  }
}

}  // namespace tagma::state_key
