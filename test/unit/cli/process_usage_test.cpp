// What /proc says, from texts of its own and from this process.
#include "client_lib/cli/process_usage.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <thread>

using namespace tagma::cli;

TEST_CASE("the time of a process is found behind a name that holds anything") {
  const std::string stat = "42 (a) R 1 (b) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 7 8 20 0 3 0 100 1 1";
  CHECK(ticks_of_stat(stat) == 300);
  CHECK_FALSE(ticks_of_stat("42 (cut) S 1 42"));
  CHECK_FALSE(ticks_of_stat("no bracket"));
}

TEST_CASE("the lines of a status are found by their whole label") {
  const std::string status =
      "Name:\tvoluntary_ctxt_switches:\nRssAnon:\t     152 kB\nVmRSS: 9 kB\nvoluntary_ctxt_switches:\t17\n"
      "nonvoluntary_ctxt_switches:\t99\n";
  CHECK(voluntary_switches_of_status(status) == 17);
  CHECK(anonymous_bytes_of_status(status) == 152 * 1024);
  CHECK_FALSE(voluntary_switches_of_status("Name:\tx\nnonvoluntary_ctxt_switches:\t99\n"));
  CHECK_FALSE(voluntary_switches_of_status("\nvoluntary_ctxt_switches:\tmany\n"));
  CHECK_FALSE(anonymous_bytes_of_status("Name:\tkernel thread\n"));
}

TEST_CASE("the machine's busy time is without idle time, waiting and interrupts") {
  CHECK(busy_ticks_of_machine("cpu  100 20 3 9000 800 70 60 5 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n") == 128);
  CHECK(busy_ticks_of_machine("cpu  100 20 3 9000 800 70 60 5\n") == 128);
  CHECK_FALSE(busy_ticks_of_machine("cpu  100 20 3 9000\ncpu0 1 2 3 4 5 6 7 8\n"));
  CHECK_FALSE(busy_ticks_of_machine("cpu0 100 20 3 9000 800 70 60 5\n"));
  CHECK_FALSE(busy_ticks_of_machine(""));
}

TEST_CASE("a file of /proc that opens and then cannot be read is nothing, as one of a process that has just ended") {
  CHECK(proc_text(getpid(), "status"));
  CHECK_FALSE(proc_text(getpid(), "task"));
  CHECK_FALSE(proc_text(getpid(), "absent"));
}

TEST_CASE("a live process has figures, one that is not there has none") {
  CHECK(cpu_time_us(getpid()));
  CHECK(wake_ups(getpid()));
  CHECK(anonymous_memory_bytes(getpid()).value_or(0) > 0);
  CHECK(machine_cpu_time_us().value_or(-1) >= cpu_time_us(getpid()).value_or(0));
  constexpr pid_t nobody = 0x7fffffff;
  CHECK_FALSE(cpu_time_us(nobody));
  CHECK_FALSE(wake_ups(nobody));
  CHECK_FALSE(anonymous_memory_bytes(nobody));
}

TEST_CASE("the wake-ups of all threads count") {
  std::mutex mutex;
  std::condition_variable changed;
  int turn = 0;
  constexpr int turns = 200;
  std::thread other([&] {
    std::unique_lock lock(mutex);
    while (turn < 2 * turns) {
      changed.wait(lock, [&] { return turn % 2 == 1 || turn >= 2 * turns; });
      ++turn;
      changed.notify_all();
    }
  });
  const std::int64_t before = wake_ups(getpid()).value_or(0);
  std::int64_t after = 0;
  {
    std::unique_lock lock(mutex);
    while (turn < 2 * turns - 2) {
      ++turn;
      changed.notify_all();
      changed.wait(lock, [&] { return turn % 2 == 0; });
    }
    after = wake_ups(getpid()).value_or(0);  // while the other thread lives
    turn = 2 * turns;
    changed.notify_all();
  }
  other.join();
  // Each turn puts at least the waiting thread to sleep once; half of that leaves room for turns that needed none.
  CHECK(after - before >= turns);
}
