#include "client_lib/cli/completion/complete_command.h"

#include <algorithm>
#include <cstdlib>

#include "client_lib/cli/completion/vocabulary.h"
#include "client_lib/cli/shell/line_words.h"

namespace tagma::cli {
namespace {

/// As the shell would hand it over: without its quotes, a leading ~/ resolved.
std::string plain_word(const std::string& word) {
  const auto typed = typed_line(word);
  std::string plain = typed && typed->before.empty() ? typed->typed : word;
  const char* home = std::getenv("HOME");
  if (home != nullptr && plain.compare(0, 2, "~/") == 0) plain.replace(0, 1, home);
  return plain;
}

void add_command(Vocabulary& vocabulary, const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos) return;
  const std::string name = text.substr(0, equals);
  const auto& commands = vocabulary.commands;
  const bool known =
      std::any_of(commands.begin(), commands.end(), [&](const auto& command) { return command.name == name; });
  if (!known) vocabulary.commands.push_back({name, text.substr(equals + 1), nullptr});
}

}  // namespace

int run_complete(const Arguments& arguments, const Streams& streams, const Program& program) {
  Vocabulary vocabulary = program_vocabulary(program.services);
  std::size_t next = 0;
  for (; next + 1 < arguments.size() && arguments[next] == "--also"; next += 2) {
    add_command(vocabulary, arguments[next + 1]);
  }
  if (next >= arguments.size() || arguments[next] != "--") {
    return fail(streams, "complete", "usage: complete [--also NAME=SUMMARY]... -- WORDS...");
  }
  std::vector<std::string> words;
  for (++next; next < arguments.size(); ++next) words.push_back(plain_word(arguments[next]));
  if (words.empty()) words.emplace_back();
  const std::string typed = words.back();
  words.pop_back();
  print_completion(complete(vocabulary, words, typed), streams.out);
  return exit_ok;
}

}  // namespace tagma::cli
