// What a large state costs where it lies on the disk, without a cluster around it: to verify it, to write a checkpoint
// of 1% of its keys, and to move it to an empty store piece by piece as a state transfer does.
//
//   large_state [--keys N] [--value-bytes B]
//
// Everything runs on one thread, so that the times add up; on the disk under TMPDIR. Prints a line for each step. A
// cluster's part of it is large_state_rounds of test/end_to_end.
#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <random>
#include <string_view>

#include "checkpoint/lmdb_state_store.h"
#include "checkpoint/state_transfer.h"
#include "crypto/digest.h"
#include "test/fakes/temporary_folder.h"

namespace tagma::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::uint64_t keys = 1'000'000;
  std::uint64_t value_bytes = 60;
};

/// What was hashed.
struct Hashed {
  std::uint64_t calls = 0;
  std::uint64_t bytes = 0;
};

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

Bytes key_of(std::uint64_t number) { return "large/" + std::to_string(number); }

Bytes value_of(const Options& options, std::uint64_t number, std::uint64_t version) {
  Bytes value = std::to_string(number) + "." + std::to_string(version);
  value.resize(options.value_bytes, '.');
  return value;
}

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "large_state: %s\n", why.c_str());
  std::exit(1);
}

/// A store in a folder of its own, whose hashes are counted.
class Store {
 public:
  Store() {
    LmdbOptions options;
    options.mode = LmdbOptions::Mode::create;
    options.folder = folder_.path();
    options.make_hash = [this] {
      return [this, hasher = std::make_shared<crypto::Hasher>()](ByteView bytes) {
        ++hashed_.calls;
        hashed_.bytes += bytes.size();
        return hasher->digest(bytes);
      };
    };
    auto opened = LmdbStateStore::open(options);
    if (!std::holds_alternative<std::unique_ptr<LmdbStateStore>>(opened)) give_up("no store in " + folder_.path());
    store_ = std::move(std::get<std::unique_ptr<LmdbStateStore>>(opened));
  }

  [[nodiscard]] LmdbReader& reader() { return store_->reader(); }
  [[nodiscard]] std::uint64_t file_bytes() { return store_->reader().size().file_bytes; }
  [[nodiscard]] Hashed take_hashed() { return std::exchange(hashed_, {}); }

  void write(const Overlay& overlay) {
    if (!std::holds_alternative<Digest>(store_->write(++seq_, overlay))) give_up("the disk failed");
    store_->reader().refresh();
  }

  void stage(const std::vector<VerifiedPiece>& pieces) {
    if (store_->stage(pieces)) give_up("the disk failed");
  }

  void install(const Digest& root, const std::set<NibblePrefix>& cover) {
    if (!std::holds_alternative<Digest>(store_->install(++seq_, root, cover))) give_up("it cannot be installed");
    store_->reader().refresh();
  }

 private:
  test::TemporaryFolder folder_;
  Hashed hashed_;
  std::unique_ptr<LmdbStateStore> store_;
  Seq seq_ = 0;
};

void fill(Store& store, const Options& options) {
  constexpr std::uint64_t keys_at_once = 500'000;
  const auto start = Clock::now();
  for (std::uint64_t from = 0; from < options.keys; from += keys_at_once) {
    Overlay overlay;
    for (std::uint64_t number = from; number < std::min(options.keys, from + keys_at_once); ++number) {
      overlay[key_of(number)] = value_of(options, number, 0);
    }
    store.write(overlay);
  }
  std::printf("fill: %llu keys in %.1f s; content %.0f MB, file %.0f MB\n",
              static_cast<unsigned long long>(options.keys), seconds_since(start),
              static_cast<double>(store.reader().content_bytes()) / 1e6, static_cast<double>(store.file_bytes()) / 1e6);
}

/// Everything hashed once: what a checkpoint without a tree would cost.
Hashed verify(Store& store) {
  static_cast<void>(store.take_hashed());
  const auto start = Clock::now();
  const auto verified = store.reader().verify([](std::uint64_t, std::uint64_t) { return true; });
  if (!std::holds_alternative<LmdbReader::Intact>(verified)) give_up("the state is damaged");
  const Hashed hashed = store.take_hashed();
  std::printf("verify: %.2f s; %.2f million hashes over %.0f MB\n", seconds_since(start),
              static_cast<double>(hashed.calls) / 1e6, static_cast<double>(hashed.bytes) / 1e6);
  return hashed;
}

void checkpoint(Store& store, const Options& options, const char* name, std::uint64_t version, const Hashed& full,
                const std::function<std::uint64_t(std::uint64_t)>& number_of) {
  Overlay overlay;
  for (std::uint64_t at = 0; at < std::max<std::uint64_t>(options.keys / 100, 1); ++at) {
    const auto number = number_of(at);
    overlay[key_of(number)] = value_of(options, number, version);
  }
  static_cast<void>(store.take_hashed());
  const auto before_bytes = store.file_bytes();
  const auto start = Clock::now();
  store.write(overlay);
  const double seconds = seconds_since(start);
  const Hashed hashed = store.take_hashed();
  std::printf(
      "checkpoint of 1%%, %s: %zu keys in %.2f s; %.2f%% of the hashes, %.2f%% of the bytes hashed; file +%.0f MB\n",
      name, overlay.size(), seconds, 100.0 * static_cast<double>(hashed.calls) / static_cast<double>(full.calls),
      100.0 * static_cast<double>(hashed.bytes) / static_cast<double>(full.bytes),
      static_cast<double>(store.file_bytes() - before_bytes) / 1e6);
}

/// As a replica does it with one source: questions of 32 places, pieces of at most 128 KB, staged 8 MB at a time.
void transfer(Store& from) {
  constexpr std::size_t places = 32;
  constexpr std::size_t piece_bytes_max = 128UL * 1024;
  constexpr std::size_t staged_at_once_bytes = 8'000'000;
  Store to;
  crypto::Hasher hasher;
  StateTransfer transfer(to.reader(), [&hasher](ByteView bytes) { return hasher.digest(bytes); },
                         {.seq = from.reader().seq(), .root = from.reader().root()}, {});
  double read_s = 0;
  double judge_s = 0;
  double stage_s = 0;
  std::vector<VerifiedPiece> waiting;
  std::size_t waiting_bytes = 0;
  const auto start = Clock::now();
  const auto stage_waiting = [&] {
    const auto at = Clock::now();
    to.stage(waiting);
    stage_s += seconds_since(at);
    waiting.clear();
    waiting_bytes = 0;
  };
  while (!transfer.complete()) {
    for (const auto& [prefix, node_wanted] : transfer.ask(places)) {
      auto at = Clock::now();
      auto piece = node_wanted ? std::nullopt : from.reader().piece(prefix, piece_bytes_max);
      auto node = piece ? StateNode{} : from.reader().node(prefix);
      read_s += seconds_since(at);
      at = Clock::now();
      const auto judgement = piece ? transfer.judge(*std::move(piece)) : transfer.judge(node);
      judge_s += seconds_since(at);
      if (judgement != StateTransfer::Judgement::accepted) give_up("a true piece was refused");
    }
    for (auto& piece : transfer.take_verified()) {
      waiting_bytes += size_of(piece.piece);
      waiting.push_back(std::move(piece));
    }
    if (waiting_bytes >= staged_at_once_bytes) stage_waiting();
  }
  stage_waiting();
  const double fetched_s = seconds_since(start);
  const auto mb = static_cast<double>(transfer.accepted_bytes()) / 1e6;
  std::printf("transfer: %.0f MB in %.2f s, %.0f MB/s: reading %.2f s, verifying %.2f s, staging %.2f s\n", mb,
              fetched_s, mb / fetched_s, read_s, judge_s, stage_s);
  const auto at = Clock::now();
  to.install(from.reader().root(), transfer.cover());
  const double installed_s = seconds_since(at);
  std::printf("install: %.2f s, %.0f MB/s; file %.0f MB\n", installed_s, mb / installed_s,
              static_cast<double>(to.file_bytes()) / 1e6);
}

bool read(std::string_view text, std::uint64_t& number) {
  return std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc{} && number > 0;
}

int run(int count, char** words) {
  Options options;
  for (int at = 1; at < count; at += 2) {
    const std::string_view word = words[at];
    const bool valued = at + 1 < count;
    if (word == "--keys" && valued && read(words[at + 1], options.keys)) continue;
    if (word == "--value-bytes" && valued && read(words[at + 1], options.value_bytes)) continue;
    std::fprintf(stderr, "usage: large_state [--keys N] [--value-bytes B]\n");
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  Store store;
  fill(store, options);
  const Hashed full = verify(store);
  checkpoint(store, options, "clustered", 1, full, [](std::uint64_t at) { return at; });
  std::mt19937_64 random(1);
  checkpoint(store, options, "random", 2, full, [&](std::uint64_t) { return random() % options.keys; });
  transfer(store);
  return 0;
}

}  // namespace
}  // namespace tagma::bench

int main(int count, char** words) { return tagma::bench::run(count, words); }
