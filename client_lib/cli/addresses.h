// Addresses of a cluster's sockets, and whether this machine's ports are free.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/cluster_file/cluster_file.h"

namespace tagma::cli {

/// The host of a cluster that is all on this machine.
inline constexpr std::string_view local_host = "127.0.0.1";

struct HostPort {
  std::string host;  ///< without the brackets of an IPv6 address
  std::uint16_t port = 0;
};

/// "tcp://host:port", with brackets around an IPv6 address.
[[nodiscard]] std::string tcp_address(const HostPort& place);
/// The parts of a tcp address; nothing for another transport.
[[nodiscard]] std::optional<HostPort> parse_tcp_address(std::string_view address);
/// An address without "tcp://", for people.
[[nodiscard]] std::string short_address(std::string_view address);

/// Whether another socket is bound to it. False also where that cannot be told, such as a host that is not this one.
[[nodiscard]] bool port_in_use(const HostPort& place);

/// Free ports that no other process will choose as long as this object lives: between the choice and the replicas'
/// binding there are seconds. A port is claimed by a socket of that name in the abstract namespace, which belongs to
/// the same network namespace as the port and goes with its process.
class PortClaim {
 public:
  /// The first base from `first` on whose `count` ports are all free on `host` and not claimed; nothing if there is
  /// none.
  [[nodiscard]] static std::optional<PortClaim> first_free(const std::string& host, std::uint16_t first,
                                                           std::uint32_t count);
  PortClaim(PortClaim&& other) noexcept;
  PortClaim& operator=(PortClaim&& other) noexcept;
  PortClaim(const PortClaim&) = delete;
  PortClaim& operator=(const PortClaim&) = delete;
  ~PortClaim();

  [[nodiscard]] std::uint16_t base() const { return base_; }

 private:
  PortClaim() = default;
  [[nodiscard]] bool add(std::uint16_t port);

  std::uint16_t base_ = 0;
  std::vector<int> sockets_;
};

/// One line for every address of the cluster that is in use: "127.0.0.1:4600 (replica 0, for replicas)".
[[nodiscard]] std::vector<std::string> addresses_in_use(const ClusterFile& file);

}  // namespace tagma::cli
