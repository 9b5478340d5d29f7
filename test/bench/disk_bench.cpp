// The disk: a group of the log as a file of ours and as a transaction of LMDB, which decided between them
// (docs/decisions.md), and a checkpoint. On the disk under TMPDIR; real syncs, so that the figures are its, too.
#include <deque>

#include "checkpoint/lmdb_handles.h"
#include "checkpoint/lmdb_state_store.h"
#include "checkpoint/log.h"
#include "checkpoint/posix_disk.h"
#include "crypto/digest.h"
#include "test/bench/fixture.h"
#include "test/fakes/temporary_folder.h"

namespace tagma::bench {
namespace {

using test::TemporaryFolder;

constexpr std::size_t entry_bytes = 300;  ///< about a vote, or a small batch
/// As many entries stay as a replica keeps between two checkpoints at 32 a group.
constexpr std::size_t entries_kept = 8'192;
constexpr std::uint64_t keys_held = 100'000;

Bytes number_key(std::uint64_t number) {
  Bytes key;
  for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<char>(number >> static_cast<unsigned>(shift)));
  return key;
}

void log_as_file(benchmark::State& state) {
  const TemporaryFolder folder;
  PosixFolder disk(folder / "log");
  if (disk.prepare()) return state.SkipWithError("no folder");
  auto opened = Log::open(disk, {.draw_tag = [] { return std::uint64_t{7}; }});
  auto* log = std::get_if<Log::Opened>(&opened);
  if (log == nullptr) return state.SkipWithError("no log");
  const auto count = static_cast<std::size_t>(state.range(0));
  Seq seq = 0;
  for (auto step : state) {
    static_cast<void>(step);
    std::vector<LogEntry> entries;
    for (std::size_t i = 0; i < count; ++i)
      entries.push_back({.kind = 1, .seq = ++seq, .payload = Bytes(entry_bytes, 'e')});
    if (seq > entries_kept) log->log.collect(seq - entries_kept);
    if (log->log.commit(entries)) return state.SkipWithError("the disk failed");
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void log_as_transactions(benchmark::State& state) {
  const TemporaryFolder folder;
  const lmdb::Environment environment(folder.path(), 1UL << 30U, 1, false);
  lmdb::Table table = 0;
  {
    lmdb::Transaction transaction(environment, lmdb::Transaction::Kind::write);
    table = transaction.table("log");
    transaction.commit();
  }
  const auto count = static_cast<std::size_t>(state.range(0));
  std::uint64_t number = 0;
  std::uint64_t oldest = 1;
  for (auto step : state) {
    static_cast<void>(step);
    lmdb::Transaction transaction(environment, lmdb::Transaction::Kind::write);
    for (std::size_t i = 0; i < count; ++i) transaction.put(table, number_key(++number), Bytes(entry_bytes, 'e'));
    for (; number - oldest >= entries_kept; ++oldest) transaction.erase(table, number_key(oldest));
    transaction.commit();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

/// A checkpoint that changes `state.range(0)` of 100,000 entries of 100 bytes.
void checkpoint(benchmark::State& state) {
  const TemporaryFolder folder;
  LmdbOptions options;
  options.mode = LmdbOptions::Mode::create;
  options.folder = folder.path();
  options.make_hash = [] {
    return [hasher = std::make_shared<crypto::Hasher>()](ByteView bytes) { return hasher->digest(bytes); };
  };
  auto opened = LmdbStateStore::open(options);
  auto* store = std::get_if<std::unique_ptr<LmdbStateStore>>(&opened);
  if (store == nullptr) return state.SkipWithError("no store");
  Seq seq = 0;
  const auto write = [&](const Overlay& overlay) {
    const bool written = std::holds_alternative<Digest>((*store)->write(++seq, overlay));
    (*store)->reader().refresh();
    return written;
  };
  Overlay all;
  for (std::uint64_t number = 0; number < keys_held; ++number) all[key_of(number)] = value_of(number);
  if (!write(all)) return state.SkipWithError("the disk failed");
  const auto count = static_cast<std::uint64_t>(state.range(0));
  for (auto step : state) {
    static_cast<void>(step);
    state.PauseTiming();
    Overlay overlay;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t number = i * (keys_held / count);
      overlay[key_of(number)] = value_of(number, seq);
    }
    state.ResumeTiming();
    if (!write(overlay)) return state.SkipWithError("the disk failed");
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

}  // namespace

void register_disk() {
  for (const std::int64_t count : {1, 32, 256}) {
    add("disk/log/file", log_as_file)->Arg(count)->ArgName("entries")->Unit(benchmark::kMicrosecond)->UseRealTime();
    add("disk/log/lmdb", log_as_transactions)
        ->Arg(count)
        ->ArgName("entries")
        ->Unit(benchmark::kMicrosecond)
        ->UseRealTime();
  }
  for (const std::int64_t count : {1'000, 10'000}) {
    add("disk/checkpoint", checkpoint)->Arg(count)->ArgName("keys")->Unit(benchmark::kMillisecond)->UseRealTime();
  }
}

}  // namespace tagma::bench
