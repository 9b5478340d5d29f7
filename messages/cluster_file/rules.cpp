#include "messages/cluster_file/rules.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "tagma/limits.h"

namespace tagma::cluster_file {
namespace {

constexpr std::size_t ipc_path_bytes_max = 107;  // sockaddr_un has 108 with the final zero
constexpr std::size_t host_bytes_max = 255;
constexpr std::size_t service_bytes_max = 64;
constexpr std::uint64_t window_max = limits::view_change_slots_max;  // a VIEW-CHANGE may speak of every slot
constexpr std::uint64_t sessions_max = 65'536;
constexpr std::uint64_t clock_window_ms_min = 50;
constexpr std::uint64_t clock_window_ms_max = 60'000;
constexpr std::size_t groups_max = 64;

using MaybeProblem = std::optional<Problem>;

std::string field_of(std::string_view list, std::size_t at, std::string_view field) {
  return std::string(list) + "[" + std::to_string(at) + "]." + std::string(field);
}

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }
bool is_lower(char letter) { return letter >= 'a' && letter <= 'z'; }
bool is_upper(char letter) { return letter >= 'A' && letter <= 'Z'; }

bool well_formed_host(std::string_view host) {
  if (host.empty() || host.size() > host_bytes_max) return false;
  if (host.front() == '[') {  // an IPv6 address
    if (host.size() < 4 || host.back() != ']') return false;
    host = host.substr(1, host.size() - 2);
    return std::all_of(host.begin(), host.end(), [](char letter) {
      return is_digit(letter) || (letter >= 'a' && letter <= 'f') || (letter >= 'A' && letter <= 'F') ||
             letter == ':' || letter == '.';
    });
  }
  return std::all_of(host.begin(), host.end(), [](char letter) {
    return is_digit(letter) || is_lower(letter) || is_upper(letter) || letter == '.' || letter == '-' || letter == '_';
  });
}

std::optional<std::string> tcp_fault(std::string_view rest) {
  const auto colon = rest.rfind(':');
  if (colon == std::string_view::npos) return "the address has no port";
  if (!well_formed_host(rest.substr(0, colon))) return "the address has no valid host";
  const auto port_text = rest.substr(colon + 1);
  std::uint32_t port = 0;
  const auto* const end = port_text.data() + port_text.size();
  const auto parsed = std::from_chars(port_text.data(), end, port);
  if (parsed.ec != std::errc() || parsed.ptr != end || port == 0 || port > 65'535) {
    return "the port is not a number from 1 to 65535";
  }
  return std::nullopt;
}

std::optional<std::string> ipc_fault(std::string_view path) {
  if (path.empty()) return "the address has no path";
  if (path.size() > ipc_path_bytes_max) return "the path of a local socket has more than 107 bytes";
  const bool clean = std::none_of(path.begin(), path.end(), [](char letter) {
    return static_cast<unsigned char>(letter) < ' ' || letter == '\x7f' || letter == '"' || letter == '\\';
  });
  if (!clean) return "the path has a control character, a quotation mark or a backslash";
  return std::nullopt;
}

MaybeProblem keys_problem(const Membership& membership) {
  std::map<PublicKey, std::string> owners;
  const auto check = [&owners](const PublicKey& key, const std::string& field) -> MaybeProblem {
    if (!public_key_from(public_key_text(key))) {
      return field + ": not a public key; write \"p256:\" or \"ed25519:\" and the key in hexadecimal";
    }
    const auto [owner, fresh] = owners.try_emplace(key, field);
    if (fresh) return std::nullopt;
    return field + ": the same key as " + owner->second + "; everybody needs a key of their own";
  };
  for (std::size_t at = 0; at < membership.replicas.size(); ++at) {
    if (auto problem = check(membership.replicas[at].key, field_of("replicas", at, "key"))) return problem;
  }
  for (std::size_t at = 0; at < membership.clients.size(); ++at) {
    if (auto problem = check(membership.clients[at].key, field_of("clients", at, "key"))) return problem;
  }
  for (std::size_t at = 0; at < membership.admins.size(); ++at) {
    if (auto problem = check(membership.admins[at].key, field_of("admins", at, "key"))) return problem;
  }
  return std::nullopt;
}

MaybeProblem addresses_problem(const Membership& membership) {
  std::map<std::string, std::string> owners;
  const auto check = [&owners](const std::string& address, const std::string& field) -> MaybeProblem {
    if (auto fault = address_fault(address)) {
      return field + ": " + *fault + "; write \"tcp://host:port\" or \"ipc://path\"";
    }
    const auto [owner, fresh] = owners.try_emplace(address, field);
    if (fresh) return std::nullopt;
    return field + ": the same address as " + owner->second + "; give every socket an address of its own";
  };
  for (std::size_t at = 0; at < membership.replicas.size(); ++at) {
    const auto& replica = membership.replicas[at];
    if (auto problem = check(replica.replica_address, field_of("replicas", at, "replica_address"))) return problem;
    if (auto problem = check(replica.client_address, field_of("replicas", at, "client_address"))) return problem;
  }
  return std::nullopt;
}

MaybeProblem services_problem(const std::vector<std::string>& services) {
  if (services.empty()) return "services: there is none; name at least one, such as services = [\"kv\"]";
  std::set<std::string_view> seen;
  for (std::size_t at = 0; at < services.size(); ++at) {
    const auto& name = services[at];
    const auto field = "services[" + std::to_string(at) + "]";
    const bool clean = std::all_of(name.begin(), name.end(), [](char letter) {
      return is_lower(letter) || is_digit(letter) || letter == '-' || letter == '_';
    });
    if (name.empty() || name.size() > service_bytes_max || !clean) {
      return field + ": not a service's name; use 1 to 64 of the characters a-z, 0-9, - and _";
    }
    if (!seen.insert(name).second) return field + ": the service stands twice; name it once";
  }
  return std::nullopt;
}

MaybeProblem limits_problem(const ClusterFile& file) {
  if (file.checkpoint_interval == 0) return "limits.checkpoint_interval: is 0; it is at least 1";
  if (file.window > window_max) return "limits.window: is above 512; lower it";
  // Without overflow, since both come from outside.
  if (file.checkpoint_interval > file.window / 2) {
    return "limits.window: is less than twice limits.checkpoint_interval; raise the one or lower the other";
  }
  if (file.sessions_per_client_max == 0) return "limits.sessions_per_client_max: is 0; it is at least 1";
  if (file.clock_window_ms < clock_window_ms_min || file.clock_window_ms > clock_window_ms_max) {
    return "limits.clock_window_ms: is not from 50 to 60000; write one of these";
  }
  if (file.sessions_per_client_max > sessions_max) return "limits.sessions_per_client_max: is above 65536; lower it";
  return std::nullopt;
}

MaybeProblem numbers_problem(const Membership& membership) {
  // TOML has signed integers of 64 bits.
  constexpr auto number_max = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (membership.epoch > number_max) return "epoch: is above 9223372036854775807; lower it";
  for (std::size_t at = 0; at < membership.replicas.size(); ++at) {
    if (membership.replicas[at].incarnation > number_max) {
      return field_of("replicas", at, "incarnation") + ": is above 9223372036854775807; lower it";
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> address_fault(std::string_view address) {
  constexpr std::string_view tcp = "tcp://";
  constexpr std::string_view ipc = "ipc://";
  if (address.starts_with(tcp)) return tcp_fault(address.substr(tcp.size()));
  if (address.starts_with(ipc)) return ipc_fault(address.substr(ipc.size()));
  return "the address begins with neither tcp:// nor ipc://";
}

std::string_view nearest(std::string_view name, std::span<const std::string_view> known) {
  // A name from outside may be very long; what lies behind the longest known name only adds the same to every distance.
  constexpr std::size_t compared_bytes_max = 64;
  name = name.substr(0, compared_bytes_max);
  std::string_view best;
  std::size_t best_distance = std::numeric_limits<std::size_t>::max();
  for (const auto candidate : known) {
    // Edit distance, one row of the table at a time.
    std::vector<std::size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < name.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i + 1;
      for (std::size_t j = 0; j < candidate.size(); ++j) {
        const std::size_t replaced = diagonal + (name[i] == candidate[j] ? 0U : 1U);
        diagonal = row[j + 1];
        row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

std::optional<Problem> groups_problem(const std::vector<GroupDefinition>& groups, const Membership& membership) {
  if (groups.size() > groups_max) return "groups: there are more than 64; use fewer";
  std::set<std::string_view> names;
  for (std::size_t at = 0; at < groups.size(); ++at) {
    if (!names.insert(groups[at].name).second) {
      return field_of("groups", at, "name") + ": the group stands twice; name it once";
    }
    for (const auto member : groups[at].members) {
      if (membership.find_client(member) != nullptr) continue;
      return field_of("groups", at, "members") + ": there is no client " + std::to_string(member) +
             "; name clients of this file";
    }
  }
  return std::nullopt;
}

std::optional<Problem> first_problem(const ClusterFile& file) {
  if (auto refused = validate(file.membership)) {
    return refused->reason + "; correct [[replicas]], [[clients]], [[admins]] or faults";
  }
  if (auto problem = numbers_problem(file.membership)) return problem;
  if (auto problem = keys_problem(file.membership)) return problem;
  if (auto problem = addresses_problem(file.membership)) return problem;
  if (auto problem = services_problem(file.services)) return problem;
  if (auto problem = groups_problem(file.groups, file.membership)) return problem;
  return limits_problem(file);
}

Refused in_one_line(std::string_view path, std::string_view problem) {
  std::string line(path);
  line.append(": ").append(problem);
  for (char& letter : line) {
    if (static_cast<unsigned char>(letter) < ' ' || letter == '\x7f') letter = ' ';
  }
  return Refused{std::move(line)};
}

}  // namespace tagma::cluster_file
