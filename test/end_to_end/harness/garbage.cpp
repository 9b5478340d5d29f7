#include "test/end_to_end/harness/garbage.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <zmq.hpp>

#include "messages/cluster_file/cluster_file.h"

namespace tagma::end_to_end {

std::vector<std::string> addresses_of(const std::string& cluster_file) {
  const auto file = read_cluster_file(cluster_file);
  if (!file) throw std::runtime_error(file.reason());
  std::vector<std::string> found;
  for (const auto& replica : file->membership.replicas) {
    found.push_back(replica.replica_address);
    found.push_back(replica.client_address);
  }
  return found;
}

std::uint16_t port_of(const std::string& address) {
  return static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
}

std::string random_text(std::mt19937& random, std::size_t size) {
  std::string text;
  text.reserve(size);
  while (text.size() < size) text.push_back(static_cast<char>(random() & 0xff));
  return text;
}

bool send_raw(const std::string& address, const std::string& bytes) {
  const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_port = htons(port_of(address));
  target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool sent = connect(connection, reinterpret_cast<const sockaddr*>(&target), sizeof(target)) == 0 &&
                    send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0;
  close(connection);
  return sent;
}

void send_records(const std::string& address, const std::vector<Bytes>& records) {
  zmq::context_t context;
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  socket.set(zmq::sockopt::linger, 5'000);
  socket.connect(address);
  for (const auto& record : records) static_cast<void>(socket.send(zmq::buffer(record), zmq::send_flags::none));
}

}  // namespace tagma::end_to_end
