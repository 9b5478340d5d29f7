#include "client_lib/cli/shell/line_words.h"

#include <histedit.h>

#include <memory>

namespace tagma::cli {
namespace {

// What tok_str() returns.
constexpr int tokens_complete = 0;
constexpr int tokens_in_single_quotes = 1;
constexpr int tokens_in_double_quotes = 2;

struct Tokens {
  int state = tokens_complete;
  std::vector<std::string> words;  ///< where the state is tokens_complete
};

Tokens tokens_of(const std::string& line) {
  const std::unique_ptr<Tokenizer, void (*)(Tokenizer*)> tokenizer(tok_init(" \t"), tok_end);
  if (tokenizer == nullptr) throw std::bad_alloc();
  int count = 0;
  const char** words = nullptr;
  Tokens tokens;
  tokens.state = tok_str(tokenizer.get(), line.c_str(), &count, &words);
  if (tokens.state != tokens_complete) return tokens;
  for (int i = 0; i < count; ++i) tokens.words.emplace_back(words[i]);
  return tokens;
}

bool ends_with_lone_backslash(const std::string& line) {
  std::size_t backslashes = 0;
  while (backslashes < line.size() && line[line.size() - 1 - backslashes] == '\\') ++backslashes;
  return backslashes % 2 == 1;
}

}  // namespace

Result<std::vector<std::string>> split_line(const std::string& line) {
  if (line.find('\0') != std::string::npos) return Refused{"the line has a NUL byte"};
  auto tokens = tokens_of(line);
  switch (tokens.state) {
    case tokens_complete:
      if (ends_with_lone_backslash(line)) return Refused{"there is nothing behind the last \\"};
      break;
    case tokens_in_single_quotes: return Refused{"a ' is not closed"};
    case tokens_in_double_quotes: return Refused{"a \" is not closed"};
    default: return Refused{"there is nothing behind the last \\"};
  }
  return std::move(tokens.words);
}

std::optional<TypedLine> typed_line(const std::string& up_to_cursor) {
  if (up_to_cursor.find('\0') != std::string::npos) return std::nullopt;
  // A letter at the cursor makes a word there in any case; it is taken off again.
  std::string line = up_to_cursor + "x";
  TypedLine typed;
  auto tokens = tokens_of(line);
  if (tokens.state == tokens_in_single_quotes || tokens.state == tokens_in_double_quotes) {
    typed.quote = tokens.state == tokens_in_single_quotes ? '\'' : '"';
    tokens = tokens_of(line + typed.quote);
  }
  if (tokens.state != tokens_complete || tokens.words.empty()) return std::nullopt;
  if (typed.quote != '\'' && ends_with_lone_backslash(up_to_cursor)) return std::nullopt;
  typed.typed = std::move(tokens.words.back());
  typed.typed.pop_back();
  tokens.words.pop_back();
  typed.before = std::move(tokens.words);
  return typed;
}

std::string as_typed(std::string_view rest, char quote) {
  constexpr std::string_view special = " \t'\"\\";
  constexpr std::string_view special_in_double_quotes = "\"\\";
  std::string text;
  for (const char character : rest) {
    if (quote == '\'' && character == '\'') {
      text += "'\\''";
      continue;
    }
    const bool escaped = quote == 0
                             ? special.find(character) != std::string_view::npos
                             : quote == '"' && special_in_double_quotes.find(character) != std::string_view::npos;
    if (escaped) text += '\\';
    text += character;
  }
  return text;
}

}  // namespace tagma::cli
