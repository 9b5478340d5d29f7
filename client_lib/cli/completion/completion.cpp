#include "client_lib/cli/completion/completion.h"

#include <algorithm>
#include <ostream>
#include <sstream>

namespace tagma::cli {
namespace {

using WordList = std::vector<std::string>;

bool begins_with(const std::string& text, const std::string& begin) {
  return text.compare(0, begin.size(), begin) == 0;
}

void offer(Completion& completion, const std::string& typed, const std::string& text, const std::string& description) {
  if (begins_with(text, typed)) completion.candidates.push_back({text, description});
}

WordList parts_of(const std::string& text, char separator) {
  WordList parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }
bool is_repeatable(const CLI::Option& option) { return option.get_items_expected_max() > 1; }
bool is_hidden(const CLI::Option& option) { return option.get_group().empty(); }

/// What the words before the cursor mean to the parser.
struct Parsed {
  const CLI::App* app = nullptr;          ///< the command, or the subcommand that was named
  std::vector<const CLI::Option*> given;  ///< options
  const CLI::Option* awaiting = nullptr;  ///< the option whose value is being typed
  bool options_over = false;              ///< "--" was given
  WordList positionals;
  std::string directory;  ///< the value of --dir, if given
};

const CLI::Option* find_option(const CLI::App& app, const std::string& name) {
  const auto matches = [&](const std::string& dashes, const WordList& names) {
    return std::any_of(names.begin(), names.end(), [&](const auto& known) { return dashes + known == name; });
  };
  for (const auto* option : app.get_options()) {
    if (matches("--", option->get_lnames()) || matches("-", option->get_snames())) return option;
  }
  return nullptr;
}

void take_value(Parsed& parsed, const CLI::Option& option, const std::string& value) {
  const auto& names = option.get_lnames();
  if (std::find(names.begin(), names.end(), "dir") != names.end()) parsed.directory = value;
}

void take_option(Parsed& parsed, const std::string& word) {
  const auto equals = begins_with(word, "--") ? word.find('=') : std::string::npos;
  const auto* option = find_option(*parsed.app, word.substr(0, equals));
  if (option == nullptr) return;
  parsed.given.push_back(option);
  if (!takes_value(*option)) return;
  if (equals == std::string::npos) {
    parsed.awaiting = option;
  } else {
    take_value(parsed, *option, word.substr(equals + 1));
  }
}

const CLI::App* find_subcommand(const CLI::App& app, const std::string& name) {
  const auto found = app.get_subcommands([&](const CLI::App* subcommand) { return subcommand->check_name(name); });
  return found.empty() ? nullptr : found.front();
}

Parsed parse_words(const CLI::App& command, const WordList& words) {
  Parsed parsed;
  parsed.app = &command;
  for (const auto& word : words) {
    if (parsed.awaiting != nullptr) {
      take_value(parsed, *parsed.awaiting, word);
      parsed.awaiting = nullptr;
    } else if (!parsed.options_over && word == "--") {
      parsed.options_over = true;
    } else if (!parsed.options_over && word.size() > 1 && word[0] == '-') {
      take_option(parsed, word);
    } else {
      const auto* subcommand = parsed.positionals.empty() ? find_subcommand(*parsed.app, word) : nullptr;
      if (subcommand != nullptr) {
        parsed.app = subcommand;
      } else {
        parsed.positionals.push_back(word);
      }
    }
  }
  return parsed;
}

/// Completes one command line of one command.
class CommandLine {
 public:
  CommandLine(const Vocabulary& vocabulary, Parsed parsed, std::string typed)
      : vocabulary_(vocabulary), parsed_(std::move(parsed)), typed_(std::move(typed)) {}

  [[nodiscard]] Completion complete() const {
    if (parsed_.awaiting != nullptr) return values_of(*parsed_.awaiting, typed_);
    if (!parsed_.options_over && begins_with(typed_, "-")) return dashed();
    Completion completion = positional();
    for (const auto* subcommand : parsed_.app->get_subcommands([](const CLI::App*) { return true; })) {
      if (parsed_.positionals.empty()) offer(completion, typed_, subcommand->get_name(), subcommand->get_description());
    }
    const bool nothing = completion.candidates.empty() && completion.paths == Paths::none && completion.hint.empty();
    return nothing && typed_.empty() && !parsed_.options_over ? options() : completion;
  }

 private:
  [[nodiscard]] ClusterWords cluster_words() const {
    return vocabulary_.cluster_words ? vocabulary_.cluster_words(parsed_.directory) : ClusterWords();
  }

  /// An option, or the value behind its equals sign.
  [[nodiscard]] Completion dashed() const {
    const auto equals = begins_with(typed_, "--") ? typed_.find('=') : std::string::npos;
    if (equals == std::string::npos) return options();
    const auto* option = find_option(*parsed_.app, typed_.substr(0, equals));
    if (option == nullptr || !takes_value(*option)) return {};
    Completion completion = values_of(*option, typed_.substr(equals + 1));
    for (auto& candidate : completion.candidates) candidate.text.insert(0, typed_, 0, equals + 1);
    return completion;
  }

  /// Those that may still be given.
  [[nodiscard]] Completion options() const {
    Completion completion;
    const auto& given = parsed_.given;
    const auto is_given = [&](const CLI::Option* option) {
      return std::find(given.begin(), given.end(), option) != given.end();
    };
    for (const auto* option : parsed_.app->get_options()) {
      if (is_hidden(*option) || (is_given(option) && !is_repeatable(*option))) continue;
      const auto& excluded = option->get_excludes();
      if (std::any_of(excluded.begin(), excluded.end(), is_given)) continue;
      for (const auto& name : option->get_lnames()) offer(completion, typed_, "--" + name, option->get_description());
      if (!option->get_lnames().empty()) continue;
      for (const auto& name : option->get_snames()) offer(completion, typed_, "-" + name, option->get_description());
    }
    return completion;
  }

  [[nodiscard]] Completion positional() const {
    std::size_t skipped = parsed_.positionals.size();
    for (const auto* option : parsed_.app->get_options()) {
      if (!option->get_positional()) continue;
      if (option->get_name(true) == "operation") {
        const auto words = parsed_.positionals.end() - static_cast<std::ptrdiff_t>(skipped);
        return complete_operation(cluster_words().services, {words, parsed_.positionals.end()}, typed_);
      }
      if (skipped == 0 || is_repeatable(*option)) return values_of(*option, typed_);
      --skipped;
    }
    return {};
  }

  /// What the name of the option's type says (command.h).
  [[nodiscard]] Completion values_of(const CLI::Option& option, const std::string& typed) const {
    Completion completion;
    const auto& names = option.get_lnames();
    const auto is_named = [&](const char* name) { return std::find(names.begin(), names.end(), name) != names.end(); };
    std::string type = option.get_type_name();
    if (type.empty()) type = option.get_name(true);
    if (is_named("client")) {
      const std::size_t clients = cluster_words().clients;
      for (std::size_t i = 0; i < clients; ++i) offer(completion, typed, std::to_string(i), "");
    } else if (is_named("service")) {
      for (const auto& service : vocabulary_.services) offer(completion, typed, service, "");
    } else if (type == "DIR" || type == "PATH") {
      completion.paths = Paths::directories;
    } else if (type == "FILE" || type == "KEY") {
      completion.paths = Paths::files;
    } else if (std::any_of(type.begin(), type.end(), [](char c) { return c >= 'a' && c <= 'z'; })) {
      for (const auto& word : parts_of(type, '|')) offer(completion, typed, word, "");
    }
    if (completion.candidates.empty() && completion.paths == Paths::none) {
      completion.hint = type + ": " + option.get_description();
      completion.placeholder = type;
    }
    return completion;
  }

  const Vocabulary& vocabulary_;
  const Parsed parsed_;
  const std::string typed_;
};

/// Without line feeds and tabs, which part what a shell reads.
std::string on_one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
  return text;
}

}  // namespace

Completion complete_operation(const std::vector<ServiceUsage>& services, const WordList& before,
                              const std::string& typed) {
  Completion completion;
  for (const auto& service : services) {
    std::string verbs;
    for (const auto& operation : service.operations) {
      const WordList words = parts_of(operation, ' ');
      if (words.size() < 2) continue;
      verbs += (verbs.empty() ? "" : ", ") + words[1];
      if (before.empty() || before[0] != service.name) continue;
      if (before.size() == 1) {
        offer(completion, typed, words[1], operation);
      } else if (before[1] == words[1] && before.size() < words.size()) {
        completion.hint = operation;
        completion.placeholder = words[before.size()];
      }
    }
    if (before.empty()) offer(completion, typed, service.name, verbs);
  }
  return completion;
}

Completion complete_command(const Vocabulary& vocabulary, const CLI::App& command, const WordList& before,
                            const std::string& typed) {
  return CommandLine(vocabulary, parse_words(command, before), typed).complete();
}

Completion complete(const Vocabulary& vocabulary, const WordList& before, const std::string& typed) {
  Completion completion;
  if (before.empty()) {
    for (const auto& command : vocabulary.commands) offer(completion, typed, command.name, command.summary);
    if (!begins_with(typed, "-")) return completion;
    offer(completion, typed, "--help", "The commands");
    offer(completion, typed, "--version", "The version");
    return completion;
  }
  for (const auto& command : vocabulary.commands) {
    if (command.name != before[0] || command.description == nullptr) continue;
    return complete_command(vocabulary, *command.description, {before.begin() + 1, before.end()}, typed);
  }
  return completion;
}

void print_completion(const Completion& completion, std::ostream& out) {
  for (const auto& candidate : completion.candidates) {
    out << "word\t" << on_one_line(candidate.text) << "\t" << on_one_line(candidate.description) << "\n";
  }
  if (completion.paths == Paths::files) out << "files\n";
  if (completion.paths == Paths::directories) out << "directories\n";
  if (!completion.hint.empty()) out << "hint\t" << on_one_line(completion.hint) << "\n";
  out << std::flush;
}

bool answer_completion(const CLI::App& app, int argument_count, const char* const* arguments, std::ostream& out) {
  const WordList words(arguments, arguments + argument_count);
  if (words.size() < 3 || words[1] != "complete" || words[2] != "--") return false;
  const bool has_typed = words.size() > 3;
  const WordList before(words.begin() + 3, words.end() - (has_typed ? 1 : 0));
  print_completion(complete_command({}, app, before, has_typed ? words.back() : ""), out);
  return true;
}

}  // namespace tagma::cli
