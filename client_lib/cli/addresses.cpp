#include "client_lib/cli/addresses.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <memory>
#include <utility>

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

std::optional<PortClaim> PortClaim::first_free(const std::string& host, std::uint16_t first, std::uint32_t count) {
  std::uint32_t base = first;
  while (base + count <= port_end) {
    PortClaim claim;
    claim.base_ = static_cast<std::uint16_t>(base);
    std::uint32_t free = 0;
    for (; free < count; ++free) {
      const auto port = static_cast<std::uint16_t>(base + free);
      // In this order: who has the claim and sees the port free is alone with it.
      if (!claim.add(port)) {
        base += count - 1;  // over what its owner is about to claim
        break;
      }
      if (port_in_use({host, port})) break;
    }
    if (free == count) return claim;
    base += free + 1;
  }
  return std::nullopt;
}

PortClaim::PortClaim(PortClaim&& other) noexcept
    : base_(other.base_), sockets_(std::exchange(other.sockets_, std::vector<int>())) {}

PortClaim& PortClaim::operator=(PortClaim&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(sockets_, other.sockets_);
  return *this;
}

PortClaim::~PortClaim() {
  for (const int socket : sockets_) close(socket);
}

bool PortClaim::add(std::uint16_t port) {
  const int claimed = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (claimed < 0) return true;  // then the ports are chosen as well as can be
  sockets_.push_back(claimed);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = "tagma-port-" + std::to_string(port);
  name.copy(address.sun_path + 1, sizeof address.sun_path - 1);  // the zero byte in front makes it abstract
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return bind(claimed, reinterpret_cast<const sockaddr*>(&address), size) == 0 || errno != EADDRINUSE;
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
