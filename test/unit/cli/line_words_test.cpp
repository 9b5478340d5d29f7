// A typed line as words, and the word at the cursor.
#include "client_lib/cli/shell/line_words.h"

#include <doctest/doctest.h>

using namespace tagma::cli;
using Strings = std::vector<std::string>;

TEST_CASE("a line is split at blanks, and quotes and backslashes keep what they quote") {
  const auto words = [](const std::string& line) {
    const auto split = split_line(line);
    CAPTURE(line);
    REQUIRE(split.ok());
    return *split;
  };
  CHECK(words("") == Strings{});
  CHECK(words(" \t ") == Strings{});
  CHECK(words("kv  put\tcity Nicaea ") == Strings{"kv", "put", "city", "Nicaea"});
  CHECK(words("kv put city \"New Rome\"") == Strings{"kv", "put", "city", "New Rome"});
  CHECK(words("a '' \"\"") == Strings{"a", "", ""});
  CHECK(words(R"(a\ b 'c\d' "e\"f" g'h i'j)") == Strings{"a b", "c\\d", "e\"f", "gh ij"});
  CHECK(words("$HOME * ~ Κωνσταντινούπολις") == Strings{"$HOME", "*", "~", "Κωνσταντινούπολις"});
}

TEST_CASE("a line that is not whole is refused") {
  CHECK_FALSE(split_line("kv put \"x").ok());
  CHECK_FALSE(split_line("kv put 'x").ok());
  CHECK_FALSE(split_line("kv put x\\").ok());
  CHECK_FALSE(split_line(std::string("kv\0get", 6)).ok());
}

TEST_CASE("the word at the cursor comes without its quotes, with the quote that is open") {
  const auto check = [](const std::string& line, const Strings& before, const std::string& word, char quote) {
    CAPTURE(line);
    const auto typed = typed_line(line);
    REQUIRE(typed.has_value());
    CHECK(typed->before == before);
    CHECK(typed->typed == word);
    CHECK(typed->quote == quote);
  };
  check("", {}, "", 0);
  check("kv", {}, "kv", 0);
  check("kv ", {"kv"}, "", 0);
  check("kv get New\\ R", {"kv", "get"}, "New R", 0);
  check("kv get \"New R", {"kv", "get"}, "New R", '"');
  check("kv get 'New ", {"kv", "get"}, "New ", '\'');
  check("kv get 'New'", {"kv", "get"}, "New", 0);
  CHECK_FALSE(typed_line("kv get x\\").has_value());
}

TEST_CASE("what completion inserts reads back as the word that was meant") {
  for (const std::string word : {"New Rome", "it's", "a\"b", "back\\slash", "\\", "plain"}) {
    for (const std::string open : {"", "'", "\""}) {
      CAPTURE(word);
      CAPTURE(open);
      const auto split = split_line("x " + open + as_typed(word, open.empty() ? '\0' : open[0]) + open);
      REQUIRE(split.ok());
      CHECK(*split == Strings{"x", word});
    }
  }
}
