// What a line typed into `tagma shell` does: an operation on the one open session, or a word of the shell's own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client_lib/cli/command.h"
#include "client_lib/cli/completion/completion.h"
#include "client_lib/cli/shell/line_history.h"
#include "client_lib/cli/stop_signals.h"
#include "messages/cluster_file/cluster_file.h"
#include "tagma/client.h"

namespace tagma::cli {

/// The shell's own words, for help, completion and the manual page.
struct BuiltInWord {
  std::string usage;  ///< "timing on|off"
  std::string meaning;
};
[[nodiscard]] const std::vector<BuiltInWord>& built_in_words();

struct ShellOptions {
  std::string directory;
  ClientId client = 0;
  std::int64_t timeout_ms = 10'000;
  bool keep_going = false;
};

/// How a line ended.
struct LineEnd {
  int status = exit_ok;  ///< as of `tagma call`
  bool leave = false;    ///< exit, quit
};

class ShellSession {
 public:
  /// Opens the client; refuses what `tagma call` refuses.
  [[nodiscard]] static Result<ShellSession> open(const ShellOptions& options, const Streams& streams,
                                                 const ServiceCatalogue& catalogue, LineHistory& history);

  /// Runs one line. Every line of error that it prints begins with `place`. `stop` is made before, so that no signal
  /// comes in between, and ends the wait for a reply.
  LineEnd run(const std::string& line, const std::string& place, StopSignals& stop);

  /// What may stand behind those words. Asks the cluster for keys where one is being typed, for a short time only.
  [[nodiscard]] Completion complete(const std::vector<std::string>& before, const std::string& typed);

  /// Who and where, and what to do.
  [[nodiscard]] std::string greeting() const;

 private:
  ShellSession(ShellOptions options, const Streams& streams, LineHistory& history, ClusterFile file,
               std::vector<ServiceUsage> services, std::unique_ptr<Client> client);

  [[nodiscard]] std::optional<LineEnd> run_built_in(const std::vector<std::string>& words, const std::string& place,
                                                    StopSignals& stop);
  LineEnd run_operation(const std::vector<std::string>& words, const std::string& place, StopSignals& stop);
  LineEnd report(const CallResult& result, const std::string& place);
  LineEnd switch_on_off(const std::vector<std::string>& words, bool& value, const std::string& place);
  LineEnd say(const std::string& place, std::string_view reason, int status = exit_usage);
  void print_help();
  void print_history();
  void renew_client(const std::string& place);
  [[nodiscard]] std::vector<Candidate> keys_like(const std::string& typed);

  ShellOptions options_;
  const Streams* streams_;
  LineHistory* history_;
  ClusterFile file_;
  std::vector<ServiceUsage> services_;
  std::unique_ptr<Client> client_;
  bool timing_ = false;
  bool keys_ = true;
  std::future<CallResult> asked_keys_;  ///< a question for keys that was not answered in time
};

}  // namespace tagma::cli
