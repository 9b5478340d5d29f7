// What may stand where the cursor is: one engine behind the TAB key of bash, of zsh and of `tagma shell`. It knows no
// command and no option by itself but reads the descriptions that the commands give to their parser. Pure.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tagma::cli {

/// A word that may stand there, whole, and one line about it.
struct Candidate {
  std::string text;
  std::string description;
};

/// Names of files that may stand there as well; the shell that asks knows best how to complete those.
enum class Paths : std::uint8_t { none, files, directories };

struct Completion {
  std::vector<Candidate> candidates;  ///< each begins with the word being typed; in the order of the descriptions
  Paths paths = Paths::none;
  std::string hint;         ///< what goes there, where no word can be offered: "kv put KEY VALUE"
  std::string placeholder;  ///< the one word of the hint that stands for the word being typed: "KEY"
};

/// A service as one types it: "kv" with "kv put KEY VALUE", "kv get KEY", ...
struct ServiceUsage {
  std::string name;
  std::vector<std::string> operations;
};

/// What a cluster folder says.
struct ClusterWords {
  std::vector<ServiceUsage> services;
  std::size_t clients = 0;
};

struct CommandWords {
  std::string name;
  std::string summary;
  std::shared_ptr<CLI::App> description;  ///< null where only the name is known
};

struct Vocabulary {
  std::vector<CommandWords> commands;
  std::vector<std::string> services;                                        ///< those that a new cluster can host
  std::function<ClusterWords(const std::string& directory)> cluster_words;  ///< empty: the folder used without --dir
};

/// `before`: the words behind the program's name up to the one being typed, which is `typed`.
[[nodiscard]] Completion complete(const Vocabulary& vocabulary, const std::vector<std::string>& before,
                                  const std::string& typed);

/// The same behind the name of one command.
[[nodiscard]] Completion complete_command(const Vocabulary& vocabulary, const CLI::App& command,
                                          const std::vector<std::string>& before, const std::string& typed);

/// The same for the words of an operation: service, verb, arguments.
[[nodiscard]] Completion complete_operation(const std::vector<ServiceUsage>& services,
                                            const std::vector<std::string>& before, const std::string& typed);

/// The lines that a shell's completion reads: "word TAB candidate TAB description", "hint TAB text", "files",
/// "directories".
void print_completion(const Completion& completion, std::ostream& out);

/// For a program that is one command (the simulator): where its arguments are "complete -- WORDS...", answers and
/// returns true. To be asked before its arguments are parsed.
[[nodiscard]] bool answer_completion(const CLI::App& app, int argument_count, const char* const* arguments,
                                     std::ostream& out);

}  // namespace tagma::cli
