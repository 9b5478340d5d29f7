// Encoding and decoding of the messages of the normal case.
#include "messages/wire/codec.h"
#include "test/bench/fixture.h"

namespace tagma::bench {
namespace {

Message replies_of(std::size_t operations) {
  Replies replies;
  replies.session = 1'700'000'000'000'000;
  auto& authenticator = Cluster::with(Keys::fake).authenticator({PrincipalKind::replica, 0});
  for (std::size_t i = 0; i < operations; ++i) {
    replies.entries.push_back({.number = i + 1,
                               .request_digest = authenticator.digest(key_of(i)),
                               .seq = 1,
                               .outcome = Outcome::executed,
                               .result = encode_reply({ReplyStatus::ok, {}})});
  }
  return replies;
}

void add_message(const std::string& name, const Message& message) {
  const Bytes bytes = wire::encode(message);
  add("codec/encode/" + name, [message, size = bytes.size()](benchmark::State& state) {
    for (auto step : state) {
      static_cast<void>(step);
      benchmark::DoNotOptimize(wire::encode(message));
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(size));
  });
  add("codec/decode/" + name, [bytes](benchmark::State& state) {
    for (auto step : state) {
      static_cast<void>(step);
      auto decoded = wire::decode(bytes);
      if (!decoded) return state.SkipWithError(decoded.reason().c_str());
      benchmark::DoNotOptimize(decoded);
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
  });
}

}  // namespace

void register_codec() {
  Cluster& cluster = Cluster::with(Keys::fake);
  Digest digest;
  digest.bytes.fill(9);
  for (const std::size_t operations : {std::size_t{1}, bundle_operations}) {
    add_message("submit/operations:" + std::to_string(operations), Submit{cluster.bundle(0, 1, operations)});
  }
  for (const std::size_t operations : batch_sizes) {
    add_message("pre_prepare/operations:" + std::to_string(operations),
                PrePrepare{.view = 0, .seq = 1, .batch = cluster.batches(operations).front()});
  }
  add_message("prepare", Prepare{.view = 0, .seq = 1, .digest = digest});
  add_message("commit", Commit{.view = 0, .seq = 1, .digest = digest});
  for (const std::size_t operations : {std::size_t{1}, bundle_operations}) {
    add_message("replies/operations:" + std::to_string(operations), replies_of(operations));
  }
}

}  // namespace tagma::bench
