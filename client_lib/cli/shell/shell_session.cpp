#include "client_lib/cli/shell/shell_session.h"

#include <algorithm>
#include <chrono>
#include <ostream>

#include "client_lib/cli/call_command.h"
#include "client_lib/cli/cluster_folder.h"
#include "client_lib/cli/completion/vocabulary.h"
#include "client_lib/cli/open_client.h"
#include "client_lib/cli/shell/line_words.h"
#include "client_lib/cli/status_command.h"
#include "client_lib/cli/text_format.h"

namespace tagma::cli {
namespace {

using std::chrono::milliseconds;

// Operations whose outcome is not known yet stay in flight; what is typed meanwhile goes behind them.
constexpr std::uint32_t window = 64;
// How long a signal may wait to be looked for.
constexpr milliseconds glance(50);
// For a TAB: a scan that takes longer is not worth waiting for.
constexpr milliseconds keys_timeout(300);
constexpr std::size_t keys_max = 30;
constexpr std::size_t history_shown = 50;
constexpr std::string_view status_shows = "; \"status\" shows who answers";

/// The smallest text above every text that begins so; empty if there is none.
std::string end_of_range(std::string begin) {
  while (!begin.empty() && static_cast<unsigned char>(begin.back()) == 0xFFU) begin.pop_back();
  if (!begin.empty()) begin.back() = static_cast<char>(static_cast<unsigned char>(begin.back()) + 1);
  return begin;
}

/// A key as a scan lists it; nothing where it has bytes that cannot be typed, or would control the terminal.
std::optional<std::string> typeable_key(std::string_view listed_key) {
  if (harmless(listed_key) != listed_key) return std::nullopt;
  std::string key;
  for (std::size_t i = 0; i < listed_key.size(); ++i) {
    if (listed_key[i] == '\\' && (++i == listed_key.size() || listed_key[i] != '\\')) return std::nullopt;
    key += listed_key[i];
  }
  return key;
}

std::string first_word(const std::string& usage) { return usage.substr(0, usage.find(' ')); }

}  // namespace

const std::vector<BuiltInWord>& built_in_words() {
  static const std::vector<BuiltInWord> words{
      {"help", "these words, and the operations of this cluster"},
      {"status", "what each replica says about itself"},
      {"timing on|off", "slot, votes and latency behind every reply"},
      {"keys on|off", "TAB asks the cluster for keys (one scan a time)"},
      {"history", "what was typed before"},
      {"call SERVICE ...", "an operation of a service named like one of these"},
      {"exit", "leave; so do quit and Ctrl-D"},
      {"quit", "leave"},
  };
  return words;
}

Result<ShellSession> ShellSession::open(const ShellOptions& options, const Streams& streams,
                                        const ServiceCatalogue& catalogue, LineHistory& history) {
  auto file = open_cluster(options.directory, streams.program);
  if (!file) return Refused{file.reason()};
  auto client =
      open_client(options.directory, options.client, milliseconds(options.timeout_ms), window, streams.program);
  if (!client) return Refused{client.reason()};
  auto services = service_usages(catalogue, file->services);
  return ShellSession(options, streams, history, std::move(*file), std::move(services), std::move(*client));
}

ShellSession::ShellSession(ShellOptions options, const Streams& streams, LineHistory& history, ClusterFile file,
                           std::vector<ServiceUsage> services, std::unique_ptr<Client> client)
    : options_(std::move(options)),
      streams_(&streams),
      history_(&history),
      file_(std::move(file)),
      services_(std::move(services)),
      client_(std::move(client)) {}

std::string ShellSession::greeting() const {
  return "client " + std::to_string(options_.client) + " of " + options_.directory + ", " +
         counted(file_.membership.n(), "replica") + "; " + listed(file_.services) +
         "\nhelp lists what to type, TAB completes, Ctrl-D leaves";
}

LineEnd ShellSession::say(const std::string& place, std::string_view reason, int status) {
  streams_->err << place << for_error(*streams_, reason) << std::endl;
  return {status, false};
}

LineEnd ShellSession::run(const std::string& line, const std::string& place, StopSignals& stop) {
  const auto first = line.find_first_not_of(" \t");
  if (first == std::string::npos || line[first] == '#') return {};
  const auto words = split_line(line);
  if (!words) return say(place, words.reason());
  if (words->empty()) return {};
  if (const auto end = run_built_in(*words, place, stop)) return *end;
  return run_operation(*words, place, stop);
}

std::optional<LineEnd> ShellSession::run_built_in(const std::vector<std::string>& words, const std::string& place,
                                                  StopSignals& stop) {
  const auto& name = words.front();
  if (name == "timing") return switch_on_off(words, timing_, place);
  if (name == "keys") return switch_on_off(words, keys_, place);
  if (name == "call") return run_operation({words.begin() + 1, words.end()}, place, stop);
  const auto& own = built_in_words();
  if (std::none_of(own.begin(), own.end(), [&](const auto& word) { return first_word(word.usage) == name; })) {
    return std::nullopt;
  }
  if (words.size() > 1) return say(place, name + " stands alone; for a service of that name: call " + name + " ...");
  if (name == "exit" || name == "quit") return LineEnd{exit_ok, true};
  if (name == "help") print_help();
  if (name == "history") print_history();
  if (name != "status") return LineEnd{};
  return LineEnd{show_status(*client_, options_.directory, file_, *streams_), false};
}

LineEnd ShellSession::switch_on_off(const std::vector<std::string>& words, bool& value, const std::string& place) {
  if (words.size() == 1) {
    streams_->out << words[0] << " is " << (value ? "on" : "off") << std::endl;
    return {};
  }
  if (words.size() != 2 || (words[1] != "on" && words[1] != "off")) return say(place, words[0] + " on, or off");
  value = words[1] == "on";
  return {};
}

void ShellSession::print_help() {
  auto& out = streams_->out;
  out << "Operations:\n";
  for (const auto& service : services_) {
    for (const auto& operation : service.operations) out << "  " << operation << "\n";
  }
  out << "Words of the shell:\n";
  for (const auto& word : built_in_words()) out << "  " << left_aligned(word.usage, 18) << word.meaning << "\n";
  out << "Words are parted by blanks; '...', \"...\" and \\ quote as in a shell. # begins a\n"
         "comment line. A line that begins with a blank is not kept in the history."
      << std::endl;
}

void ShellSession::print_history() {
  for (const auto& line : history_->newest(history_shown)) streams_->out << line << "\n";
  streams_->out << std::flush;
}

LineEnd ShellSession::run_operation(const std::vector<std::string>& words, const std::string& place,
                                    StopSignals& stop) {
  const auto operation = operation_of(Words(words.begin(), words.end()));
  if (!operation) return say(place, operation.reason());
  auto result = client_->submit(*operation);
  SilenceWatch silence(*client_, milliseconds(options_.timeout_ms));
  while (result.wait_for(glance) != std::future_status::ready) {
    if (silence.found()) say(place, no_replica_hint(streams_->program, options_.directory));
    if (!stop.requested()) continue;
    return say(
        place,
        "not waited for any longer: outcome unknown; " + std::string(may_be_executed) + std::string(status_shows),
        exit_no_quorum);
  }
  return report(result.get(), place);
}

LineEnd ShellSession::report(const CallResult& result, const std::string& place) {
  if (result.status == CallStatus::invalid) return say(place, result.error);
  if (result.status != CallStatus::ok) {
    LineEnd end =
        say(place, result.error + "; " + std::string(may_be_executed) + std::string(status_shows), exit_no_quorum);
    if (result.status == CallStatus::evicted) renew_client(place);
    return end;
  }
  LineEnd end;
  if (result.reply.status == ReplyStatus::ok) {
    streams_->out << result.reply.text << std::endl;
  } else {
    end = say(place, problem_of(result.reply), exit_failed);
  }
  if (timing_) {
    streams_->err << "slot " << result.seq << ", view " << result.view << ", " << result.matching << " of "
                  << counted(file_.membership.n(), "replica") << " agreed, " << duration_text(result.latency_us)
                  << std::endl;
  }
  return end;
}

void ShellSession::renew_client(const std::string& place) {
  auto client =
      open_client(options_.directory, options_.client, milliseconds(options_.timeout_ms), window, streams_->program);
  if (!client) {
    say(place, client.reason());
    return;
  }
  client_ = std::move(*client);
  say(place, "a new session is open");
}

Completion ShellSession::complete(const std::vector<std::string>& before, const std::string& typed) {
  const bool called = !before.empty() && before[0] == "call";
  auto completion = complete_operation(services_, {before.begin() + (called ? 1 : 0), before.end()}, typed);
  if (before.empty()) {
    for (const auto& word : built_in_words()) {
      const std::string name = first_word(word.usage);
      if (name.compare(0, typed.size(), typed) == 0) completion.candidates.push_back({name, word.meaning});
    }
  }
  if (before.size() == 1 && (before[0] == "timing" || before[0] == "keys")) {
    for (const std::string word : {"on", "off"}) {
      if (word.compare(0, typed.size(), typed) == 0) completion.candidates.push_back({word, ""});
    }
  }
  if (keys_ && completion.placeholder == "KEY" && before[called ? 1 : 0] == "kv") {
    completion.candidates = keys_like(typed);
  }
  return completion;
}

std::vector<Candidate> ShellSession::keys_like(const std::string& typed) {
  using std::future_status;
  // One question at a time: a cluster that does not answer is not asked again at every TAB.
  if (asked_keys_.valid() && asked_keys_.wait_for(milliseconds(0)) != future_status::ready) return {};
  const auto operation = operation_of({"kv", "scan", typed, end_of_range(typed), std::to_string(keys_max)});
  if (!operation) return {};
  asked_keys_ = client_->submit(*operation);
  if (asked_keys_.wait_for(keys_timeout) != future_status::ready) return {};
  const auto result = asked_keys_.get();
  if (result.status != CallStatus::ok || result.reply.status != ReplyStatus::ok) return {};
  std::vector<Candidate> keys;
  std::string_view rest = result.reply.text;
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const auto tab = line.find('\t');  // only a line with a key has one
    if (tab == std::string_view::npos) continue;
    if (auto key = typeable_key(line.substr(0, tab))) keys.push_back({std::move(*key), ""});
  }
  return keys;
}

}  // namespace tagma::cli
