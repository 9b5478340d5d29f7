// The load of `tagma bench`: clients in closed loops on uniform keys, every reply checked, the warm-up left out.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "client_lib/cli/closed_loop.h"
#include "client_lib/cli/histogram.h"
#include "client_lib/cli/program_name.h"

namespace tagma::cli {

struct LoadShape {
  std::uint32_t clients = 8;
  std::uint32_t window = 32;  ///< operations outstanding per client
  std::size_t value_bytes = 100;
  std::uint64_t keys = 100'000;
  std::uint32_t read_percent = 0;
};

/// Operations on kv and what their replies must look like.
class BenchWork {
 public:
  BenchWork(const LoadShape& shape, std::uint64_t seed);

  /// A put or a get of a random key. Its tag says which.
  [[nodiscard]] ClosedLoop::Step next();
  /// A put of this key.
  [[nodiscard]] ClosedLoop::Step put(std::uint64_t number);
  /// Whether the reply is one that the operation of that tag can have: put and get are ok, a get may find nothing, and
  /// what it finds is a value that some bench of this shape wrote under that key.
  [[nodiscard]] bool is_plausible(std::uint64_t tag, const ServiceReply& reply) const;

  [[nodiscard]] std::string key_of(std::uint64_t number) const;
  /// Each put writes another value, where the size has room for it behind the key: what stays as it is costs a
  /// replica's checkpoint next to nothing.
  [[nodiscard]] std::string value_of(std::uint64_t number, std::uint64_t version) const;
  [[nodiscard]] bool is_value_of(std::uint64_t number, std::string_view text) const;

 private:
  LoadShape shape_;
  std::mt19937_64 random_;
};

/// What the loops have counted.
struct LoadCounts {
  std::uint64_t operations = 0;  ///< ended with an agreed, plausible reply
  std::uint64_t errors = 0;      ///< all others
  std::string first_error;
  Histogram latency_us;  ///< of the operations
};

/// Writes every key of a bench once, before anything is measured: with few keys written, a put inserts and a get finds
/// nothing, which costs something else than what it costs later. One client and a wide window, whatever the shape.
class KeyFill {
 public:
  static constexpr std::uint32_t window = 256;

  [[nodiscard]] static Result<std::unique_ptr<KeyFill>> open(const std::string& directory, const LoadShape& shape,
                                                             std::chrono::milliseconds timeout,
                                                             const ProgramName& program);
  /// Ends at once; what is outstanding may or may not be executed.
  ~KeyFill();
  KeyFill(const KeyFill&) = delete;
  KeyFill& operator=(const KeyFill&) = delete;

  void start();
  /// All keys are written, or one was not.
  [[nodiscard]] bool finished() const { return finished_; }
  [[nodiscard]] std::uint64_t written() const { return written_; }
  /// Why the first key that was not written was not; empty if there is none. Only where finished().
  [[nodiscard]] std::string error() const;

 private:
  KeyFill(std::unique_ptr<Client> client, const LoadShape& shape)
      : work_(shape, 0), keys_(shape.keys), loop_(std::move(client), window) {}
  void count(const CallResult& result);

  BenchWork work_;
  std::uint64_t keys_;
  std::uint64_t next_ = 0;  ///< key to submit; the loop's calls come one at a time
  std::atomic<std::uint64_t> written_ = 0;
  std::atomic<bool> finished_ = false;
  mutable std::mutex mutex_;  ///< guards error_
  std::string error_;
  ClosedLoop loop_;  ///< last: its end calls back into the others
};

/// All clients of a bench. Start and stop from one thread.
class BenchLoad {
 public:
  /// Opens clients 0..clients-1 of the folder.
  [[nodiscard]] static Result<std::unique_ptr<BenchLoad>> open(const std::string& directory, const LoadShape& shape,
                                                               std::chrono::milliseconds timeout,
                                                               const ProgramName& program);
  ~BenchLoad();
  BenchLoad(const BenchLoad&) = delete;
  BenchLoad& operator=(const BenchLoad&) = delete;

  void start();
  /// Submits nothing further and waits for what is outstanding; false if that takes longer than `timeout`.
  [[nodiscard]] bool stop(std::chrono::milliseconds timeout);
  /// Forgets what was counted so far: the end of the warm-up.
  void reset_counts();
  /// Everything counted since.
  [[nodiscard]] LoadCounts counts() const;
  /// Just the numbers, cheaply.
  [[nodiscard]] std::uint64_t operations() const;
  [[nodiscard]] std::uint64_t errors() const;

  [[nodiscard]] std::vector<ReplicaReport> reports(std::chrono::milliseconds timeout);

 private:
  /// One client with its loop.
  struct Lane {
    Lane(std::unique_ptr<Client> client, const LoadShape& shape, std::uint64_t seed)
        : work(shape, seed), loop(std::move(client), shape.window) {}
    BenchWork work;
    mutable std::mutex mutex;  ///< guards counts
    LoadCounts counts;
    ClosedLoop loop;  ///< last: its end calls back into the others
  };

  BenchLoad() = default;
  static void count(Lane& lane, std::uint64_t tag, const CallResult& result);

  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace tagma::cli
