// The manual page says all that the commands say of themselves.
#include "client_lib/cli/manual/manual_page.h"

#include <doctest/doctest.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "test/unit/cli/support.h"

using namespace tagma::cli;
using tagma::cli::test::contains;

TEST_CASE("the manual page has every command, every option and every operation between its head and its tail") {
  std::ostringstream out;
  write_manual_page({"2026-01-31", ".SH HEAD\nfirst\n", ".SH TAIL\nlast\n"}, out);
  std::string page = out.str();
  CHECK(contains(page, ".TH TAGMA 1 \"2026-01-31\" \"tagma "));
  CHECK(page.find(".SH HEAD") < page.find(".SH COMMANDS"));
  CHECK(page.find(".SH COMMANDS") < page.find(".SH TAIL"));
  std::erase(page, '\\');  // dashes are escaped
  for (const auto& command : commands()) {
    const auto app = command.describe();
    CAPTURE(command.name);
    const auto begin = page.find(".SS \"tagma " + std::string(command.name) + "\"");
    REQUIRE(begin != std::string::npos);
    const std::string section = page.substr(begin, page.find("\n.S", begin + 1) - begin);
    for (const auto* option : app->get_options()) {
      CAPTURE(option->get_name());
      for (const auto& name : option->get_lnames()) CHECK(contains(section, "--" + name));
      CHECK(contains(section, option->get_description().substr(0, option->get_description().find('\''))));
    }
  }
  CHECK(contains(page, "\nkv cas KEY OLD NEW\n"));
  CHECK(contains(page, "timing on|off"));
}
