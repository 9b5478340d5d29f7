#include "replica/runtime/disk_storage.h"

#include <doctest/doctest.h>
#include <poll.h>

#include <atomic>

#include "checkpoint/memory_state_store.h"
#include "checkpoint/state_damaged.h"
#include "crypto/digest.h"
#include "replica/core/record_codec.h"
#include "test/fakes/fake_disk.h"

using namespace tagma;
using runtime::DiskStorage;
using runtime::DiskStorageOptions;
using runtime::StateTarget;

namespace {

Record record_of(Seq seq) {
  RecordPrepared record;
  record.seq = seq;
  return record;
}

/// A storage on a disk whose faults the test decides.
struct Bench {
  explicit Bench(DiskStorageOptions wanted = {}) : options(wanted) {
    storage = std::make_unique<DiskStorage>(open(), target(), options);
  }

  tagma::Log open() {
    auto opened = tagma::Log::open(disk, {.segment_bytes = 64 * 1024, .draw_tag = [] { return 77; }});
    REQUIRE(std::holds_alternative<tagma::Log::Opened>(opened));
    auto& log = std::get<tagma::Log::Opened>(opened);
    entries = log.content.entries;
    return std::move(log.log);
  }

  StateTarget target() {
    return {.write = [this](Seq seq, const Overlay& overlay) -> std::variant<Digest, DiskFailure> {
              ++writes;
              if (damaged) throw StateDamaged("a page is not what it was");
              if (failing) return DiskFailure{DiskFailure::Kind::failed, "input/output error"};
              if (full) return DiskFailure{DiskFailure::Kind::no_space, "no space left"};
              return store.apply(seq, overlay);
            },
            .staged = [this]() -> std::variant<StagedPieces, StagedDiscarded, DiskFailure> {
              if (pieces_damaged) return StagedDiscarded{"a piece is not what it was"};
              if (damaged) throw StateDamaged("a page is not what it was");
              return store.staged();
            },
            .stage = [this](const std::vector<VerifiedPiece>& pieces) -> std::optional<DiskFailure> {
              if (damaged) throw StateDamaged("a page is not what it was");
              if (full) return DiskFailure{DiskFailure::Kind::no_space, "no space left"};
              store.stage(pieces);
              return std::nullopt;
            },
            .install = [this](const InstallState& what) -> std::variant<Digest, RootDiffers, DiskFailure> {
              if (damaged) throw StateDamaged("a page is not what it was");
              if (full) return DiskFailure{DiskFailure::Kind::no_space, "no space left"};
              if (!store.install(what.seq, what.root, what.cover)) return RootDiffers{};
              return what.root;
            },
            .leave_mark = [this](const std::string& reason) -> std::optional<std::string> {
              marks.push_back(reason);
              if (marks_fail) return "no room for a mark";
              return std::nullopt;
            },
            .refresh = [this] { ++refreshes; }};
  }

  /// As the loop does: waits on the descriptors until there is an event.
  std::optional<Event> await_event() {
    for (int tries = 0; tries < 1'000; ++tries) {
      storage->commit(now_us);
      if (auto event = storage->next_event()) return event;
      if (storage->failure()) return std::nullopt;
      std::vector<pollfd> polled;
      for (const int descriptor : storage->descriptors()) polled.push_back({descriptor, POLLIN, 0});
      ::poll(polled.data(), polled.size(), 10);
    }
    return std::nullopt;
  }

  fakes::FakeDisk disk{1};
  crypto::Hasher hasher;
  MemoryStateStore store{[this](ByteView bytes) { return hasher.digest(bytes); }};
  std::atomic<int> writes = 0;
  int refreshes = 0;
  std::atomic<bool> full = false;
  std::atomic<bool> failing = false;
  std::atomic<bool> damaged = false;
  std::atomic<bool> pieces_damaged = false;
  bool marks_fail = false;
  std::vector<std::string> marks;  ///< of the state's thread, until an event or a failure was told
  DiskStorageOptions options;
  std::vector<LogEntry> entries;
  MonotonicUs now_us = 1'000'000;
  std::unique_ptr<DiskStorage> storage;
};

}  // namespace

TEST_CASE("what gathers is one group, and is told once it is on the disk") {
  Bench bench;
  CHECK_FALSE(bench.storage->ready());
  bench.storage->persist(1, record_of(1));
  bench.storage->persist(2, record_of(2));
  bench.storage->remember(record_of(3));
  CHECK(bench.storage->ready());
  CHECK_FALSE(bench.storage->next_event());
  const auto event = bench.await_event();
  REQUIRE(event);
  CHECK(std::get<Persisted>(*event).up_to == 2);
  CHECK_FALSE(bench.storage->ready());
  runtime::Counters counters;
  bench.storage->show(counters);
  bench.storage->show(counters);  // gauges: what is shown twice does not add up
  CHECK(counters.value("log groups") == 1);
  CHECK(counters.value("log records") == 3);
  CHECK(counters.value("log bytes of files") == 64 * 1024);
  bench.storage.reset();
  bench.disk.lose_power();
  static_cast<void>(bench.open());
  REQUIRE(bench.entries.size() == 3);
  CHECK(bench.entries[2].seq == 3);
}

TEST_CASE("a clean end makes durable what was only remembered") {
  Bench bench;
  bench.storage->remember(record_of(9));
  bench.storage->commit(bench.now_us);
  CHECK_FALSE(bench.storage->ready());  // nobody waits for it
  bench.storage->close();
  bench.storage.reset();
  bench.disk.lose_power();
  static_cast<void>(bench.open());
  CHECK(bench.entries.size() == 1);
}

TEST_CASE("K4: after a failed sync nothing is told and nothing is tried again") {
  Bench bench;
  bench.disk.fail_sync_after(0);
  bench.storage->persist(1, record_of(1));
  CHECK_FALSE(bench.await_event());
  REQUIRE(bench.storage->failure());
  CHECK(bench.storage->failure()->find("the disk failed under the log") != std::string::npos);
  bench.storage->persist(2, record_of(2));
  CHECK_FALSE(bench.await_event());
  CHECK_FALSE(bench.storage->ready());
}

TEST_CASE("K5: without room for the state the checkpoint is tried again, and the log and the votes go on") {
  std::uint64_t free_bytes = 2'000'000;
  Bench bench({.free_bytes = [&free_bytes] { return free_bytes; }});
  bench.full = true;
  bench.storage->write_checkpoint(4, std::make_shared<const Overlay>(Overlay{{"a", "1"}}));
  const auto notices = [&bench] {
    for (int tries = 0; tries < 1'000; ++tries) {
      bench.storage->commit(bench.now_us);
      if (auto lines = bench.storage->take_notices(); !lines.empty()) return lines;
      pollfd polled{bench.storage->descriptors()[1], POLLIN, 0};
      ::poll(&polled, 1, 10);
    }
    return std::vector<std::string>{};
  };
  CHECK(notices() ==
        std::vector<std::string>{"STALLED: no room for the state: no space left; 2.0 MB free, more than 1 kB needed; "
                                 "this replica votes until its window of slots is full, it tries again by itself"});
  CHECK_FALSE(bench.storage->stalled());
  runtime::Counters counters;
  bench.storage->show(counters);
  CHECK(counters.value("no room on the disk") == 1);
  CHECK(counters.value("no room for the log") == 0);
  CHECK(counters.value("no room for the state") == 1);
  CHECK(counters.value("state bytes needed") == 2);
  CHECK(counters.value("disk bytes free") == 2'000'000);
  CHECK(bench.storage->wake_at_us() == bench.now_us + bench.options.retry_us);
  bench.storage->persist(1, record_of(1));
  const auto persisted = bench.await_event();
  REQUIRE(persisted);
  CHECK(std::holds_alternative<Persisted>(*persisted));
  CHECK(bench.writes == 1);
  free_bytes = 3'500'000;
  bench.storage->show(counters);
  CHECK(counters.value("disk bytes free") == 2'000'000);  // as the last try left it
  bench.now_us += bench.options.retry_us;
  CHECK(notices() ==
        std::vector<std::string>{"STALLED: still no room for the state; 3.5 MB free, more than 1 kB needed"});
  bench.full = false;
  bench.now_us += bench.options.retry_us;
  const auto written = bench.await_event();
  REQUIRE(written);
  CHECK(std::get<CheckpointWritten>(*written).seq == 4);
  CHECK(std::get<CheckpointWritten>(*written).root == bench.store.root());
  CHECK(bench.refreshes == 1);
  CHECK(bench.storage->take_notices() == std::vector<std::string>{"there is room for the state again"});
  bench.storage->show(counters);
  CHECK(counters.value("no room for the state") == 0);
}

TEST_CASE("K5: without room for the log nothing is durable, and it is said what is free and what is needed") {
  Bench bench({.free_bytes = [] { return std::uint64_t{300'000}; }});
  bench.disk.set_full(true);
  PersistNumber number = 0;
  while (!bench.storage->stalled() && number < 10'000) {
    ++number;
    bench.storage->persist(number, record_of(number));
    bench.storage->commit(bench.now_us);
    pollfd polled{bench.storage->descriptors()[0], POLLIN, 0};
    ::poll(&polled, 1, 10);
    static_cast<void>(bench.storage->next_event());
  }
  REQUIRE(bench.storage->stalled());
  CHECK(bench.storage->stalled()->ends_with("; 300 kB free, about 16.8 MB needed"));
  runtime::Counters counters;
  bench.storage->show(counters);
  CHECK(counters.value("no room for the log") == 1);
  CHECK(counters.value("no room for the state") == 0);
  bench.disk.set_full(false);
  bench.now_us += bench.options.retry_us;
  CHECK(bench.await_event());
  CHECK_FALSE(bench.storage->stalled());
}

TEST_CASE("checkpoints are written in their order, each seen before the next one is begun") {
  Bench bench;
  for (const Seq seq : {Seq{4}, Seq{8}, Seq{12}}) {
    bench.storage->write_checkpoint(seq, std::make_shared<const Overlay>(Overlay{{"a", std::to_string(seq)}}));
  }
  for (const Seq seq : {Seq{4}, Seq{8}, Seq{12}}) {
    const auto event = bench.await_event();
    REQUIRE(event);
    CHECK(std::get<CheckpointWritten>(*event).seq == seq);
    CHECK(bench.writes == static_cast<int>(seq / 4));
  }
}

TEST_CASE("K6: a damaged state ends the replica, with the reason") {
  Bench bench;
  bench.damaged = true;
  bench.storage->write_checkpoint(4, std::make_shared<const Overlay>(Overlay{{"a", "1"}}));
  CHECK_FALSE(bench.await_event());
  REQUIRE(bench.storage->failure());
  CHECK(bench.storage->failure()->find("a page is not what it was") != std::string::npos);
}

TEST_CASE("K6: damage of what is staged is told and ends nothing") {
  Bench bench;
  bench.pieces_damaged = true;
  bench.storage->transfer(ReadStaged{});
  const auto event = bench.await_event();
  REQUIRE(event);
  CHECK(std::get<StagedRead>(*event).damage == "a piece is not what it was");
  CHECK_FALSE(bench.storage->failure());
}

TEST_CASE("K6: a write that finds damage leaves a mark before it is told; reading does not, and the mark may fail") {
  const std::vector<std::pair<runtime::TransferJob, bool>> jobs{
      {StagePieces{}, true}, {InstallState{}, true}, {ReadStaged{}, false}};
  for (const auto& [job, marked] : jobs) {
    Bench bench;
    bench.damaged = true;
    bench.storage->transfer(job);
    CHECK_FALSE(bench.await_event());
    REQUIRE(bench.storage->failure());
    CHECK(bench.marks == (marked ? std::vector<std::string>{"a page is not what it was"} : std::vector<std::string>{}));
    CHECK((bench.storage->failure()->find("the next start sets the state aside") != std::string::npos) == marked);
  }
  Bench bench;
  bench.damaged = true;
  bench.marks_fail = true;
  bench.storage->write_checkpoint(4, std::make_shared<const Overlay>(Overlay{{"a", "1"}}));
  CHECK_FALSE(bench.await_event());
  CHECK(bench.marks.size() == 1);
  CHECK(bench.storage->failure()->find("could not be told of it: no room for a mark") != std::string::npos);
}

TEST_CASE("a disk that fails under the state, or has no room, leaves no mark: the state may be whole") {
  for (const bool full : {false, true}) {
    Bench bench;
    bench.full = full;
    bench.failing = !full;
    bench.storage->write_checkpoint(4, std::make_shared<const Overlay>(Overlay{{"a", "1"}}));
    CHECK_FALSE(bench.await_event());
    CHECK(bench.storage->failure().has_value() != full);
    CHECK(bench.storage->take_notices().empty() != full);
    CHECK(bench.marks.empty());
  }
}

TEST_CASE("async: persists are told at once, but not beyond the allowed lag") {
  Bench bench({.ahead_of_disk = true, .lag_max_bytes = 500});
  bench.storage->persist(1, record_of(1));
  const auto event = bench.storage->next_event();
  REQUIRE(event);
  CHECK(std::get<Persisted>(*event).up_to == 1);
  for (PersistNumber number = 2; number <= 20; ++number) bench.storage->persist(number, record_of(number));
  CHECK_FALSE(bench.storage->next_event());  // 20 records of 64 bytes or more are above it
  const auto later = bench.await_event();
  REQUIRE(later);
  CHECK(std::get<Persisted>(*later).up_to == 20);
  bench.storage->persist(21, record_of(21));
  bench.storage->commit(bench.now_us);
  bench.storage->close();
  bench.storage.reset();
  static_cast<void>(bench.open());
  CHECK(bench.entries.size() == 21);
}

TEST_CASE("when it has been idle for a while, the log says of itself that it is synced") {
  Bench bench;
  bench.storage->persist(1, record_of(1));
  REQUIRE(bench.await_event());
  const auto syncs = bench.disk.syncs();
  CHECK(bench.storage->wake_at_us() == bench.now_us + bench.options.idle_us);
  bench.storage->commit(bench.now_us + bench.options.idle_us);
  bench.storage->close();  // waits for it, and marks once more
  CHECK(bench.disk.syncs() > syncs);
}

TEST_CASE("K5: what has gathered while there was no room is written in groups that a log may have") {
  Bench bench;
  auto batch = std::make_shared<Batch>();
  batch->bytes.assign(1'000'000, 'x');
  const auto proposed = [&batch](Seq seq) {
    return RecordPrePrepared{.view = 0, .seq = seq, .digest = {}, .batch = batch};
  };
  constexpr PersistNumber many = 300;  // more bytes than one group may have
  for (PersistNumber number = 1; number <= many; ++number) bench.storage->persist(number, proposed(number));
  PersistNumber up_to = 0;
  while (up_to < many) {
    const auto event = bench.await_event();
    REQUIRE(event);
    CHECK(std::get<Persisted>(*event).up_to > up_to);
    up_to = std::get<Persisted>(*event).up_to;
  }
  CHECK(up_to == many);
  bench.storage.reset();
}
