// What a stranger can do to a port: raw bytes, and records that come over the right transport but are none of ours.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tagma/bytes.h"

namespace tagma::end_to_end {

/// Both addresses of every replica of a cluster file.
[[nodiscard]] std::vector<std::string> addresses_of(const std::string& cluster_file);
/// The port of "tcp://host:port".
[[nodiscard]] std::uint16_t port_of(const std::string& address);

[[nodiscard]] std::string random_text(std::mt19937& random, std::size_t size);

/// Connects by plain TCP on this machine, sends the bytes and closes. False if nobody takes them.
[[nodiscard]] bool send_raw(const std::string& address, const std::string& bytes);
/// Sends records as a transport peer of ours would, from a fresh connection, and waits until they have left (at most
/// five seconds).
void send_records(const std::string& address, const std::vector<Bytes>& records);

}  // namespace tagma::end_to_end
