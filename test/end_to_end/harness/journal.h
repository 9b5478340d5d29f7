// A client that writes keys without end and keeps a journal of what was acknowledged, for programs that crash what it
// writes to.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tagma/client.h"
#include "test/end_to_end/harness/cluster.h"

namespace tagma::end_to_end {

using Clock = std::chrono::steady_clock;

/// What the cluster has promised to keep: keys in the order of their acknowledgement. A key's value is its number.
struct Journal {
  std::mutex mutex;
  std::vector<std::uint64_t> acknowledged;
  std::vector<Clock::time_point> at;  ///< when each was
  std::uint64_t failed = 0;           ///< operations that ended otherwise
};

[[nodiscard]] Bytes kv_operation(const Words& words);
[[nodiscard]] std::string journal_key(std::uint64_t number);

/// With many operations outstanding; ends the program where there is none to be had.
[[nodiscard]] std::unique_ptr<Client> open_journal_client(const Cluster& cluster, ClientId id = 0,
                                                          std::uint32_t window = 64);

/// Writes keys from `next` on until it is told to stop; counts on.
void write_keys(Client& client, std::uint64_t& next, Journal& journal, const std::atomic<bool>& stop);

/// So many keys from `next` on; counts on.
void write_some_keys(Client& client, std::uint64_t& next, Journal& journal, std::uint64_t count);

/// Every key of the journal that is not there with its value.
[[nodiscard]] std::vector<std::uint64_t> missing(Client& client, const std::vector<std::uint64_t>& numbers);

}  // namespace tagma::end_to_end
