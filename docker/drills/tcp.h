// TCP for one thread: nothing blocks, nothing is inherited by other programs, nothing waits to be sent together.
#pragma once

#include <netinet/in.h>

#include <string>

namespace tagma::drills {

/// Of "tcp://host:port" with an IPv4 address. Throws std::system_error where it is not such.
[[nodiscard]] sockaddr_in tcp_address(const std::string& endpoint);
[[nodiscard]] std::string tcp_endpoint(const sockaddr_in& address);

/// Listens on a free port of `host`. Throws std::system_error where that cannot be.
[[nodiscard]] int listen_on(const std::string& host);
[[nodiscard]] sockaddr_in local_address(int descriptor);
/// Negative: none waits, or none can be taken; errno says which.
[[nodiscard]] int accept_one(int listener);
/// Begins to connect; writable once that has ended. Negative: it cannot; errno says why.
[[nodiscard]] int begin_to_connect(const sockaddr_in& target);
/// How it ended.
[[nodiscard]] bool has_connected(int descriptor);
/// Whether the other side will say nothing more.
[[nodiscard]] bool has_hung_up(int descriptor);

}  // namespace tagma::drills
