#include "client_lib/cli/line_file.h"

#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "test/unit/cli/support.h"

using tagma::cli::key_bytes_max;
using tagma::cli::LineFile;
using tagma::cli::read_line_file;
using tagma::cli::test::contains;
using tagma::cli::test::TemporaryFolder;

namespace {
LineFile parse(const std::string& text) {
  std::istringstream input(text);
  return tagma::cli::parse_lines(input);
}
}  // namespace

TEST_CASE("every line is a key with its number") {
  const auto file = parse("alpha\nbeta\ngamma\n");
  REQUIRE(file.entries.size() == 3);
  CHECK(file.lines == 3);
  CHECK(file.entries[1].key == "beta");
  CHECK(file.entries[1].line == 2);
  CHECK(file.wanted.at("gamma") == 3);
}

TEST_CASE("a last line without a line feed counts, a final line feed opens no line") {
  CHECK(parse("a\nb").lines == 2);
  CHECK(parse("a\nb\n").lines == 2);
  CHECK(parse("").lines == 0);
  CHECK(parse("\n").lines == 1);
}

TEST_CASE("of a repeated line the last counts, and both are written") {
  const auto file = parse("x\ny\nx\n");
  CHECK(file.entries.size() == 3);
  CHECK(file.wanted.size() == 2);
  CHECK(file.wanted.at("x") == 3);
  CHECK(file.repeated_lines == 1);
}

TEST_CASE("empty lines are skipped but keep their numbers") {
  const auto file = parse("a\n\n\nb\n");
  CHECK(file.empty_lines == 2);
  CHECK(file.wanted.at("b") == 4);
}

TEST_CASE("the longest key passes, one byte more is refused and counted") {
  const auto file = parse("ok\n" + std::string(key_bytes_max, 'k') + "\n" + std::string(key_bytes_max + 1, 'k') + "\n" +
                          std::string(200'000, 'k') + "\nend\n");
  CHECK(file.entries.size() == 3);
  CHECK(file.long_lines == 2);
  CHECK(file.first_long_line == 3);
  CHECK(file.wanted.at("end") == 5);
}

TEST_CASE("any other byte belongs to the key") {
  const std::string odd("a\0b\r\xff", 5);
  const auto file = parse(odd + "\n");
  CHECK(file.wanted.count(odd) == 1);
}

TEST_CASE("lines may straddle the pieces in which the file is read") {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "line-" + std::to_string(i) + "\n";
  const auto file = parse(text);
  REQUIRE(file.entries.size() == 20'000);
  for (std::size_t i = 0; i < 20'000; ++i) CHECK(file.entries[i].key == "line-" + std::to_string(i));
}

TEST_CASE("a file that is not there, and a folder, are refused by name") {
  const TemporaryFolder folder;
  const auto absent = read_line_file(folder / "absent");
  CHECK_FALSE(absent);
  CHECK(contains(absent.reason(), "absent: there is no such file"));
  CHECK_FALSE(read_line_file(folder.path()));
  std::ofstream(folder / "words") << "a\nb\n";
  const auto present = read_line_file(folder / "words");
  REQUIRE(present);
  CHECK(present->entries.size() == 2);
}

TEST_CASE("what is piped in is read as a file is") {
  std::istringstream input("alpha\nbeta\n");
  const auto file = tagma::cli::read_lines(input, "standard input");
  REQUIRE(file);
  CHECK(file->lines == 2);
  CHECK(file->wanted.at("beta") == 2);
}
