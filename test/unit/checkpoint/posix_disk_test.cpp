#include "checkpoint/posix_disk.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "checkpoint/log.h"
#include "test/fakes/temporary_folder.h"

namespace tagma {
namespace {

using Folder = test::TemporaryFolder;

TEST_CASE("a file is made whole, private and of its full size, and reads what was written") {
  const Folder folder;
  PosixFolder disk(folder.path() + "/log");
  REQUIRE_FALSE(disk.prepare());
  auto made = disk.create("one", 3'000'000);
  REQUIRE(std::holds_alternative<std::unique_ptr<DiskFile>>(made));
  auto& file = *std::get<0>(made);
  CHECK(file.size() == 3'000'000);
  CHECK_FALSE(file.write(2'999'990, "0123456789"));
  CHECK_FALSE(file.sync());
  struct stat status {};
  REQUIRE(::stat((folder.path() + "/log/one").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600U);
  CHECK(status.st_size == 3'000'000);
  CHECK(static_cast<std::uint64_t>(status.st_blocks) * 512 >= 3'000'000);

  auto again = disk.open("one");
  REQUIRE(std::holds_alternative<std::unique_ptr<DiskFile>>(again));
  CHECK(std::get<Bytes>(std::get<0>(again)->read(2'999'988, 100)) == Bytes("\0\0", 2) + "0123456789");
  CHECK(std::get<Bytes>(std::get<0>(again)->read(4'000'000, 10)).empty());
  CHECK(std::get<0>(disk.list()) == std::vector<std::string>{"one"});
}

TEST_CASE("what a crash left half made is gone at the next start; a missing file and a missing folder are named") {
  const Folder folder;
  PosixFolder disk(folder.path() + "/log");
  REQUIRE_FALSE(disk.prepare());
  std::ofstream(folder.path() + "/log/log-00000001.new") << "half";
  REQUIRE_FALSE(disk.prepare());
  CHECK(std::get<0>(disk.list()).empty());
  const auto missing = disk.open("nothing");
  REQUIRE(std::holds_alternative<DiskFailure>(missing));
  CHECK(std::get<DiskFailure>(missing).reason.find("nothing: open: No such file") != std::string::npos);
  PosixFolder nowhere(folder.path() + "/a/b/c");
  const auto failure = nowhere.prepare();
  REQUIRE(failure);
  CHECK(failure->reason.find("/a/b/c: mkdir") != std::string::npos);
}

TEST_CASE("a link in the folder is not followed") {
  const Folder folder;
  PosixFolder disk(folder.path());
  REQUIRE_FALSE(disk.prepare());
  std::ofstream(folder.path() + "/elsewhere") << "secret";
  std::filesystem::create_symlink(folder.path() + "/elsewhere", folder.path() + "/link");
  CHECK(std::holds_alternative<DiskFailure>(disk.open("link")));
}

TEST_CASE("the log works on real files") {
  const Folder folder;
  PosixFolder disk(folder.path() + "/log");
  REQUIRE_FALSE(disk.prepare());
  std::mt19937_64 random(1);
  const LogOptions options{.segment_bytes = 64 * 1024, .draw_tag = [&random] { return random(); }};
  {
    auto opened = Log::open(disk, options);
    REQUIRE(std::holds_alternative<Log::Opened>(opened));
    auto& log = std::get<Log::Opened>(opened).log;
    for (Seq seq = 1; seq <= 100; ++seq) {
      REQUIRE_FALSE(log.commit({{.kind = 1, .seq = seq, .payload = Bytes(3'000, 'a')}}));
    }
    log.collect(90);
  }
  auto again = Log::open(disk, options);
  REQUIRE(std::holds_alternative<Log::Opened>(again));
  const auto& entries = std::get<Log::Opened>(again).content.entries;
  REQUIRE_FALSE(entries.empty());
  CHECK(entries.back().seq == 100);
  CHECK(entries.front().seq <= 91);
}

}  // namespace
}  // namespace tagma
