// A member of a group at work: a vote per period, and the decided rounds as they become known.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "client_lib/cli/command.h"
#include "client_lib/cli/group/reading_source.h"
#include "messages/group.h"
#include "tagma/client.h"

namespace tagma::cli {

struct SenseTask {
  GroupDefinition group;  ///< the name alone is needed: the replicas say the rest
  std::uint32_t member = 0;
  ClientId client = 0;  ///< whom the member is
  std::chrono::milliseconds period{500};
  std::uint64_t rounds = 0;        ///< own votes after whose decision it ends; 0: never
  bool json = false;               ///< else a line of text per round
  std::ostream* record = nullptr;  ///< of the votes that were counted; null: none
  /// A session of the member's client, whose operations never time out.
  std::function<Result<std::unique_ptr<Client>>()> open;
};

class SenseSession {
 public:
  /// All outlive it.
  SenseSession(SenseTask task, ReadingSource& source, StopSignals& stop, const Streams& streams);
  /// Until a signal comes or the task is done; the exit status.
  [[nodiscard]] int run();

 private:
  /// Executes words of the group service. Nothing: the run is over.
  [[nodiscard]] std::optional<ServiceReply> ask(const Words& words);
  [[nodiscard]] std::optional<CallResult> awaited(Client& client, const Bytes& operation);
  [[nodiscard]] bool over();

  /// False: the run is over.
  [[nodiscard]] bool learn_group();
  void wait_for_period();
  void vote();
  void cast(const Words& words);
  void skip(const std::string& why);
  /// Whether administrators have changed the group; the run is over then.
  [[nodiscard]] bool is_another_group();
  void note(std::uint64_t round, const Words& words, std::int64_t unix_ms);
  [[nodiscard]] std::uint64_t lowest_without_vote(std::uint64_t from) const;
  void follow_results();
  void print(const ServiceReply& reply);
  /// Says what is wrong when it begins; again only when a vote was counted in between.
  void complain(const std::string& what);

  SenseTask task_;
  ReadingSource& source_;
  StopSignals& stop_;
  const Streams& streams_;
  std::unique_ptr<Client> client_;
  std::optional<int> status_;      ///< once it has failed
  std::int64_t period_at_ms_ = 0;  ///< the beginning of the current period, by the machine's clock

  std::uint64_t next_vote_ = 0;  ///< the round to vote in next
  std::uint64_t undecided_ = 0;  ///< the lowest round whose result is not known here
  /// Rounds from undecided_ on in which this member has voted; with no value where another process did.
  std::map<std::uint64_t, std::optional<std::string>> voted_;
  std::uint64_t decided_votes_ = 0;
  bool repeated_ = false;  ///< the operation went out in two sessions: it may have been executed before
  bool away_ = false;      ///< the cluster, and it was said
  bool in_trouble_ = false;
};

}  // namespace tagma::cli
