// The primary is killed, or stopped for a while, under load, again and again; each time the longest time between two
// answers is taken, and at the end everything that was acknowledged is read back.
//
//   primary_rounds [--rounds N] [--stopped SECONDS] [--n N]
//
// A round: the primary that `tagma status` tells gets SIGKILL and is started again once another one leads; with
// --stopped it gets SIGSTOP instead, and goes on after so many seconds. The next round waits until all replicas vote.
// Prints a line for each round; exit 0: no operation failed, no key is missing, and every primary came back.
#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <thread>

#include "test/end_to_end/harness/cluster.h"
#include "test/end_to_end/harness/journal.h"

namespace tagma::end_to_end {
namespace {

using nlohmann::json;

struct Options {
  int rounds = 3;
  int stopped_s = 0;  ///< 0: killed
  std::string n = "4";
};

/// What `tagma status` says; null where it says nothing.
json status_of(const Cluster& cluster) {
  const Finished status = cluster.tagma({"status", "--json"});
  return json::accept(status.output) ? json::parse(status.output) : json();
}

class PrimaryRounds {
 public:
  explicit PrimaryRounds(const Options& options)
      : options_(options), cluster_({"--service", "kv", "--replicas", options.n}) {}

  int run() {
    if (!cluster_.up()) {
      std::printf("the cluster does not start:\n%s\n", cluster_.process().errors().c_str());
      return 1;
    }
    client_ = open_journal_client(cluster_);
    std::atomic<bool> stop = false;
    std::thread writer([&] { write_keys(*client_, next_, journal_, stop); });
    bool played = true;
    for (int round = 1; round <= options_.rounds && played; ++round) played = play(round);
    std::vector<std::uint64_t> written;
    std::uint64_t failed = 0;
    {
      const std::lock_guard lock(journal_.mutex);
      written = journal_.acknowledged;
      failed = journal_.failed;
    }
    stop = true;
    client_->stop();
    writer.join();
    return played ? report(written, failed) : 1;
  }

 private:
  int report(const std::vector<std::uint64_t>& written, std::uint64_t failed) {
    client_ = open_journal_client(cluster_);
    const auto lost = missing(*client_, written);
    for (const auto number : lost) std::printf("LOST: %s\n", journal_key(number).c_str());
    std::sort(gaps_ms_.begin(), gaps_ms_.end());
    std::printf(
        "%d rounds, %zu acknowledged writes, lost %zu, failed %llu; between two answers (ms): median %ld, longest "
        "%ld\n",
        options_.rounds, written.size(), lost.size(), static_cast<unsigned long long>(failed),
        gaps_ms_[gaps_ms_.size() / 2], gaps_ms_.back());
    return lost.empty() && failed == 0 ? 0 : 1;
  }

  /// All vote, and nobody is far behind: one that has just gone on says that it votes before it has heard how much it
  /// has missed, and were the next one stopped then, two would be out.
  bool all_vote() const {
    constexpr std::uint64_t behind_max = 128;
    const json status = status_of(cluster_);
    if (!status.contains("replicas")) return false;
    const auto& replicas = status.at("replicas");
    const bool vote =
        std::all_of(replicas.begin(), replicas.end(), [](const json& replica) { return replica.at("voting") == true; });
    if (!vote) return false;
    std::vector<std::uint64_t> executed;
    for (const auto& replica : replicas) executed.push_back(replica.at("last_executed").get<std::uint64_t>());
    const auto [least, most] = std::minmax_element(executed.begin(), executed.end());
    return *most - *least <= behind_max;
  }

  /// The replica that a quorum holds for the primary.
  std::optional<std::uint32_t> primary() const {
    const json status = status_of(cluster_);
    if (!status.contains("replicas")) return std::nullopt;
    std::map<std::uint64_t, int> views;
    for (const auto& replica : status.at("replicas")) {
      if (replica.at("voting") == true) ++views[replica.at("view").get<std::uint64_t>()];
    }
    const auto n = static_cast<int>(status.at("replicas").size());
    for (const auto& [view, replicas] : views) {
      if (2 * replicas > n) return static_cast<std::uint32_t>(view % static_cast<std::uint64_t>(n));
    }
    return std::nullopt;
  }

  void end(std::uint32_t id) {
    if (const auto own = replicas_.find(id); own != replicas_.end()) {
      own->second->signal(SIGKILL);
      static_cast<void>(own->second->finish(in(seconds(10))));
    } else {
      static_cast<void>(cluster_.kill_replica(id));
    }
  }

  void send(std::uint32_t id, int number) {
    if (const auto own = replicas_.find(id); own != replicas_.end()) {
      own->second->signal(number);
    } else {
      static_cast<void>(cluster_.signal_replica(id, number));
    }
  }

  /// Answers that came after this moment.
  std::size_t answers_since(Clock::time_point since) {
    const std::lock_guard lock(journal_.mutex);
    return static_cast<std::size_t>(journal_.at.end() -
                                    std::lower_bound(journal_.at.begin(), journal_.at.end(), since));
  }

  /// The longest time without an answer, from just before `since` on.
  long longest_gap_ms(Clock::time_point since) {
    const std::lock_guard lock(journal_.mutex);
    auto at = std::lower_bound(journal_.at.begin(), journal_.at.end(), since);
    if (at != journal_.at.begin()) --at;
    Clock::duration longest{};
    for (; at != journal_.at.end() && std::next(at) != journal_.at.end(); ++at) {
      longest = std::max(longest, *std::next(at) - *at);
    }
    return std::chrono::duration_cast<milliseconds>(longest).count();
  }

  bool play(int round) {
    if (!await([&] { return all_vote() && primary(); }, in(seconds(60)))) {
      std::printf("round %d: not all replicas vote:\n%s\n", round, cluster_.tagma({"status"}).output.c_str());
      return false;
    }
    const auto victim = *primary();
    const auto since = Clock::now();
    if (options_.stopped_s > 0) {
      send(victim, SIGSTOP);
    } else {
      end(victim);
    }
    const auto another = [&] {
      const auto now = primary();
      return now && *now != victim && answers_since(since) > 1'000;
    };
    if (!await(another, in(seconds(30)))) {
      std::printf("round %d: nobody took the place of replica %u\n", round, victim);
      return false;
    }
    if (options_.stopped_s > 0) {
      std::this_thread::sleep_until(since + seconds(options_.stopped_s));
      send(victim, SIGCONT);
    } else {
      replicas_[victim] = std::make_unique<Process>(cluster_.command({"replica", "--id", std::to_string(victim)}));
    }
    gaps_ms_.push_back(longest_gap_ms(since));
    std::printf("round %d: replica %u %s; %ld ms between two answers\n", round, victim,
                options_.stopped_s > 0 ? "stopped" : "killed", gaps_ms_.back());
    std::fflush(stdout);
    return true;
  }

  Options options_;
  Cluster cluster_;
  std::map<std::uint32_t, std::unique_ptr<Process>> replicas_;  ///< started here, instead of those of `tagma up`
  Journal journal_;
  std::unique_ptr<Client> client_;
  std::uint64_t next_ = 0;
  std::vector<long> gaps_ms_;
};

bool read(std::string_view text, int& number) {
  return std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc{} && number > 0;
}

int run_rounds(int count, char** words) {
  Options options;
  for (int at = 1; at < count; ++at) {
    const std::string_view word = words[at];
    const bool valued = at + 1 < count;
    if (word == "--rounds" && valued && read(words[at + 1], options.rounds)) {
      ++at;
    } else if (word == "--stopped" && valued && read(words[at + 1], options.stopped_s)) {
      ++at;
    } else if (word == "--n" && valued) {
      options.n = words[++at];
    } else {
      std::fprintf(stderr, "usage: primary_rounds [--rounds N] [--stopped SECONDS] [--n N]\n");
      return 2;
    }
  }
  return PrimaryRounds(options).run();
}

}  // namespace
}  // namespace tagma::end_to_end

int main(int count, char** words) { return tagma::end_to_end::run_rounds(count, words); }
