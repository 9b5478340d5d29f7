// `tagma shell` as somebody uses it at a terminal, and as a script uses it.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <csignal>

#include "test/end_to_end/harness/cluster.h"
#include "test/end_to_end/harness/terminal.h"

namespace tagma::end_to_end {
namespace {

/// The shell on a cluster, with a history of the test's own. A dumb terminal draws a changed line anew as a whole, so
/// that it can be read without knowing where the cursor is.
class Shell {
 public:
  Shell(const Cluster& cluster, const TemporaryFolder& home, const std::vector<std::string>& options = {})
      : terminal_(command(cluster, options),
                  {{"TERM", "dumb"}, {"XDG_STATE_HOME", home.path()}, {"HOME", home.path()}}) {}

  Terminal& terminal() { return terminal_; }
  /// Types a line at the prompt and awaits what it shows.
  [[nodiscard]] bool answers(const std::string& line, const std::string& answer) {
    if (!terminal_.await_text("tagma> ")) return false;
    terminal_.type(line + keys::enter);
    return terminal_.await_text("\r\n") && terminal_.await_text(answer);
  }

 private:
  static std::vector<std::string> command(const Cluster& cluster, const std::vector<std::string>& options) {
    std::vector<std::string> words{"shell"};
    words.insert(words.end(), options.begin(), options.end());
    return cluster.command(words);
  }

  Terminal terminal_;
};

/// Runs a script with these lines as standard input.
Finished run_script(const Cluster& cluster, const std::string& lines, const std::string& option = "") {
  const TemporaryFolder folder;
  write_file(folder.file("script"), lines);
  return run({"/bin/sh", "-c",
              tagma_binary() + " shell --dir '" + cluster.directory() + "' " + option + " < " + folder.file("script")});
}

}  // namespace

TEST_SUITE("shell") {
  TEST_CASE("put, get, what is absent, what is wrong; Ctrl-D leaves and gives the terminal back") {
    Cluster cluster;
    REQUIRE(cluster.up());
    const TemporaryFolder home;
    Shell shell(cluster, home);
    CAPTURE(shell.terminal().shown());
    CHECK(shell.answers("kv put city \"New Rome\"", "ok\r\n"));
    CHECK(shell.answers("kv get city", "New Rome\r\n"));
    CHECK(shell.answers("kv get nowhere", "absent\r\n"));
    CHECK(shell.answers("kv put 'x", "a ' is not closed"));
    CHECK(shell.answers("timing on", ""));
    CHECK(shell.answers("kv put Κωνσταντινούπολις 330", "ok\r\nslot "));
    CHECK(shell.terminal().await_text(" of 4 replicas agreed, "));
    CHECK(shell.answers("status", "4 of 4 replicas answered"));
    CHECK(shell.answers("help", "kv cas KEY OLD NEW\r\n"));
    REQUIRE(shell.terminal().await_text("tagma> "));
    shell.terminal().type(keys::ctrl_d);
    CHECK(shell.terminal().finish() == 0);
    CHECK(shell.terminal().restored());
    CHECK(cluster.tagma({"call", "kv", "get", "Κωνσταντινούπολις"}).output == "330\n");
  }

  TEST_CASE("a reply or a key cannot control the terminal; a script gets the bytes") {
    Cluster cluster;
    REQUIRE(cluster.up());
    REQUIRE(cluster.tagma({"call", "kv", "put", "evil\xc2\x9b", "x\x1b[2Jy\xc2\x9bz"}).exit_status == 0);
    CHECK(run_script(cluster, "kv get evil\xc2\x9b\n").output == "x\x1b[2Jy\xc2\x9bz\n");
    const TemporaryFolder home;
    Shell shell(cluster, home);
    auto& terminal = shell.terminal();
    CAPTURE(terminal.shown());
    CHECK(shell.answers("kv scan e f", "\\xc2\\x9b"));
    REQUIRE(terminal.await_text("tagma> "));
    terminal.type("kv get ev" + keys::tab);  // such a key is not offered
    CHECK(terminal.await_text("kv get KEY"));
  }

  TEST_CASE("TAB completes words, verbs and keys, and lists where there are several") {
    Cluster cluster;
    REQUIRE(cluster.up());
    REQUIRE(cluster.tagma({"call", "kv", "put", "a city", "Nicaea"}).exit_status == 0);
    const TemporaryFolder home;
    Shell shell(cluster, home);
    auto& terminal = shell.terminal();
    CAPTURE(terminal.shown());
    REQUIRE(terminal.await_text("tagma> "));
    terminal.type("kv g" + keys::tab);
    CHECK(terminal.await_text("kv get"));  // libedit shows a blank at the end when something follows
    terminal.type("a" + keys::tab);
    CHECK(terminal.await_text("a\\ city"));
    terminal.type(keys::enter);
    CHECK(terminal.await_text("Nicaea\r\n"));
    REQUIRE(terminal.await_text("tagma> "));
    terminal.type("kv " + keys::tab);
    CHECK(terminal.await_text("kv cas KEY OLD NEW"));
    CHECK(terminal.await_text("tagma> kv "));
    terminal.type("put k" + keys::tab);  // no such key: the usage is shown
    CHECK(terminal.await_text("  kv put KEY VALUE"));
    terminal.type(keys::ctrl_c + "hi" + keys::tab);
    CHECK(terminal.await_text("history"));
  }

  TEST_CASE("Ctrl-C gives up a line, and the wait for a reply that does not come") {
    Cluster cluster;
    REQUIRE(cluster.up());
    const TemporaryFolder home;
    Shell shell(cluster, home);
    auto& terminal = shell.terminal();
    CAPTURE(terminal.shown());
    REQUIRE(terminal.await_text("tagma> "));
    terminal.type("kv put given up" + keys::ctrl_c);
    CHECK(terminal.await_text("^C"));
    CHECK(shell.answers("kv get given", "absent\r\n"));
    for (const std::uint32_t id : {2U, 3U}) REQUIRE(cluster.signal_replica(id, SIGSTOP));
    REQUIRE(terminal.await_text("tagma> "));
    terminal.type("kv put late 1" + keys::enter);
    REQUIRE(terminal.await_text("1\r\n"));
    // Once the shell waits, the terminal is in its ordinary state, and the key is a signal.
    REQUIRE(await([&] { return terminal.restored(); }, in(seconds(10))));
    terminal.type(keys::ctrl_c);
    CHECK(terminal.await_text("outcome unknown"));
    for (const std::uint32_t id : {2U, 3U}) REQUIRE(cluster.signal_replica(id, SIGCONT));
    // Operations of a session execute in order: behind the late one.
    CHECK(shell.answers("kv get late", "1\r\n"));
  }

  TEST_CASE("the history comes back after a restart, from a file for this user alone") {
    Cluster cluster;
    REQUIRE(cluster.up());
    const TemporaryFolder home;
    {
      Shell first(cluster, home);
      CAPTURE(first.terminal().shown());
      CHECK(first.answers("kv put city Nicaea", "ok\r\n"));
      CHECK(first.answers("kv get city", "Nicaea\r\n"));
      CHECK(first.answers("exit", ""));
      CHECK(first.terminal().finish() == 0);
    }
    struct stat status {};
    REQUIRE(stat(home.file("tagma/history").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600U);
    Shell second(cluster, home);
    auto& terminal = second.terminal();
    CAPTURE(terminal.shown());
    REQUIRE(terminal.await_text("tagma> "));
    terminal.type(keys::up);
    CHECK(terminal.await_text("exit"));
    terminal.type(keys::up);
    CHECK(terminal.await_text("kv get city"));
    terminal.type(keys::enter);
    CHECK(terminal.await_text("Nicaea\r\n"));
    CHECK(second.answers("history", "kv put city Nicaea\r\n"));
  }

  TEST_CASE("a script has no prompt, and ends at the first line that fails with its status") {
    Cluster cluster;
    REQUIRE(cluster.up());
    const Finished good = run_script(cluster, "# a city\nkv put city 'New Rome'\n\nkv get city");
    INFO(good.all());
    CHECK(good.exit_status == 0);
    CHECK(good.output == "ok\nNew Rome\n");
    CHECK(good.errors.empty());

    const std::string failing = "kv get nowhere\nkv put \"x\nkv get city\n";
    const Finished stopped = run_script(cluster, failing);
    CHECK(stopped.exit_status == 1);
    CHECK(stopped.output.empty());
    CHECK(stopped.errors == "tagma shell: line 1: absent\n");
    const Finished kept = run_script(cluster, failing, "--keep-going");
    CHECK(kept.exit_status == 1);
    CHECK(kept.output == "New Rome\n");
    CHECK(kept.errors == "tagma shell: line 1: absent\ntagma shell: line 2: a \" is not closed\n");
    CHECK(run_script(cluster, "kv put \"x\n").exit_status == 2);
    CHECK(run_script(cluster, "exit\nkv get nowhere\n").exit_status == 0);

    for (const std::uint32_t id : {2U, 3U}) REQUIRE(cluster.signal_replica(id, SIGSTOP));
    const Finished unknown = run_script(cluster, "kv put late 1\n", "--timeout-ms 500");
    INFO(unknown.all());
    CHECK(unknown.exit_status == 3);
    CHECK(unknown.errors.find("outcome unknown") != std::string::npos);
    for (const std::uint32_t id : {2U, 3U}) REQUIRE(cluster.signal_replica(id, SIGCONT));
  }

  TEST_CASE("a signal ends a script behind the line that runs, although the cluster answers") {
    Cluster cluster;
    REQUIRE(cluster.up());
    const TemporaryFolder folder;
    std::string lines;
    for (int number = 0; number < 100'000; ++number) lines += "kv put k " + std::to_string(number) + "\n";
    write_file(folder.file("script"), lines);
    for (const int number : {SIGINT, SIGTERM}) {
      Process script(
          {"/bin/sh", "-c",
           "exec " + tagma_binary() + " shell --dir '" + cluster.directory() + "' < " + folder.file("script")});
      REQUIRE(script.await_text("ok\n", in(seconds(10))));
      script.signal(number);
      const Finished ended = script.finish(in(seconds(5)));
      INFO(ended.errors);
      CHECK(ended.exit_status == 1);
      CHECK(ended.errors.find("tagma shell: interrupted at line ") != std::string::npos);
    }
  }

  TEST_CASE("SIGTERM at the prompt ends the shell and gives the terminal back") {
    Cluster cluster;
    REQUIRE(cluster.init().exit_status == 0);
    const TemporaryFolder home;
    Shell shell(cluster, home);
    REQUIRE(shell.terminal().await_text("tagma> "));
    REQUIRE(await([&] { return !shell.terminal().restored(); }, in(seconds(10))));
    for (const auto& seen : processes_naming(cluster.directory())) REQUIRE(kill(seen.pid, SIGTERM) == 0);
    CHECK(shell.terminal().finish() == -1);  // by the signal
    CHECK(shell.terminal().restored());
  }
}

}  // namespace tagma::end_to_end
