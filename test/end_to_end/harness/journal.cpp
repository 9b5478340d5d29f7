#include "test/end_to_end/harness/journal.h"

#include <cstdio>
#include <cstdlib>
#include <future>
#include <utility>

#include "tagma/operation.h"

namespace tagma::end_to_end {

Bytes kv_operation(const Words& words) { return encode_operation("kv", encode_words(words)); }
std::string journal_key(std::uint64_t number) { return "key-" + std::to_string(number); }

std::unique_ptr<Client> open_journal_client(const Cluster& cluster, ClientId id, std::uint32_t window) {
  ClientOptions options;
  options.cluster_file = cluster.cluster_file();
  options.identity_file = cluster.directory() + "/client-" + std::to_string(id) + "/identity.key";
  options.id = id;
  options.timeout = milliseconds(30'000);
  options.window = window;
  auto client = Client::open(options);
  if (!client) {
    std::fprintf(stderr, "no client: %s\n", client.reason().c_str());
    std::exit(2);
  }
  return std::move(*client);
}

void write_keys(Client& client, std::uint64_t& next, Journal& journal, const std::atomic<bool>& stop) {
  while (!stop) write_some_keys(client, next, journal, 1);
}

void write_some_keys(Client& client, std::uint64_t& next, Journal& journal, std::uint64_t count) {
  for (; count > 0; --count) {
    const std::uint64_t number = next++;
    client.submit(kv_operation({"put", journal_key(number), std::to_string(number)}),
                  [number, &journal](const CallResult& result) {
                    const std::lock_guard lock(journal.mutex);
                    if (result.status != CallStatus::ok || result.reply.status != ReplyStatus::ok) {
                      ++journal.failed;
                      return;
                    }
                    journal.acknowledged.push_back(number);
                    journal.at.push_back(Clock::now());
                  });
  }
}

std::vector<std::uint64_t> missing(Client& client, const std::vector<std::uint64_t>& numbers) {
  std::vector<std::pair<std::uint64_t, std::future<CallResult>>> asked;
  std::vector<std::uint64_t> lost;
  const auto look = [&lost](std::uint64_t number, const CallResult& result) {
    const bool there = result.status == CallStatus::ok && result.reply.status == ReplyStatus::ok &&
                       result.reply.text == std::to_string(number);
    if (!there) lost.push_back(number);
  };
  for (const auto number : numbers)
    asked.emplace_back(number, client.submit(kv_operation({"get", journal_key(number)})));
  for (auto& [number, result] : asked) look(number, result.get());
  return lost;
}

}  // namespace tagma::end_to_end
