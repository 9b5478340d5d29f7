#include "client_lib/cli/addresses.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <memory>

namespace tagma::cli {
namespace {

constexpr std::string_view scheme = "tcp://";
constexpr std::uint32_t port_end = 65'536;

}  // namespace

std::string tcp_address(const HostPort& place) {
  const bool bracketed = place.host.find(':') != std::string::npos;
  return std::string(scheme) + (bracketed ? "[" + place.host + "]" : place.host) + ":" + std::to_string(place.port);
}

std::optional<HostPort> parse_tcp_address(std::string_view address) {
  if (!address.starts_with(scheme)) return std::nullopt;
  address.remove_prefix(scheme.size());
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  HostPort place;
  std::string_view host = address.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  place.host = host;
  const std::string_view digits = address.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), place.port);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return place;
}

std::string short_address(std::string_view address) {
  if (address.starts_with(scheme)) address.remove_prefix(scheme.size());
  return std::string(address);
}

bool port_in_use(const HostPort& place) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(place.port);
  if (getaddrinfo(place.host.empty() ? nullptr : place.host.c_str(), port.c_str(), &hints, &found) != 0) return false;
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    const int descriptor = socket(entry->ai_family, entry->ai_socktype | SOCK_CLOEXEC, entry->ai_protocol);
    if (descriptor < 0) continue;
    // As the replica binds: connections that linger from a former life do not count, listeners do.
    const int on = 1;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const bool in_use = bind(descriptor, entry->ai_addr, entry->ai_addrlen) != 0 && errno == EADDRINUSE;
    close(descriptor);
    if (in_use) return true;
  }
  return false;
}

std::optional<std::uint16_t> free_base_port(const std::string& host, std::uint16_t first, std::uint32_t count) {
  std::uint32_t base = first;
  while (base + count <= port_end) {
    std::uint32_t free = 0;
    while (free < count && !port_in_use({host, static_cast<std::uint16_t>(base + free)})) ++free;
    if (free == count) return static_cast<std::uint16_t>(base);
    base += free + 1;
  }
  return std::nullopt;
}

std::vector<std::string> addresses_in_use(const ClusterFile& file) {
  std::vector<std::string> lines;
  for (const auto& replica : file.membership.replicas) {
    const auto check = [&](const std::string& address, const char* whom) {
      const auto place = parse_tcp_address(address);
      if (!place || !port_in_use(*place)) return;
      lines.push_back(short_address(address) + " (replica " + std::to_string(replica.id) + ", for " + whom + ")");
    };
    check(replica.replica_address, "replicas");
    check(replica.client_address, "clients");
  }
  return lines;
}

}  // namespace tagma::cli
