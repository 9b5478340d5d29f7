// What a large state costs a cluster: how long it takes until it serves again after everything was killed, how fast a
// wiped replica gets the state while others write, and what clients feel of checkpoints that change a hundredth of it.
//
//   large_state_rounds [--keys N] [--value-bytes B] [--bursts N] [--writes-per-second N,...] [--fill paths|numbers]
//
// Writes N keys, then goes through the steps and prints a line for each; a replica is wiped once for each rate of
// writes. They are written in the order in which their leaves lie on the disk, or in that of their numbers: then each
// key changes another page of leaves, which takes ten million keys half an hour on a common disk. Exit 0: every step
// came to its end, no operation failed and every acknowledged write was read back. The figures are for
// docs/performance.md; nothing is judged by time.
#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <string_view>
#include <thread>

#include "crypto/digest.h"
#include "messages/state_key.h"
#include "test/end_to_end/harness/cluster.h"
#include "test/end_to_end/harness/journal.h"

namespace tagma::end_to_end {
namespace {

struct Options {
  std::uint64_t keys = 10'000'000;
  std::uint64_t value_bytes = 60;
  std::uint64_t bursts = 6;
  std::vector<std::uint64_t> writes_per_second{2'000};  ///< while a replica gets the state, one time after the other
  bool fill_by_paths = true;
};

using std::string_view_literals::operator""sv;

constexpr std::uint32_t replicas = 4;
constexpr std::uint32_t wiped = 3;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::uint64_t counter(const Report& report, std::string_view name) {
  for (const auto& [known, count] : report.counters) {
    if (known == name) return count;
  }
  return 0;
}

/// Kilobytes of a process's memory that no file stands behind.
std::uint64_t anonymous_kb(pid_t pid) {
  const std::string status = read_file("/proc/" + std::to_string(pid) + "/status");
  const auto at = status.find("RssAnon:");
  return at == std::string::npos ? 0 : std::strtoull(status.c_str() + at + 8, nullptr, 10);
}

double quantile_ms(std::vector<std::int64_t> latencies_us, double part) {
  if (latencies_us.empty()) return 0;
  const auto at = static_cast<std::size_t>(part * static_cast<double>(latencies_us.size() - 1));
  std::nth_element(latencies_us.begin(), latencies_us.begin() + static_cast<std::ptrdiff_t>(at), latencies_us.end());
  return static_cast<double>(latencies_us[at]) / 1'000;
}

/// One operation of the probe.
struct Sample {
  Clock::time_point end;
  std::int64_t latency_us = 0;
};

/// A few operations outstanding, all the time: what a client feels.
class Probe {
 public:
  Probe(Client& client, const std::function<Bytes()>& next) : client_(client), next_(next) {
    for (int at = 0; at < outstanding; ++at) submit();
  }
  /// Once it has returned no more comes.
  void stop() {
    stopped_ = true;
    static_cast<void>(await([this] { return running_ == 0; }, in(seconds(60))));
  }
  [[nodiscard]] std::vector<Sample> samples() {
    const std::lock_guard lock(mutex_);
    return samples_;
  }
  [[nodiscard]] std::uint64_t failed() const { return failed_; }

 private:
  static constexpr int outstanding = 16;

  void submit() {
    ++running_;
    client_.submit(next_(), [this](const CallResult& result) {
      {
        const std::lock_guard lock(mutex_);
        samples_.push_back({Clock::now(), result.latency_us});
      }
      if (result.status != CallStatus::ok || result.reply.status != ReplyStatus::ok) ++failed_;
      if (!stopped_) submit();
      --running_;
    });
  }

  Client& client_;
  std::function<Bytes()> next_;
  std::mutex mutex_;
  std::vector<Sample> samples_;
  std::atomic<int> running_ = 0;
  std::atomic<std::uint64_t> failed_ = 0;
  std::atomic<bool> stopped_ = false;
};

class LargeState {
 public:
  explicit LargeState(const Options& options)
      : options_(options), cluster_({"--service", "kv", "--replicas", std::to_string(replicas), "--clients", "3"}) {}

  int run() {
    if (!cluster_.up()) return fail("the cluster does not start:\n" + cluster_.process().errors());
    if (!fill() || !restart() || !checkpoints()) return 1;
    for (const auto writes_per_second : options_.writes_per_second) {
      if (!wipe(writes_per_second)) return 1;
    }
    std::printf("failed operations: %llu\n", static_cast<unsigned long long>(failed_));
    return failed_ == 0 ? 0 : 1;
  }

 private:
  static int fail(const std::string& why) {
    std::printf("%s\n", why.c_str());
    return 1;
  }

  std::string key(std::uint64_t number) const {
    return "bench/" + std::to_string(options_.value_bytes) + "/" + std::to_string(number);
  }

  Bytes put(std::uint64_t number, std::uint64_t version) const {
    std::string value = std::to_string(version);
    value.resize(options_.value_bytes, '.');
    return kv_operation({"put", key(number), value});
  }

  void print_memory(const char* when) const {
    std::uint64_t least = ~std::uint64_t{0};
    std::uint64_t most = 0;
    for (std::uint32_t id = 0; id < replicas; ++id) {
      const auto kb = anonymous_kb(replica_pid(id));
      least = std::min(least, kb);
      most = std::max(most, kb);
    }
    std::printf("  RssAnon %s: %llu to %llu MB\n", when, static_cast<unsigned long long>(least / 1000),
                static_cast<unsigned long long>(most / 1000));
  }

  pid_t replica_pid(std::uint32_t id) const {
    return id == wiped && replacement_ ? replacement_->pid() : cluster_.replica(id);
  }

  /// Their numbers in the order of their leaves.
  [[nodiscard]] std::vector<std::uint32_t> by_paths() const {
    const crypto::Hasher hasher;
    std::vector<std::pair<std::uint64_t, std::uint32_t>> placed;
    placed.reserve(options_.keys);
    for (std::uint32_t number = 0; number < options_.keys; ++number) {
      const Digest path = hasher.digest(Bytes{state_key::service_prefix, 2} + "kv" + key(number));
      std::uint64_t front = 0;
      for (std::size_t at = 0; at < sizeof front; ++at) front = front << 8U | path.bytes[at];
      placed.emplace_back(front, number);
    }
    std::sort(placed.begin(), placed.end());
    std::vector<std::uint32_t> numbers;
    numbers.reserve(placed.size());
    for (const auto& [front, number] : placed) numbers.push_back(number);
    return numbers;
  }

  bool write_all() {
    if (options_.fill_by_paths) {
      const auto numbers = by_paths();
      const auto client = open_journal_client(cluster_, 0, 1024);
      write_many(
          *client, numbers.size(), [&](std::uint64_t at) { return numbers[at]; }, 0);
      return failed_ == 0 || fail("some keys were not written") == 0;
    }
    const auto filled =
        cluster_.tagma({"bench", "--fill", "--keys", std::to_string(options_.keys), "--value-bytes",
                        std::to_string(options_.value_bytes), "--clients", "1", "--warmup", "0", "--seconds", "1"},
                       std::chrono::hours(3));
    return filled.exit_status == 0 || fail("the keys were not written:\n" + filled.all()) == 0;
  }

  bool fill() {
    const auto start = Clock::now();
    if (!write_all()) return false;
    std::uint64_t bytes = 0;
    for (const auto& file :
         std::filesystem::recursive_directory_iterator(cluster_.directory() + "/replica-0/data/state"))
      bytes += file.file_size();
    std::printf("fill: %llu keys of %llu bytes in %.0f s; state file %.0f MB\n",
                static_cast<unsigned long long>(options_.keys), static_cast<unsigned long long>(options_.value_bytes),
                seconds_since(start), static_cast<double>(bytes) / 1e6);
    print_memory("after it");
    return true;
  }

  bool restart() {
    cluster_.kill_all();
    const auto start = Clock::now();
    if (!cluster_.up()) return fail("the cluster does not come back:\n" + cluster_.process().errors()) == 0;
    const double ready_s = seconds_since(start);
    const auto client = open_journal_client(cluster_);
    const auto answer = client->call(kv_operation({"get", key(options_.keys / 2)}));
    if (answer.status != CallStatus::ok || answer.reply.status != ReplyStatus::ok) return fail("a key is gone") == 0;
    std::printf("restart: all killed at once; ready after %.1f s, first answer after %.1f s\n", ready_s,
                seconds_since(start));
    print_memory("after it");
    return true;
  }

  /// As fast as it goes.
  void write_many(Client& client, std::uint64_t count, const std::function<std::uint64_t(std::uint64_t)>& number_of,
                  std::uint64_t version) {
    std::atomic<std::uint64_t> running = 0;
    for (std::uint64_t at = 0; at < count; ++at) {
      ++running;
      client.submit(put(number_of(at), version), [&](const CallResult& result) {
        if (result.status != CallStatus::ok) ++failed_;
        --running;
      });
    }
    while (running > 0) std::this_thread::sleep_for(milliseconds(1));
  }

  /// Whether some replica writes a checkpoint of many keys at this moment.
  static bool writing(Client& client, std::uint64_t keys_min) {
    for (const auto& replica : client.reports(milliseconds(500))) {
      if (counter(replica.report, "checkpoint keys being written") >= keys_min) return true;
    }
    return false;
  }

  bool checkpoints() {
    const auto probing = open_journal_client(cluster_, 1);
    const auto asking = open_journal_client(cluster_, 2);
    const auto writing_client = open_journal_client(cluster_, 0, 1024);
    std::mt19937_64 random(1);
    std::mutex random_mutex;  // the probe's thread draws too
    const auto any = [&](std::uint64_t) {
      const std::lock_guard lock(random_mutex);
      return random() % options_.keys;
    };
    Probe probe(*probing, [&] { return put(any(0), 7); });
    std::this_thread::sleep_for(seconds(3));
    using Window = std::pair<Clock::time_point, Clock::time_point>;
    std::vector<Window> usual;
    std::map<std::string, std::vector<Window>> while_written;
    for (std::uint64_t round = 0; round < options_.bursts; ++round) {
      const bool clustered = round % 2 == 0;
      auto since = Clock::now();
      std::this_thread::sleep_for(seconds(5));
      usual.emplace_back(since, Clock::now());
      const std::uint64_t first = round * (options_.keys / 100);
      write_many(*writing_client, options_.keys / 100,
                 clustered ? std::function([first](std::uint64_t at) { return first + at; }) : any, round);
      // It may have been written while they came; the next one begins once the probe has filled its slots.
      const auto begun_by = in(seconds(10));
      while (!writing(*asking, options_.keys / 1'000) && Clock::now() < begun_by) {
      }
      since = Clock::now();
      while (writing(*asking, options_.keys / 1'000)) {
      }
      while_written[clustered ? "clustered" : "random"].emplace_back(since, Clock::now());
    }
    probe.stop();
    failed_ += probe.failed();
    const auto samples = probe.samples();
    const auto tell = [&](const std::string& name, const std::vector<Window>& windows) {
      std::vector<std::int64_t> latencies_us;
      double seconds = 0;
      for (const auto& [from, to] : windows) {
        seconds += std::chrono::duration<double>(to - from).count();
        for (const auto& sample : samples) {
          if (sample.end >= from && sample.end <= to) latencies_us.push_back(sample.latency_us);
        }
      }
      std::printf("  %s: %.1f s, %zu operations, p50 %.1f ms, p99 %.1f ms, longest %.1f ms\n", name.c_str(), seconds,
                  latencies_us.size(), quantile_ms(latencies_us, 0.5), quantile_ms(latencies_us, 0.99),
                  quantile_ms(latencies_us, 1));
    };
    std::printf("checkpoints of up to 1%% of the keys, a client with 16 outstanding puts beside them:\n");
    tell("usual", usual);
    for (const auto& [name, windows] : while_written) tell("while one is written, " + name, windows);
    const auto reports = asking->reports(milliseconds(500));
    std::printf("  longest checkpoint %.2f s of %llu\n",
                static_cast<double>(counter(reports[0].report, "checkpoint us (max)")) / 1e6,
                static_cast<unsigned long long>(counter(reports[0].report, "checkpoints written")));
    print_memory("after them");
    return true;
  }

  /// So many keys a second, whatever the cluster could take: what is moved is to be compared with what it can bear.
  void write_steadily(Client& client, std::uint64_t writes_per_second, Journal& journal,
                      const std::atomic<bool>& stop) const {
    constexpr std::uint64_t parts_of_second = 100;
    std::uint64_t next = 0;
    const auto start = Clock::now();
    for (std::uint64_t part = 1; !stop; ++part) {
      write_some_keys(client, next, journal, std::max<std::uint64_t>(writes_per_second / parts_of_second, 1));
      std::this_thread::sleep_until(start + part * milliseconds(1'000 / parts_of_second));
    }
  }

  /// The wiped replica gets the state while a client writes.
  bool wipe(std::uint64_t writes_per_second) {
    const auto client = open_journal_client(cluster_, 0);
    const auto asking = open_journal_client(cluster_, 2);
    Journal journal;
    std::atomic<bool> stop = false;
    std::thread writer([&] { write_steadily(*client, writes_per_second, journal, stop); });
    std::this_thread::sleep_for(seconds(3));
    if (replacement_) {
      replacement_->signal(SIGKILL);
      static_cast<void>(replacement_->finish(in(seconds(10))));
    } else {
      static_cast<void>(cluster_.kill_replica(wiped));
    }
    std::filesystem::remove_all(cluster_.directory() + "/replica-3/data");
    const auto start = Clock::now();
    replacement_ = std::make_unique<Process>(cluster_.command({"replica", "--id", std::to_string(wiped)}));
    const bool voted = watch(*asking, start);
    const double voted_s = seconds_since(start);
    std::vector<std::uint64_t> written;
    {
      const std::lock_guard lock(journal.mutex);
      written = journal.acknowledged;
      failed_ += journal.failed;
    }
    stop = true;
    client->stop();
    writer.join();
    if (!voted) return fail("the wiped replica does not vote again:\n" + replacement_->errors()) == 0;
    std::printf("wipe: votes again after %.1f s, with %llu writes a second asked for\n", voted_s,
                static_cast<unsigned long long>(writes_per_second));
    print_journal(journal, start, voted_s);
    print_memory("after it");
    const auto lost = missing(*asking, written);
    std::printf("  %zu writes acknowledged, %zu lost\n", written.size(), lost.size());
    return lost.empty();
  }

  /// Until the replica votes; tells what the transfer moved and how fast.
  bool watch(Client& client, Clock::time_point start) {
    std::optional<Clock::time_point> begin;
    Clock::time_point last = start;
    std::uint64_t fetched = 0;
    std::uint64_t anonymous = 0;
    const auto deadline = Clock::now() + std::chrono::minutes(20);
    while (Clock::now() < deadline && replacement_->running()) {
      std::this_thread::sleep_for(milliseconds(100));
      anonymous = std::max(anonymous, anonymous_kb(replacement_->pid()));
      const auto reports = client.reports(milliseconds(500));
      const auto& report = reports[wiped];
      if (!report.answered) continue;
      const auto bytes = counter(report.report, "transfer bytes fetched");
      if (bytes > fetched) {
        if (!begin) begin = Clock::now();
        last = Clock::now();
        fetched = bytes;
      }
      if (!report.report.voting || report.report.last_executed == 0) continue;
      const double fetch_s = begin ? std::chrono::duration<double>(last - *begin).count() : 0;
      std::printf(
          "transfer: %.0f MB in %.1f s, %.0f MB/s (first seen %.1f s after the start); RssAnon at most %llu MB\n",
          static_cast<double>(fetched) / 1e6, fetch_s, static_cast<double>(fetched) / 1e6 / std::max(fetch_s, 0.1),
          begin ? std::chrono::duration<double>(*begin - start).count() : 0.0,
          static_cast<unsigned long long>(anonymous / 1000));
      return true;
    }
    return false;
  }

  static void print_journal(Journal& journal, Clock::time_point since, double duration_s) {
    const std::lock_guard lock(journal.mutex);
    Clock::duration longest{};
    std::size_t answers = 0;
    for (std::size_t at = 1; at < journal.at.size(); ++at) {
      if (journal.at[at] < since) continue;
      ++answers;
      longest = std::max(longest, journal.at[at] - journal.at[at - 1]);
    }
    std::printf("  meanwhile %.0f writes a second; longest pause %ld ms\n", static_cast<double>(answers) / duration_s,
                std::chrono::duration_cast<milliseconds>(longest).count());
  }

  Options options_;
  Cluster cluster_;
  std::unique_ptr<Process> replacement_;  ///< of the wiped replica
  std::atomic<std::uint64_t> failed_ = 0;
};

bool read(std::string_view text, std::uint64_t& number) {
  return std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc{} && number > 0;
}

/// Of numbers parted by commas.
bool read(std::string_view text, std::vector<std::uint64_t>& numbers) {
  numbers.clear();
  for (std::size_t from = 0; from <= text.size();) {
    const auto comma = std::min(text.find(',', from), text.size());
    if (!read(text.substr(from, comma - from), numbers.emplace_back())) return false;
    from = comma + 1;
  }
  return true;
}

int run_large_state(int count, char** words) {
  Options options;
  for (int at = 1; at < count; at += 2) {
    const std::string_view word = words[at];
    const bool valued = at + 1 < count;
    if (word == "--keys" && valued && read(words[at + 1], options.keys)) continue;
    if (word == "--value-bytes" && valued && read(words[at + 1], options.value_bytes)) continue;
    if (word == "--bursts" && valued && read(words[at + 1], options.bursts)) continue;
    if (word == "--writes-per-second" && valued && read(words[at + 1], options.writes_per_second)) continue;
    if (word == "--fill" && valued && (words[at + 1] == "paths"sv || words[at + 1] == "numbers"sv)) {
      options.fill_by_paths = words[at + 1] == "paths"sv;
      continue;
    }
    std::fprintf(stderr,
                 "usage: large_state_rounds [--keys N] [--value-bytes B] [--bursts N] [--writes-per-second N,...]\n"
                 "                          [--fill paths|numbers]\n");
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  return LargeState(options).run();
}

}  // namespace
}  // namespace tagma::end_to_end

int main(int count, char** words) { return tagma::end_to_end::run_large_state(count, words); }
