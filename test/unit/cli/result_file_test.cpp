#include "client_lib/cli/result_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iterator>

#include "test/unit/cli/support.h"

using namespace tagma::cli;
using tagma::cli::test::contains;
using tagma::cli::test::run;
using tagma::cli::test::TemporaryFolder;

namespace fs = std::filesystem;

namespace {

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("a file is made, and replaced as a whole") {
  const TemporaryFolder folder;
  const std::string path = folder / "result.json";
  CHECK_FALSE(check_result_path(path));
  CHECK_FALSE(write_result(path, "the first, which is longer"));
  CHECK_FALSE(write_result(path, "second"));
  CHECK(content(path) == "second");
  CHECK_FALSE(fs::exists(path + ".unfinished"));
}

TEST_CASE("through a link the file that it names is written, there or not; the link stays") {
  const TemporaryFolder folder;
  fs::create_directory(folder / "results");
  fs::create_symlink("results/target.json", folder / "link");
  fs::create_symlink("link", folder / "link to link");
  for (const std::string text : {"new", "replaced"}) {
    CHECK_FALSE(check_result_path(folder / "link to link"));
    CHECK_FALSE(write_result(folder / "link to link", text));
    CHECK(content(folder / "results/target.json") == text);
  }
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(fs::is_symlink(folder / "link to link"));
  fs::create_symlink("round", folder / "round");
  CHECK(check_result_path(folder / "round"));
  CHECK(write_result(folder / "round", "x"));
}

TEST_CASE("a device and a pipe are written into") {
  CHECK_FALSE(check_result_path("/dev/null"));
  CHECK_FALSE(write_result("/dev/null", "x"));
  CHECK(fs::is_character_file("/dev/null"));

  const TemporaryFolder folder;
  const std::string pipe = folder / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  const int reader = open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  REQUIRE(reader >= 0);
  CHECK_FALSE(check_result_path(pipe));
  CHECK_FALSE(write_result(pipe, "through"));
  std::array<char, 16> got{};
  CHECK(read(reader, got.data(), got.size()) == 7);
  CHECK(std::string(got.data()) == "through");
  close(reader);
  CHECK(fs::is_fifo(pipe));
}

TEST_CASE("no name, a folder and a folder that is not there are refused before anything runs") {
  const TemporaryFolder folder;
  for (const auto& [path, reason] : std::vector<std::pair<std::string, std::string>>{
           {"", "the file's name is empty"}, {folder.path(), "is a folder"}, {folder / "a/b", "no such folder"}}) {
    const auto ran = run({"bench", "--local", "--output", path});
    CHECK(ran.status == exit_usage);
    CHECK_MESSAGE(contains(ran.err, reason), ran.err);
  }
}

TEST_CASE("a result that cannot be read, or is none, is bad input") {
  const TemporaryFolder folder;
  const std::string path = folder / "x.json";
  for (const std::string text : {"", "[1,", "\xff\xfe", "{\"errors\": -1}", "[[[[", "{\"repeats\": 7}"}) {
    std::ofstream(path, std::ios::trunc) << text;
    CHECK(run({"bench", "compare", path, path}).status == exit_usage);
  }
  for (const auto& unreadable : {folder.path(), folder / "absent", std::string("/proc/self/mem")}) {
    const auto ran = run({"bench", "compare", unreadable, unreadable});
    CHECK(ran.status == exit_usage);
    CHECK_MESSAGE(contains(ran.err, unreadable), ran.err);
  }
}
