// HELLOs that wait for their verification. Each costs two signature operations and a key agreement, and anybody may
// send one, so they are served at a limited rate and fairly.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "replica/runtime/token_bucket.h"
#include "tagma/bytes.h"

namespace tagma::runtime {

/// One waiting HELLO per connection, the latest; connections in the order in which they came. A connection that sends
/// garbage without pause therefore gets one turn in each round, as everybody else. Not thread-safe.
class HelloQueue {
 public:
  static constexpr std::size_t waiting_max = 512;
  static constexpr std::size_t hello_bytes_max = 1024;

  HelloQueue(std::int64_t per_second, std::int64_t burst) : bucket_(per_second, burst) {}

  /// False if there is no room or it is too long for a HELLO.
  [[nodiscard]] bool push(ByteView routing_id, ByteView record) {
    if (record.size() > hello_bytes_max) return false;
    const auto found = waiting_.find(routing_id);
    if (found != waiting_.end()) {
      found->second = Bytes(record);
      return true;
    }
    if (waiting_.size() >= waiting_max) return false;
    waiting_.try_emplace(Bytes(routing_id), record);
    order_.emplace_back(routing_id);
    return true;
  }

  struct Hello {
    Bytes routing_id;
    Bytes record;
  };
  /// The next one to verify, if the rate allows one now.
  [[nodiscard]] std::optional<Hello> next(MonotonicUs now_us) {
    if (order_.empty() || !bucket_.take(now_us)) return std::nullopt;
    auto node = waiting_.extract(order_.front());
    order_.pop_front();
    return Hello{std::move(node.key()), std::move(node.mapped())};
  }

  /// When next() will have one; nothing if none waits.
  [[nodiscard]] std::optional<MonotonicUs> wake_at_us(MonotonicUs now_us) {
    if (order_.empty()) return std::nullopt;
    return bucket_.next_us(now_us);
  }

 private:
  TokenBucket bucket_;
  std::map<Bytes, Bytes, std::less<>> waiting_;  ///< HELLO by routing id
  std::deque<Bytes> order_;                      ///< routing ids of waiting_, each once
};

}  // namespace tagma::runtime
