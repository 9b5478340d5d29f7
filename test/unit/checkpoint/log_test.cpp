// The log under crashes, torn writes, failed syncs, a full disk and damage, all by seed.
#include "checkpoint/log.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <utility>

#include "checkpoint/log_format.h"
#include "test/fakes/fake_disk.h"

namespace tagma {
namespace {

using fakes::FakeDisk;

constexpr std::uint64_t small_segment = 64 * 1024;
constexpr std::uint8_t slot_kind = 1;
constexpr std::uint8_t lasting_kind = 9;

LogOptions options_of(std::mt19937_64& random) {
  return {.segment_bytes = small_segment, .draw_tag = [&random] { return random(); }};
}

LogEntry slot_entry(Seq seq, std::size_t size) {
  return {.kind = slot_kind, .seq = seq, .payload = std::to_string(seq) + ":" + Bytes(size, 'x')};
}

Log::Opened opened(FakeDisk& disk, std::mt19937_64& random) {
  auto result = Log::open(disk, options_of(random));
  if (const auto* damage = std::get_if<LogDamage>(&result)) FAIL(damage->reason);
  if (const auto* failure = std::get_if<DiskFailure>(&result)) FAIL(failure->reason);
  return std::move(std::get<Log::Opened>(result));
}

/// What must be found again: the entries of every group whose commit returned, in order.
struct Model {
  std::vector<LogEntry> committed;
  Bytes lasting;  ///< the newest entry without a slot
  std::vector<LogEntry> in_flight;
  Seq collected = 0;

  /// Slots above the collected one, in order; the entries of the group in flight may follow, all of them or none.
  void check(const LogContent& content) const {
    const auto needed = [this](const LogEntry& entry) { return entry.seq > collected; };
    std::vector<LogEntry> found;
    std::copy_if(content.entries.begin(), content.entries.end(), std::back_inserter(found), needed);
    std::vector<LogEntry> expected;
    std::copy_if(committed.begin(), committed.end(), std::back_inserter(expected), needed);
    std::vector<LogEntry> with_flight = expected;
    std::copy_if(in_flight.begin(), in_flight.end(), std::back_inserter(with_flight), needed);
    const bool agrees = found == expected || found == with_flight;
    CHECK(agrees);
    Bytes last;
    for (const auto& entry : content.entries) {
      if (entry.seq == 0) last = entry.payload;
    }
    Bytes flying = lasting;
    for (const auto& entry : in_flight) {
      if (entry.seq == 0) flying = entry.payload;
    }
    const bool lasting_found = last == lasting || (last == flying && found == with_flight);
    CHECK(lasting_found);
  }

  void landed() {
    for (const auto& entry : in_flight) {
      if (entry.seq == 0) {
        lasting = entry.payload;
      } else {
        committed.push_back(entry);
      }
    }
    in_flight.clear();
  }
};

std::vector<LogEntry> random_group(std::mt19937_64& random, Seq& seq) {
  std::vector<LogEntry> group;
  const std::size_t count = 1 + random() % 4;
  for (std::size_t at = 0; at < count; ++at) {
    if (random() % 8 == 0) {
      group.push_back({.kind = lasting_kind, .seq = 0, .payload = "view " + std::to_string(random() % 1000)});
    } else {
      group.push_back(slot_entry(++seq, random() % (random() % 16 == 0 ? 100'000 : 3'000)));
    }
  }
  return group;
}

TEST_CASE("an empty folder is an empty log, and what was committed is found again") {
  std::mt19937_64 random(1);
  FakeDisk disk(1);
  {
    auto fresh = opened(disk, random);
    CHECK(fresh.content.entries.empty());
    CHECK_FALSE(fresh.log.commit({slot_entry(1, 10), slot_entry(2, 20)}));
    CHECK_FALSE(fresh.log.commit({slot_entry(3, 5000)}));
    CHECK(fresh.log.group() == 2);
  }
  const auto again = opened(disk, random);
  CHECK(again.content.entries == std::vector{slot_entry(1, 10), slot_entry(2, 20), slot_entry(3, 5000)});
  CHECK(again.content.torn_bytes == 0);
}

TEST_CASE(
    "K3, K8: a loss of power at any write or sync loses nothing that was committed, through many lives and files") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    FakeDisk disk(seed);
    Model model;
    Seq seq = 0;
    for (int life = 0; life < 6; ++life) {
      auto result = opened(disk, random);
      model.check(result.content);
      // What was in flight is there whole or not at all; whichever it is, it stays.
      const auto& entries = result.content.entries;
      const bool arrived = std::any_of(model.in_flight.begin(), model.in_flight.end(), [&](const LogEntry& entry) {
        return entry.seq != 0 && std::find(entries.begin(), entries.end(), entry) != entries.end();
      });
      const bool only_lasting = std::all_of(model.in_flight.begin(), model.in_flight.end(),
                                            [](const LogEntry& entry) { return entry.seq == 0; });
      if (arrived ||
          (only_lasting && !model.in_flight.empty() && !entries.empty() && entries.back() == model.in_flight.back())) {
        model.landed();
      }
      model.in_flight.clear();
      disk.lose_power_after(random() % 60);
      while (!disk.powerless()) {
        auto group = random_group(random, seq);
        model.in_flight = group;
        if (result.log.commit(group)) break;
        model.landed();
        if (random() % 8 == 0 && result.log.mark()) break;
        if (random() % 6 == 0 && seq > 20) {
          model.collected = std::max<Seq>(model.collected, seq - random() % 20);
          result.log.collect(model.collected);
        }
      }
      disk.restore_power();
    }
  }
}

namespace {

Bytes content_of(FakeDisk& disk, const std::string& name) {
  auto file = std::get<std::unique_ptr<DiskFile>>(disk.open(name));
  return std::get<Bytes>(file->read(0, file->size()));
}

}  // namespace

TEST_CASE("K2, trace G: a last write that was torn at any byte is cut, and what was synced before it is whole") {
  std::mt19937_64 random(2);
  FakeDisk disk(2);
  auto log = opened(disk, random).log;
  REQUIRE_FALSE(log.commit({slot_entry(1, 100)}));
  REQUIRE_FALSE(log.commit({slot_entry(2, 100), slot_entry(3, 10)}));
  REQUIRE(disk.names().size() == 1);
  const std::string name = disk.names().front();
  const Bytes before = content_of(disk, name);
  REQUIRE_FALSE(log.commit({slot_entry(4, 300), slot_entry(5, 20)}));
  const Bytes after = content_of(disk, name);
  const auto first = log_format::page_bytes;  // behind the mark
  const auto differs = std::mismatch(before.begin() + static_cast<std::ptrdiff_t>(first), before.end(),
                                     after.begin() + static_cast<std::ptrdiff_t>(first));
  const auto begin = static_cast<std::size_t>(differs.first - before.begin());
  std::size_t whole = 0;
  // The new mark may have arrived or not.
  for (const Bytes& mark : {before, after}) {
    for (std::size_t cut = begin; cut < begin + 600; ++cut) {
      FakeDisk torn(3);
      auto file = std::get<std::unique_ptr<DiskFile>>(torn.create(name, after.size()));
      REQUIRE_FALSE(file->write(0, mark.substr(0, first) + after.substr(first, cut - first) + before.substr(cut)));
      REQUIRE_FALSE(file->sync());
      CAPTURE(cut);
      auto found = opened(torn, random).content.entries;
      if (found.size() == 5) ++whole;
      if (found.size() == 5) found.resize(3);
      CHECK(found == std::vector{slot_entry(1, 100), slot_entry(2, 100), slot_entry(3, 10)});
    }
  }
  CHECK(whole > 0);
  CHECK(whole < 600);
}

TEST_CASE("files are used again: the log does not grow with what was collected") {
  std::mt19937_64 random(3);
  FakeDisk disk(3);
  auto result = opened(disk, random);
  for (Seq seq = 1; seq <= 2'000; ++seq) {
    REQUIRE_FALSE(result.log.commit({slot_entry(seq, 3'000)}));
    if (seq > 30) result.log.collect(seq - 30);
  }
  CHECK(result.log.size().files <= 6);
  CHECK(disk.names().size() == result.log.size().files);
}

TEST_CASE("K4: after a failed sync nothing is tried again, and a restart finds what had been committed") {
  std::mt19937_64 random(4);
  FakeDisk disk(4);
  {
    auto result = opened(disk, random);
    REQUIRE_FALSE(result.log.commit({slot_entry(1, 3'000)}));
    disk.fail_sync_after(0);
    const auto failure = result.log.commit({slot_entry(2, 3'000)});
    REQUIRE(failure);
    CHECK(failure->kind == DiskFailure::Kind::failed);
    const auto syncs = disk.syncs();
    CHECK(result.log.commit({slot_entry(3, 10)}));
    CHECK(result.log.mark());
    CHECK(disk.syncs() == syncs);
  }
  FakeDisk& mended = disk;
  mended.fail_sync_after(1'000'000);
  const auto again = opened(mended, random);
  REQUIRE_FALSE(again.content.entries.empty());
  CHECK(again.content.entries.front() == slot_entry(1, 3'000));
}

TEST_CASE("K5: a full disk refuses a new file and goes on once there is room") {
  std::mt19937_64 random(5);
  FakeDisk disk(5);
  auto result = opened(disk, random);
  REQUIRE_FALSE(result.log.commit({{.kind = lasting_kind, .seq = 0, .payload = "view 7"}}));
  disk.set_full(true);
  Seq seq = 0;
  DiskOutcome failure;
  while (!(failure = result.log.commit({slot_entry(seq + 1, 10'000)}))) ++seq;
  CHECK(failure->kind == DiskFailure::Kind::no_space);
  CHECK(result.log.commit({slot_entry(seq + 1, 10'000)}));
  disk.set_full(false);
  CHECK_FALSE(result.log.commit({slot_entry(seq + 1, 10'000)}));
  const auto again = opened(disk, random);
  CHECK(std::count_if(again.content.entries.begin(), again.content.entries.end(),
                      [](const LogEntry& entry) { return entry.seq != 0; }) == static_cast<std::ptrdiff_t>(seq + 1));
  CHECK(std::any_of(again.content.entries.begin(), again.content.entries.end(),
                    [](const LogEntry& entry) { return entry.payload == "view 7"; }));
}

TEST_CASE("K6: a changed byte at or below what was synced is damage, named with its file and place, and never cut") {
  std::mt19937_64 random(6);
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    FakeDisk disk(seed);
    {
      auto result = opened(disk, random);
      for (Seq seq = 1; seq <= 40; ++seq) REQUIRE_FALSE(result.log.commit({slot_entry(seq, 2'000)}));
      REQUIRE_FALSE(result.log.mark());
    }
    // One group is two thousand and some bytes at the head of a page, 15 of them in the first file.
    const std::uint64_t group = random() % 15;
    const std::uint64_t offset = log_format::page_bytes * (1 + group) + random() % 2'000;
    disk.corrupt("log-00000001", offset);
    const auto result = Log::open(disk, options_of(random));
    REQUIRE(std::holds_alternative<LogDamage>(result));
    const auto& reason = std::get<LogDamage>(result).reason;
    CHECK(reason.find("group " + std::to_string(group + 1) + " ") != std::string::npos);
  }
}

namespace {

using Pages = std::map<std::string, Bytes>;  ///< by name: what a file holds

Pages all_files(FakeDisk& disk) {
  Pages files;
  for (const auto& name : disk.names()) files[name] = content_of(disk, name);
  return files;
}

void put(FakeDisk& disk, const Pages& files) {
  for (const auto& [name, bytes] : files) {
    auto file = std::get<std::unique_ptr<DiskFile>>(disk.create(name, bytes.size()));
    REQUIRE_FALSE(file->write(0, bytes));
    REQUIRE_FALSE(file->sync());
  }
}

void make_zeros(FakeDisk& disk, const std::string& name, std::uint64_t offset, std::uint64_t size) {
  auto file = std::get<std::unique_ptr<DiskFile>>(disk.open(name));
  REQUIRE_FALSE(file->write(offset, Bytes(size, '\0')));
  REQUIRE_FALSE(file->sync());
}

/// Commits slots of one page each: 15 groups to a file.
void commit_pages(tagma::Log& log, Seq from, Seq to) {
  for (Seq seq = from; seq <= to; ++seq) REQUIRE_FALSE(log.commit({slot_entry(seq, 2'000)}));
}

std::string damage_of(FakeDisk& disk, std::mt19937_64& random) {
  const auto result = Log::open(disk, options_of(random));
  const auto* damage = std::get_if<LogDamage>(&result);
  return damage == nullptr ? "" : damage->reason;
}

}  // namespace

TEST_CASE("K6: a newest file whose head is unreadable is damage, named with the file that was begun") {
  std::mt19937_64 random(10);
  struct Lost {
    std::uint64_t offset;
    std::uint64_t size;
  };
  // The first group alone, or the mark with it: then nothing says which use of the file its bytes are of.
  for (const Lost lost : {Lost{log_format::page_bytes, log_format::page_bytes}, Lost{0, 2 * log_format::page_bytes}}) {
    CAPTURE(lost.offset);
    FakeDisk disk(10);
    {
      auto result = opened(disk, random);
      commit_pages(result.log, 1, 20);
    }
    REQUIRE(disk.names().size() == 2);
    make_zeros(disk, "log-00000002", lost.offset, lost.size);
    // The file before says that the newest was begun. Here it does not, as if that mark had been lost too.
    auto before = std::get<std::unique_ptr<DiskFile>>(disk.open("log-00000001"));
    auto mark = *log_format::decode_mark(std::get<Bytes>(before->read(0, log_format::page_bytes)));
    CHECK(std::exchange(mark.synced, 14) == 16);
    REQUIRE_FALSE(before->write(0, log_format::encode_mark(mark)));
    REQUIRE_FALSE(before->sync());
    const auto reason = damage_of(disk, random);
    CHECK(reason.starts_with("group 16 of the log"));
    CHECK(reason.find("log-00000002 from byte 4096 on") != std::string::npos);
  }
}

TEST_CASE("K6: a damaged last group of a full file is looked for in that file, not in the next one") {
  std::mt19937_64 random(11);
  FakeDisk disk(11);
  {
    auto result = opened(disk, random);
    commit_pages(result.log, 1, 20);
  }
  make_zeros(disk, "log-00000001", 15 * log_format::page_bytes, log_format::page_bytes);
  const auto reason = damage_of(disk, random);
  CHECK(reason.starts_with("group 15 of the log"));
  CHECK(reason.find("log-00000001 from byte " + std::to_string(15 * log_format::page_bytes) + " on") !=
        std::string::npos);
}

TEST_CASE("K6: a newest file that is gone, or all of whose groups are, is damage") {
  std::mt19937_64 random(15);
  for (const Seq last : {Seq{16}, Seq{20}, Seq{31}, Seq{64}}) {
    for (const bool reopened : {false, true}) {
      CAPTURE(last);
      CAPTURE(reopened);
      FakeDisk disk(15);
      {
        auto result = opened(disk, random);
        for (Seq seq = 1; seq <= last; ++seq) {
          REQUIRE_FALSE(result.log.commit({slot_entry(seq, 2'000)}));
          if (seq > 20) result.log.collect(seq - 20);
        }
      }
      if (reopened) REQUIRE_FALSE(damage_of(disk, random).size() > 0);
      Pages files = all_files(disk);
      const auto generation = [](const auto& file) { return log_format::decode_mark(file.second)->generation; };
      const auto newest = std::max_element(files.begin(), files.end(), [&](const auto& left, const auto& right) {
        return generation(left) < generation(right);
      });
      const std::string name = newest->first;
      FakeDisk emptied(16);
      put(emptied, files);
      make_zeros(emptied, name, 0, newest->second.size());
      CHECK(damage_of(emptied, random).starts_with("group "));
      files.erase(newest);
      FakeDisk without(17);
      put(without, files);
      CHECK(damage_of(without, random).find("in a later file that is gone") != std::string::npos);
    }
  }
}

TEST_CASE("K6: the next start makes up for a mark that a loss of power kept from the file before") {
  std::mt19937_64 random(18);
  FakeDisk disk(19);
  {
    auto result = opened(disk, random);
    commit_pages(result.log, 1, 15);
    REQUIRE(disk.names().size() == 1);
    // The second file is made, and its mark and group are written and synced. Then the power fails.
    disk.lose_power_after(4);
    CHECK(result.log.commit({slot_entry(16, 2'000)}));
  }
  disk.restore_power();
  REQUIRE(disk.names().size() == 2);
  REQUIRE(log_format::decode_mark(content_of(disk, "log-00000001"))->synced < 16);
  REQUIRE(opened(disk, random).content.entries.back() == slot_entry(16, 2'000));
  make_zeros(disk, "log-00000002", 0, small_segment);
  CHECK(damage_of(disk, random).starts_with("group 16 of the log"));
}

TEST_CASE("a file that waits for its next use may have lost its head: its groups are needed no more") {
  std::mt19937_64 random(12);
  FakeDisk disk(12);
  {
    auto result = opened(disk, random);
    commit_pages(result.log, 1, 1);
    // What a client could have put into an operation, and on a page border: a perfect group, far above all others.
    const Bytes up_to_page(log_format::page_bytes - 77, 'x');
    const Bytes forged = log_format::encode_group({.tag = 4711, .generation = 1, .oldest = 999, .synced = 999}, 1'000,
                                                  {{.kind = slot_kind, .seq = 2, .payload = "forged"}});
    REQUIRE_FALSE(result.log.commit({{.kind = slot_kind, .seq = 2, .payload = up_to_page + forged}}));
    const Bytes file = content_of(disk, "log-00000001");
    REQUIRE(file.substr(3 * log_format::page_bytes, forged.size()) == forged);
    commit_pages(result.log, 3, 35);
    result.log.collect(20);
    REQUIRE_FALSE(result.log.mark());
  }
  make_zeros(disk, "log-00000001", 0, 2 * log_format::page_bytes);
  const auto found = opened(disk, random).content.entries;
  REQUIRE_FALSE(found.empty());
  CHECK(found.front().seq <= 21);
  CHECK(found.back().seq == 35);
}

TEST_CASE("K2: any pages of a mark and a first group may be what a loss of power left of a file's new use") {
  std::mt19937_64 random(13);
  FakeDisk disk(13);
  auto log = opened(disk, random).log;
  std::size_t begun = 0;
  std::size_t begun_again = 0;
  for (Seq seq = 1; seq <= 40; ++seq) {
    const Pages before = all_files(disk);
    // No page of it is as one of an earlier use.
    const Bytes payload(10'000, static_cast<char>('a' + seq % 26));
    REQUIRE_FALSE(log.commit({{.kind = slot_kind, .seq = seq, .payload = payload}}));
    const Pages after = all_files(disk);
    for (const auto& [name, bytes] : after) {
      const bool is_new = !before.contains(name);
      const Bytes old = is_new ? Bytes(bytes.size(), '\0') : before.at(name);
      constexpr std::size_t tag_at = 16;
      if (old.substr(tag_at, 8) == bytes.substr(tag_at, 8)) continue;
      ++(is_new ? begun : begun_again);
      constexpr std::size_t pages = 4;  // the mark, and the three of the group
      for (unsigned arrived = 0; arrived < 1U << pages; ++arrived) {
        Pages torn = before;
        torn[name] = old;
        for (std::size_t page = 0; page < pages; ++page) {
          if ((arrived >> page & 1U) == 0) continue;
          const std::size_t at = page * log_format::page_bytes;
          torn[name].replace(at, log_format::page_bytes, bytes, at, log_format::page_bytes);
        }
        FakeDisk left(14);
        put(left, torn);
        CAPTURE(seq);
        CAPTURE(arrived);
        const auto entries = opened(left, random).content.entries;
        CHECK((seq == 1 || !entries.empty()));
        if (entries.empty()) continue;
        const bool whole = arrived >> 1 == 7;
        CHECK(entries.back().seq == (whole ? seq : seq - 1));
      }
    }
    if (seq > 10) log.collect(seq - 10);
  }
  CHECK(begun >= 3);
  CHECK(begun_again >= 3);
}

TEST_CASE("K2: damage to the last group is torn until a mark or a later group says that it was synced") {
  std::mt19937_64 random(7);
  for (const bool marked : {false, true}) {
    CAPTURE(marked);
    FakeDisk disk(7);
    {
      auto result = opened(disk, random);
      REQUIRE_FALSE(result.log.commit({slot_entry(1, 100)}));
      REQUIRE_FALSE(result.log.commit({slot_entry(2, 100)}));
      if (marked) REQUIRE_FALSE(result.log.mark());
    }
    disk.corrupt("log-00000001", 2 * log_format::page_bytes + 80);
    const auto result = Log::open(disk, options_of(random));
    CHECK(std::holds_alternative<LogDamage>(result) == marked);
    if (!marked) {
      const auto& content = std::get<Log::Opened>(result).content;
      CHECK(content.entries == std::vector{slot_entry(1, 100)});
      CHECK(content.torn_bytes == log_format::page_bytes);
    }
  }
}

TEST_CASE("bytes that look like a group but lack the file's tag are never taken for one") {
  std::mt19937_64 random(8);
  FakeDisk disk(8);
  {
    auto result = opened(disk, random);
    REQUIRE_FALSE(result.log.commit({slot_entry(1, 10)}));
  }
  // What a client could have put into an operation: a perfect second group, but for the tag.
  const Bytes forged = log_format::encode_group({.tag = 4711, .generation = 1, .oldest = 1, .synced = 1}, 2,
                                                {{.kind = slot_kind, .seq = 2, .payload = "forged"}});
  auto file = disk.open("log-00000001");
  REQUIRE_FALSE(std::get<0>(file)->write(2 * log_format::page_bytes, forged));
  REQUIRE_FALSE(std::get<0>(file)->sync());
  const auto again = opened(disk, random);
  CHECK(again.content.entries == std::vector{slot_entry(1, 10)});
}

TEST_CASE("mark and group have the bytes of LOG.md") {
  const log_format::Place place{.tag = 0x0706050403020101, .generation = 1, .oldest = 1, .synced = 0};
  const std::string place_hex =
      "01010203040506070100000000000000"
      "01000000000000000000000000000000";
  const Bytes mark = log_format::encode_mark(place);
  CHECK(mark.size() == log_format::page_bytes);
  CHECK(mark.substr(0, 8) == "tagmamrk");
  CHECK(to_hex(mark.substr(16, 32)) == place_hex);
  const Bytes group = log_format::encode_group(place, 1, {{.kind = 1, .seq = 5, .payload = "pay"}});
  CHECK(group.size() == log_format::page_bytes);
  CHECK(group.substr(0, 8) == "tagmagrp");
  CHECK(to_hex(group.substr(16, 32)) == place_hex);
  CHECK(to_hex(group.substr(48, 32)) ==
        "01000000000000001000000001000000"
        "03000000010500000000000000706179");
  CHECK(group.substr(80) == Bytes(log_format::page_bytes - 80, '\0'));
}

TEST_CASE("a group larger than a file gets a file of its own") {
  std::mt19937_64 random(9);
  FakeDisk disk(9);
  {
    auto result = opened(disk, random);
    REQUIRE_FALSE(result.log.commit({slot_entry(1, 10)}));
    REQUIRE_FALSE(result.log.commit({slot_entry(2, 5 * small_segment)}));
    REQUIRE_FALSE(result.log.commit({slot_entry(3, 10)}));
  }
  CHECK(opened(disk, random).content.entries ==
        std::vector{slot_entry(1, 10), slot_entry(2, 5 * small_segment), slot_entry(3, 10)});
}

}  // namespace
}  // namespace tagma
