// All replicas killed at once under load, again and again, at random moments; what was acknowledged is compared with a
// journal that the client wrote.
//
//   crash_rounds [--rounds N] [--seed S] [--durability MODE] [--lost-writes] [--honest-syncs N]
//
// A round: `tagma up`; the time until the first operation is answered; keys are written by a client with many
// operations outstanding, and each that is acknowledged goes into the journal; after a random time every process gets
// SIGKILL. The next round reads back what the last one wrote and a sample of what was before; every 25th, and the end,
// reads back every key of the journal (no key is written twice, so that a loss is found in any case). With
// --lost-writes the replicas run on a disk that forgets what was not synced (double/lost_writes.cpp). Prints a line for
// each round; exit 0: nothing was lost. With --honest-syncs the disk lies after N syncs of a process: then a loss must
// be found, which a test demands.
#include <algorithm>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "test/end_to_end/harness/cluster.h"
#include "test/end_to_end/harness/journal.h"

namespace tagma::end_to_end {
namespace {

struct Options {
  int rounds = 3;
  std::uint64_t seed = 1;
  std::string durability = "sync";
  bool lost_writes = false;
  std::string honest_syncs;  ///< empty: all
};

/// 0 for what is no number.
std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

class CrashRounds {
 public:
  explicit CrashRounds(const Options& options)
      : options_(options), random_(options.seed), cluster_({"--service", "kv", "--durability", options.durability}) {
    if (!options.lost_writes) return;
    // Inherited by `tagma up` and its replicas; this process and its client have started already.
    ::setenv("LD_PRELOAD", TAGMA_LOST_WRITES_LIBRARY, 1);
    ::setenv("TAGMA_LOST_WRITES", cluster_.directory().c_str(), 1);
    if (!options.honest_syncs.empty()) ::setenv("TAGMA_HONEST_SYNCS", options.honest_syncs.c_str(), 1);
  }

  int run() {
    for (int round = 1; round <= options_.rounds; ++round) {
      if (!play(round)) return 1;
    }
    if (!begin()) return 1;
    const auto lost = lost_of(journal_.acknowledged);
    cluster_.kill_all();
    std::sort(serving_ms_.begin(), serving_ms_.end());
    std::printf("%d rounds, %zu acknowledged writes, lost %zu; serving again after (ms): median %ld, longest %ld\n",
                options_.rounds, journal_.acknowledged.size(), lost, serving_ms_[serving_ms_.size() / 2],
                serving_ms_.back());
    return lost == 0 ? 0 : 1;
  }

 private:
  /// Starts the cluster and waits until it answers.
  bool begin() {
    const auto start = Clock::now();
    if (!cluster_.up()) {
      std::printf("the cluster does not start:\n%s%s\n", cluster_.process().output().c_str(),
                  cluster_.process().errors().c_str());
      return false;
    }
    client_ = open_journal_client(cluster_);
    const auto first = client_->call(kv_operation({"get", "nothing"}));
    if (first.status != CallStatus::ok) {
      std::printf("the cluster does not answer: %s\n", first.error.c_str());
      return false;
    }
    serving_ms_.push_back(std::chrono::duration_cast<milliseconds>(Clock::now() - start).count());
    return true;
  }

  /// What this round reads back.
  std::vector<std::uint64_t> chosen(int round) const {
    constexpr int all_every = 25;
    constexpr std::size_t sample = 10'000;
    const auto& all = journal_.acknowledged;
    if (round % all_every == 0) return all;
    std::vector<std::uint64_t> numbers(all.begin() + static_cast<std::ptrdiff_t>(last_round_), all.end());
    for (std::size_t at = 0; at < last_round_; at += last_round_ / sample + 1) numbers.push_back(all[at]);
    return numbers;
  }

  std::size_t lost_of(const std::vector<std::uint64_t>& numbers) {
    const auto lost = missing(*client_, numbers);
    for (const auto number : lost) std::printf("LOST: %s\n", journal_key(number).c_str());
    return lost.size();
  }

  bool play(int round) {
    if (!begin()) return false;
    const std::size_t before = journal_.acknowledged.size();
    const auto read_back = chosen(round);
    if (lost_of(read_back) != 0) return false;
    last_round_ = before;
    std::atomic<bool> stop = false;
    std::thread writer([&] { write_keys(*client_, next_, journal_, stop); });
    std::this_thread::sleep_for(milliseconds(20 + random_() % 1'500));  // the moment is what is drawn
    cluster_.kill_all();
    stop = true;
    client_->stop();
    writer.join();
    client_.reset();
    std::printf("round %d: serving after %ld ms, %zu of %zu read back, %zu more acknowledged\n", round,
                serving_ms_.back(), read_back.size(), before, journal_.acknowledged.size() - before);
    std::fflush(stdout);
    return true;
  }

  Options options_;
  std::mt19937_64 random_;
  Cluster cluster_;
  Journal journal_;
  std::size_t last_round_ = 0;  ///< where what the last round wrote begins
  std::unique_ptr<Client> client_;
  std::uint64_t next_ = 0;
  std::vector<long> serving_ms_;
};

}  // namespace

int run_rounds(int count, char** words) {
  Options options;
  for (int at = 1; at < count; ++at) {
    const std::string word = words[at];
    const bool valued = at + 1 < count;
    if (word == "--lost-writes") {
      options.lost_writes = true;
    } else if (word == "--rounds" && valued) {
      options.rounds = static_cast<int>(number_of(words[++at]));
    } else if (word == "--seed" && valued) {
      options.seed = number_of(words[++at]);
    } else if (word == "--durability" && valued) {
      options.durability = words[++at];
    } else if (word == "--honest-syncs" && valued) {
      options.honest_syncs = words[++at];
      options.lost_writes = true;
    } else {
      std::fprintf(stderr,
                   "usage: crash_rounds [--rounds N] [--seed S] [--durability MODE] [--lost-writes] "
                   "[--honest-syncs N]\n");
      return 2;
    }
  }
  if (options.rounds < 1) return 2;
  return CrashRounds(options).run();
}

}  // namespace tagma::end_to_end

int main(int count, char** words) { return tagma::end_to_end::run_rounds(count, words); }
