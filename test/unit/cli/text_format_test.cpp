#include "client_lib/cli/text_format.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include "client_lib/cli/process_usage.h"

using namespace tagma::cli;

TEST_CASE("numbers have commas") {
  CHECK(with_commas(0) == "0");
  CHECK(with_commas(999) == "999");
  CHECK(with_commas(1'000) == "1,000");
  CHECK(with_commas(123'456'789) == "123,456,789");
}

TEST_CASE("durations have the unit that fits") {
  CHECK(duration_text(481) == "481 us");
  CHECK(duration_text(5'214) == "5.21 ms");
  CHECK(duration_text(52'140) == "52.1 ms");
  CHECK(duration_text(1'200'000) == "1.20 s");
}

TEST_CASE("nouns and lists") {
  CHECK(counted(1, "replica") == "1 replica");
  CHECK(counted(4, "replica") == "4 replicas");
  CHECK(listed({}).empty());
  CHECK(listed({"a"}) == "a");
  CHECK(listed({"a", "b", "c"}) == "a, b and c");
}

TEST_CASE("a folder is named to the shell only where it must be, and safely") {
  CHECK(directory_argument("./tagma-cluster").empty());
  CHECK(directory_argument("/tmp/c7") == " --dir /tmp/c7");
  CHECK(directory_argument("it's here") == " --dir 'it'\\''s here'");
  CHECK(shell_word("") == "''");
  CHECK(shell_word("$HOME") == "'$HOME'");
}

TEST_CASE("processor time is read behind a program name of any form") {
  CHECK(ticks_of_stat("7 (a) b) c) S 1 7 7 0 -1 4194560 1 2 3 4 250 30 5 6 20 0 1 0") == 280);
  CHECK_FALSE(ticks_of_stat("7 (a) S 1 7"));
  CHECK_FALSE(ticks_of_stat("nonsense"));
}

TEST_CASE("anonymous memory is read from the status text") {
  CHECK(anonymous_bytes_of_status("Name:\tx\nRssAnon:\t    1234 kB\nRssFile:\t 9 kB\n") == 1234 * 1024);
  CHECK_FALSE(anonymous_bytes_of_status("Name:\tx\n"));
}

TEST_CASE("this process has used time and memory; one that does not exist has not") {
  CHECK(cpu_time_us(getpid()).has_value());
  CHECK(anonymous_memory_bytes(getpid()).value_or(0) > 0);
  CHECK_FALSE(cpu_time_us(-1).has_value());
}
