// The client core: submitting a bundle, and accepting its replies at f+1.
#include "client_lib/client_core.h"
#include "test/bench/fixture.h"

namespace tagma::bench {
namespace {

constexpr std::size_t rounds = 8;  ///< of bundles, as many as the client's window holds
constexpr std::int64_t now_us = 1'000'000;

class ClientBench {
 public:
  explicit ClientBench(Keys keys)
      : authenticator_(Cluster::with(keys).authenticator({PrincipalKind::client, 0})),
        config_{.id = 0, .session = 1, .membership = Cluster::with(keys).membership()},
        core_(config_, authenticator_) {
    for (std::size_t i = 0; i < bundle_operations; ++i) {
      operations_.push_back(encode_operation("kv", encode_words({"put", key_of(i), value_of(i)})));
      digests_.push_back(authenticator_.digest(operations_.back()));
    }
  }

  /// One bundle; the number of the first request behind it.
  std::size_t submit() {
    for (const auto& operation : operations_) next_ = core_.submit(now_us, operation) + 1;
    return core_.flush(now_us).size();
  }
  /// What a replica says to the bundles submitted since the last call.
  [[nodiscard]] std::vector<Message> replies() {
    std::vector<Message> messages;
    while (answered_ < next_) {
      Replies replies{.epoch = config_.membership.epoch, .view = 0, .client = 0, .session = 1, .entries = {}};
      for (std::size_t i = 0; i < bundle_operations; ++i) {
        replies.entries.push_back({.number = answered_++,
                                   .request_digest = digests_[i],
                                   .seq = 1,
                                   .outcome = Outcome::executed,
                                   .result = encode_reply({ReplyStatus::ok, {}})});
      }
      messages.emplace_back(std::move(replies));
    }
    return messages;
  }
  std::size_t receive(ReplicaId from, const Message& message) { return core_.receive(now_us, from, message).size(); }
  [[nodiscard]] std::size_t outstanding() const { return core_.outstanding(); }
  [[nodiscard]] std::uint32_t replies_needed() const { return config_.membership.weak_quorum(); }

 private:
  Authenticator& authenticator_;
  ClientConfig config_;
  ClientCore core_;
  std::vector<Bytes> operations_;
  std::vector<Digest> digests_;
  RequestNumber next_ = 1;
  RequestNumber answered_ = 1;
};

/// Either the submissions or the replies of `rounds` bundles are timed.
void rounds_of(benchmark::State& state, Keys keys, bool replies_are_timed) {
  ClientBench client(keys);
  while (state.KeepRunningBatch(rounds)) {
    if (replies_are_timed) state.PauseTiming();
    for (std::size_t round = 0; round < rounds; ++round) benchmark::DoNotOptimize(client.submit());
    if (client.outstanding() != rounds * bundle_operations) return state.SkipWithError("not everything was submitted");
    if (!replies_are_timed) state.PauseTiming();
    const auto replies = client.replies();
    if (replies_are_timed) state.ResumeTiming();
    for (const auto& message : replies) {
      for (ReplicaId from = 0; from < client.replies_needed(); ++from) {
        benchmark::DoNotOptimize(client.receive(from, message));
      }
    }
    if (client.outstanding() != 0) return state.SkipWithError("not everything was accepted");
    if (!replies_are_timed) state.ResumeTiming();
  }
}

}  // namespace

void register_client() {
  const std::string operations = "/operations:" + std::to_string(bundle_operations);
  for (const Keys keys : all_keys) {
    add("client/submit/" + to_string(keys) + operations,
        [=](benchmark::State& state) { rounds_of(state, keys, false); });
    add("client/accept/" + to_string(keys) + operations,
        [=](benchmark::State& state) { rounds_of(state, keys, true); });
  }
}

}  // namespace tagma::bench
