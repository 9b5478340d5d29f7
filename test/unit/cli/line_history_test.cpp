// The shell's history: its file, its bounds, and several shells at once.
#include "client_lib/cli/shell/line_history.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "test/unit/cli/support.h"

using namespace tagma::cli;
using tagma::cli::test::contains;
using tagma::cli::test::TemporaryFolder;
using Strings = std::vector<std::string>;

namespace {

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777U;
}

Strings lines_of(const std::string& path) {
  LineHistory history;
  CHECK_FALSE(history.open(path).has_value());
  return history.newest(10'000);
}

}  // namespace

TEST_CASE("lines outlive the shell, in a file for this user alone") {
  const TemporaryFolder folder;
  const std::string path = folder / "state/tagma/history";
  {
    LineHistory history;
    CHECK_FALSE(history.open(path).has_value());
    history.add("kv put city \"New Rome\"");
    history.add("kv get city");
    history.add("kv get city");
    history.add(" kv put secret x");
    history.add("");
    history.add(std::string(LineHistory::line_bytes_max + 1, 'x'));
  }
  CHECK(lines_of(path) == Strings{"kv put city \"New Rome\"", "kv get city"});
  CHECK(mode_of(path) == 0600);
  CHECK(mode_of(folder / "state/tagma") == 0700);
  CHECK(mode_of(folder / "state") == 0700);
}

TEST_CASE("a file that others may read is closed to them") {
  const TemporaryFolder folder;
  const std::string path = folder / "history";
  {
    LineHistory history;
    CHECK_FALSE(history.open(path).has_value());
    history.add("kv get a");
  }
  REQUIRE(chmod(path.c_str(), 0644) == 0);
  CHECK(lines_of(path) == Strings{"kv get a"});
  CHECK(mode_of(path) == 0600);
}

TEST_CASE("two shells at once lose no line of each other") {
  const TemporaryFolder folder;
  const std::string path = folder / "history";
  LineHistory first;
  LineHistory second;
  CHECK_FALSE(first.open(path).has_value());
  CHECK_FALSE(second.open(path).has_value());
  first.add("kv get a");
  second.add("kv get b");
  first.add("kv get c");
  CHECK(lines_of(path) == Strings{"kv get a", "kv get b", "kv get c"});
}

TEST_CASE("the history is bounded, in memory and on disk") {
  const TemporaryFolder folder;
  const std::string path = folder / "history";
  {
    LineHistory history;
    CHECK_FALSE(history.open(path).has_value());
    for (int i = 0; i < 2 * LineHistory::lines_max; ++i) {
      history.add("kv put " + std::to_string(i) + " " + std::string(1'000, 'x'));
    }
    CHECK(history.newest(10'000).size() == LineHistory::lines_max);
  }
  REQUIRE(std::filesystem::file_size(path) > LineHistory::file_bytes_max);
  const auto lines = lines_of(path);
  CHECK(lines.size() == LineHistory::lines_max);
  CHECK(contains(lines.back(), "kv put " + std::to_string(2 * LineHistory::lines_max - 1)));
  CHECK(std::filesystem::file_size(path) < 1'100 * LineHistory::lines_max);
  CHECK(lines_of(path) == lines);
}

TEST_CASE("what is no history of ours is left as it is") {
  const TemporaryFolder folder;
  const std::string path = folder / "letter";
  std::ofstream(path) << "Dear sister,\n";
  {
    LineHistory history;
    const auto refused = history.open(path);
    REQUIRE(refused.has_value());
    CHECK(contains(refused->reason, path));
    history.add("kv get a");
    CHECK(history.newest(9) == Strings{"kv get a"});
  }
  std::ifstream letter(path);
  std::string text;
  std::getline(letter, text);
  CHECK(text == "Dear sister,");
  CHECK(LineHistory().open(folder.path()).has_value());
}

TEST_CASE("the file is where the environment says") {
  setenv("XDG_STATE_HOME", "/somewhere/state", 1);
  CHECK(history_path() == "/somewhere/state/tagma/history");
  setenv("XDG_STATE_HOME", "relative", 1);
  setenv("HOME", "/home/anna", 1);
  CHECK(history_path() == "/home/anna/.local/state/tagma/history");
}
