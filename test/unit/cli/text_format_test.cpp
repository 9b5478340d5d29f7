#include "client_lib/cli/text_format.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "client_lib/cli/command.h"
#include "client_lib/cli/process_usage.h"
#include "client_lib/cli/progress_line.h"
#include "client_lib/cli/terminal_buffer.h"

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

TEST_CASE("a line of progress is no wider than its terminal") {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  REQUIRE(terminal >= 0);
  winsize size{};
  for (const auto& [columns, width] : {std::pair{40, 39U}, {80, 79U}, {200, 79U}, {0, 79U}}) {
    size.ws_col = static_cast<unsigned short>(columns);
    REQUIRE(ioctl(terminal, TIOCSWINSZ, &size) == 0);
    CHECK(width_without_wrap(terminal) == width);
  }
  close(terminal);
  CHECK(width_without_wrap(-1) == 79);
}

TEST_CASE("nouns and lists") {
  CHECK(counted(1, "replica") == "1 replica");
  CHECK(counted(4, "replica") == "4 replicas");
  CHECK(listed({}).empty());
  CHECK(listed({"a"}) == "a");
  CHECK(listed({"a", "b", "c"}) == "a, b and c");
}

TEST_CASE("what could control a terminal is shown, all else is kept") {
  CHECK(harmless("Nicaea\t1\n\xce\x9a\xcf\x89\xce\xbd \xf0\x9f\x8f\x9b") ==
        "Nicaea\t1\n\xce\x9a\xcf\x89\xce\xbd \xf0\x9f\x8f\x9b");
  CHECK(harmless("\x1b[2J\r\x7f") == "\\x1b[2J\\x0d\\x7f");
  CHECK(harmless(std::string(1, '\0')) == "\\x00");
  CHECK(harmless("\xc2\x9b"
                 "2J") == "\\xc2\\x9b2J");  // C1 as UTF-8
  CHECK(harmless("\x9b"
                 "2J") == "\\x9b2J");           // and as one byte
  CHECK(harmless("\xc2\xa0") == "\xc2\xa0");    // the first behind C1
  CHECK(harmless("\xc1\x9b") == "\\xc1\\x9b");  // longer than needed
  CHECK(harmless("\xe0\x82\x9b") == "\\xe0\\x82\\x9b");
  CHECK(harmless("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // half of a pair
  CHECK(harmless("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
  CHECK(harmless("\xce") == "\\xce");  // cut
  CHECK(harmless("\xce"
                 "a\xff") == "\\xcea\\xff");
}

TEST_CASE("at a terminal everything passes, whole characters at a time") {
  std::ostringstream terminal;
  {
    TerminalBuffer buffer(terminal);
    std::ostream shown(&buffer);
    shown << "\xce"
          << "\x9a " << '\x1b' << 'x' << std::endl;
    CHECK(terminal.str() == "\xce\x9a \\x1bx\n");
    const std::string lines(10'000, 'y');
    shown << lines << "\n\xce";
    CHECK(terminal.str().ends_with("y\n"));
    shown << "\x9a";
  }
  CHECK(terminal.str().ends_with("y\n\xce\x9a"));
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
