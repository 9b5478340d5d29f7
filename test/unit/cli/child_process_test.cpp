#include "client_lib/cli/child_process.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <functional>
#include <iterator>

#include "test/unit/cli/support.h"

using namespace tagma::cli;
using tagma::cli::test::contains;
using tagma::cli::test::TemporaryFolder;

namespace {

constexpr int patience_ms = 20'000;

std::string content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

ChildProcess shell(const std::string& script, const std::string& log) {
  auto child = ChildProcess::start("/bin/sh", {"sh", "-c", script}, log);
  REQUIRE(child);
  return std::move(*child);
}

/// Waits for output again and again until the condition holds; false if it does not in time.
bool pump_until(ChildProcess& child, const std::function<bool()>& condition) {
  for (int waited_ms = 0; waited_ms < patience_ms; waited_ms += 10) {
    child.pump();
    if (condition()) return true;
    pollfd output{child.output(), POLLIN, 0};
    poll(&output, child.output() >= 0 ? 1 : 0, 10);
  }
  return false;
}

}  // namespace

TEST_CASE("the word is found only as a word") {
  CHECK(has_word("[info] replica 0 ready on tcp://127.0.0.1:4600", "ready"));
  CHECK(has_word("ready", "ready"));
  CHECK(has_word("(ready)", "ready"));
  CHECK_FALSE(has_word("address already in use", "ready"));
  CHECK_FALSE(has_word("readying", "ready"));
  CHECK(has_word("already, now ready.", "ready"));
  CHECK_FALSE(has_word("", "ready"));
}

TEST_CASE("lines go to the log, the word makes it ready, the end is noticed") {
  const TemporaryFolder folder;
  auto child = shell("echo starting >&2; echo 'is ready' >&2; echo bye; exit 7", folder / "log");
  REQUIRE(pump_until(child, [&] { return child.has_ended() && child.output() < 0; }));
  CHECK(child.is_ready());
  CHECK(child.last_line() == "bye");
  CHECK(describe_end(*child.wait_status()) == "ended with status 7");
  CHECK(content(folder / "log") == "starting\nis ready\nbye\n");
}

TEST_CASE("a signal ends it, and the end says so") {
  const TemporaryFolder folder;
  auto child = shell("echo ready; exec sleep 1000", folder / "log");
  REQUIRE(pump_until(child, [&] { return child.is_ready(); }));
  CHECK_FALSE(child.has_ended());
  child.signal(SIGKILL);
  REQUIRE(pump_until(child, [&] { return child.has_ended(); }));
  CHECK(contains(describe_end(*child.wait_status()), "killed by signal 9"));
}

TEST_CASE("destruction leaves no process") {
  const TemporaryFolder folder;
  pid_t pid = 0;
  {
    const auto child = shell("exec sleep 1000", folder / "log");
    pid = child.pid();
    CHECK(kill(pid, 0) == 0);
  }
  CHECK(kill(pid, 0) == -1);
  CHECK(errno == ESRCH);
}

TEST_CASE("a program that is not there ends at once with a line") {
  const TemporaryFolder folder;
  auto child = ChildProcess::start(folder / "absent", {"absent"}, folder / "log");
  REQUIRE(child);
  REQUIRE(pump_until(*child, [&] { return child->has_ended() && child->output() < 0; }));
  CHECK(child->last_line() == "cannot execute the program");
}

TEST_CASE("a log that cannot be written is refused by name") {
  const auto child = ChildProcess::start("/bin/true", {"true"}, "/nonexistent/log");
  REQUIRE_FALSE(child);
  CHECK(contains(child.reason(), "/nonexistent/log"));
}

TEST_CASE("a full log becomes the old one, and both stay bounded") {
  const TemporaryFolder folder;
  auto log = LogFile::open(folder / "log");
  REQUIRE(log);
  const std::string piece(std::size_t{1024} * 1024, 'x');
  for (std::size_t written = 0; written < 3 * LogFile::bytes_max; written += piece.size()) log->write(piece);
  log->write("the end\n");
  CHECK(std::filesystem::file_size(folder / "log") <= LogFile::bytes_max);
  CHECK(std::filesystem::file_size(folder / "log.1") <= LogFile::bytes_max);
  CHECK(contains(content(folder / "log"), "the end"));
}
