#include "client_lib/cli/diff_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <thread>

#include "client_lib/admin_client.h"
#include "client_lib/bounded_source.h"
#include "client_lib/cli/cluster_folder.h"
#include "client_lib/cli/description.h"
#include "client_lib/cli/diff_text.h"
#include "client_lib/cli/key_lock.h"
#include "client_lib/cli/progress_line.h"
#include "client_lib/cli/text_format.h"
#include "crypto/digest.h"

namespace tagma::cli {
namespace {

constexpr std::chrono::milliseconds progress_interval{2'000};
/// Between two attempts: checkpoints of replicas that are not far from each other meet within this time.
constexpr std::chrono::milliseconds attempt_pause{150};
/// Of the values of all comparisons together, since all are shown at the end.
constexpr std::size_t values_bytes_max = 32UL * 1024 * 1024;

struct DiffOptions {
  std::vector<ReplicaId> replicas;
  std::string directory;
  AdminId admin = 0;
  std::size_t keys = 10;
  std::int64_t timeout_ms = 2'000;
  std::int64_t deadline_s = 600;
  bool json = false;
};

/// What each replica said first, by id: nothing where it did not answer or was not asked.
using Histories = std::vector<std::optional<History>>;

struct Findings {
  Histories histories;
  std::vector<ReplicaId> asked;
  std::vector<ReplicaId> silent;
  std::optional<Majority> majority;
  std::vector<ComparedPair> pairs;
  std::string note;  ///< why there is nothing to compare
};

void describe_arguments(CLI::App& app, DiffOptions& options) {
  app.name("tagma diff");
  app.description("Compares replicas' states: which keys differ, and since which slot.");
  add_directory_option(app, options.directory);
  app.add_option("replicas", options.replicas, "Two replicas (default: all, with the majority)")
      ->expected(2)
      ->type_name("A B");
  app.add_option("--admin", options.admin, "Which administrator to be (default 0)")->type_name("N");
  app.add_option("--keys", options.keys, "How many keys to name (10)")
      ->check(CLI::Range(std::size_t{1}, std::size_t{10'000}).description(""))
      ->type_name("N");
  app.add_option("--timeout-ms", options.timeout_ms, "How long to wait for each answer (2000)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{3'600'000}).description(""))
      ->type_name("T");
  app.add_option("--deadline-s", options.deadline_s, "How long to wait for one replica in all (600)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{86'400}).description(""))
      ->type_name("S");
  app.add_flag("--json", options.json, "Everything as JSON");
  app.footer(
      "Examples:\n"
      "  tagma diff                 all replicas with the f+1 that agree\n"
      "  tagma diff 0 2             these two\n"
      "  tagma diff --keys 100 --json\n\n"
      "Compared is the newest checkpoint of each. Values of all clients may be\n"
      "shown, so replicas answer administrators only. What to do then is told by\n"
      "divergence.md, in docs/ of the source, or installed in share/doc/tagma.\n"
      "Exit status: 0 the same, 1 different, 2 usage, 3 a replica did not answer or\n"
      "there was nothing to compare.");
}

std::optional<std::string> check(const DiffOptions& options, const Membership& membership) {
  if (options.replicas.empty()) return std::nullopt;
  for (const ReplicaId id : options.replicas) {
    if (membership.find_replica(id) == nullptr) {
      return "there is no replica " + std::to_string(id) + "; they are numbered from 0 to " +
             std::to_string(membership.n() - 1);
    }
  }
  if (options.replicas[0] == options.replicas[1]) return "a replica cannot be compared with itself; name two";
  return std::nullopt;
}

std::int64_t steady_us() {
  using std::chrono::duration_cast;
  return duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class Diff {
 public:
  Diff(const DiffOptions& options, AdminClient& client, const Streams& streams)
      : options_(options), client_(client), streams_(streams) {}

  Findings run() {
    Findings findings;
    findings.asked = options_.replicas;
    if (findings.asked.empty()) {
      for (ReplicaId id = 0; id < client_.membership().n(); ++id) findings.asked.push_back(id);
    }
    findings.histories.resize(client_.membership().n());
    auto answers = client_.ask<History>(findings.asked, HistoryQuery{0, 1, 0});
    for (std::size_t at = 0; at < findings.asked.size(); ++at) {
      const ReplicaId id = findings.asked[at];
      if (!answers[at]) findings.silent.push_back(id);
      // What it claims from here on is held against what it has just claimed.
      if (answers[at]) static_cast<void>(source(id).note(*answers[at]));
      findings.histories[id] = std::move(answers[at]);
    }
    findings.majority = find_majority(client_.membership(), findings.histories);
    if (options_.replicas.empty()) {
      compare_all(findings);
    } else if (findings.silent.empty()) {
      const ReplicaId left = options_.replicas[0];
      const ReplicaId right = options_.replicas[1];
      findings.pairs.push_back({left, right, compare(left, right)});
    }
    return findings;
  }

 private:
  /// Each replica with one of the majority.
  void compare_all(Findings& findings) {
    std::vector<ReplicaId> answered;
    for (const ReplicaId id : findings.asked) {
      if (findings.histories[id]) answered.push_back(id);
    }
    if (answered.size() < 2) {
      findings.note = "fewer than two replicas answered";
      return;
    }
    const auto newest = [&findings](ReplicaId id) {
      const auto& roots = findings.histories[id]->roots;
      return roots.empty() ? Seq{0} : roots.back().seq;
    };
    const bool any_checkpoint = std::any_of(answered.begin(), answered.end(), [&](auto id) { return newest(id) > 0; });
    if (!findings.majority && any_checkpoint) {
      findings.note = "no " + std::to_string(client_.membership().weak_quorum()) +
                      " replicas have the same state at one slot, so there is no majority to compare with";
    }
    const auto members = findings.majority ? findings.majority->members : std::vector<ReplicaId>{answered.front()};
    values_bytes_max_ = values_bytes_max / std::max<std::size_t>(answered.size() - 1, 1);
    findings.pairs = compare_with_majority(members, answered, client_.membership().faults,
                                           [this](auto left, auto right) { return compare(left, right); });
  }

  Comparison compare(ReplicaId left, ReplicaId right) {
    ProgressLine line(streams_, progress_interval);
    ComparisonOptions options;
    options.walk.keys_max = options_.keys;
    options.walk.values_bytes_max = values_bytes_max_;
    options.pause = [] { std::this_thread::sleep_for(attempt_pause); };
    options.walk.progress = [&](std::uint64_t places, std::uint64_t keys) {
      line.update("comparing replica " + std::to_string(left) + " and replica " + std::to_string(right) + ": " +
                  counted(places, "place") + " of the trees, " + counted(keys, "key") + " read");
    };
    const DigestFunction digest = [this](ByteView bytes) { return hasher_.digest(bytes); };
    return compare_replicas(source(left), source(right), digest, options);
  }

  /// One per replica for the whole run: what it made us wait, and what it claimed, is remembered from one comparison to
  /// the next.
  BoundedSource& source(ReplicaId id) {
    auto& entry = sources_[id];
    if (!entry) entry = std::make_unique<Source>(client_, id, options_.deadline_s * 1'000'000);
    return entry->bounded;
  }

  struct Source {
    Source(AdminClient& client, ReplicaId id, std::int64_t wait_max_us)
        : running(client, id), bounded(running, wait_max_us, steady_us) {}
    RunningReplica running;
    BoundedSource bounded;
  };

  const DiffOptions& options_;
  AdminClient& client_;
  const Streams& streams_;
  crypto::Hasher hasher_;
  std::size_t values_bytes_max_ = values_bytes_max;  ///< of one comparison
  std::map<ReplicaId, std::unique_ptr<Source>> sources_;
};

/// What the whole says: 1 if anything differs, else 3 if anything could not be told.
int exit_status(const Findings& findings) {
  bool unknown = !findings.silent.empty() || findings.pairs.empty();
  bool different = false;
  for (const auto& pair : findings.pairs) {
    different = different || pair.comparison.verdict == Comparison::Verdict::different;
    unknown = unknown || pair.comparison.verdict == Comparison::Verdict::unknown || !pair.comparison.answered;
  }
  if (different) return exit_failed;
  return unknown ? exit_no_quorum : exit_ok;
}

std::string_view verdict_of(int status) {
  if (status == exit_ok) return "same";
  return status == exit_failed ? "different" : "unknown";
}

void print_json(const Findings& findings, int status, std::ostream& out) {
  nlohmann::json replicas = nlohmann::json::array();
  for (const ReplicaId id : findings.asked) {
    const auto& history = findings.histories[id];
    nlohmann::json json = {{"id", id},
                           {"answered", history.has_value()},
                           {"executed", nullptr},
                           {"checkpoint", nullptr},
                           {"root", nullptr}};
    if (history) json["executed"] = history->executed;
    if (history && !history->roots.empty()) {
      json["checkpoint"] = history->roots.back().seq;
      json["root"] = to_hex(history->roots.back().root.view());
    }
    replicas.push_back(std::move(json));
  }
  nlohmann::json majority = nullptr;
  if (findings.majority) {
    majority = {{"seq", findings.majority->at.seq},
                {"root", to_hex(findings.majority->at.root.view())},
                {"replicas", findings.majority->members}};
  }
  nlohmann::json comparisons = nlohmann::json::array();
  for (const auto& pair : findings.pairs) comparisons.push_back(comparison_json(pair));
  const nlohmann::json json = {{"verdict", verdict_of(status)},
                               {"replicas", std::move(replicas)},
                               {"majority", std::move(majority)},
                               {"comparisons", std::move(comparisons)},
                               {"note", findings.note}};
  out << json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
}

/// Pairs of which nothing but the same can be said are told in one line.
void print_pairs(const Findings& findings, std::ostream& out) {
  std::vector<const ComparedPair*> told;
  for (const auto& pair : findings.pairs) {
    const auto& comparison = pair.comparison;
    const auto said_already = [&](const ComparedPair* other) {
      return comparison.verdict == Comparison::Verdict::unknown && other->left == pair.left &&
             other->comparison.verdict == comparison.verdict && other->comparison.trouble == comparison.trouble;
    };
    const bool plainly_same = comparison.verdict == Comparison::Verdict::same && comparison.trouble.empty();
    if (plainly_same && findings.pairs.size() > 1) continue;
    if (std::any_of(told.begin(), told.end(), said_already)) continue;
    told.push_back(&pair);
    print_comparison(pair, out);
  }
}

void print_text(const Findings& findings, const DiffOptions& options, std::ostream& out) {
  for (const ReplicaId id : findings.silent) {
    out << "replica " << id << " gave no answer within " << options.timeout_ms << " ms\n";
  }
  if (!findings.note.empty()) out << findings.note << "\n";
  if (options.replicas.empty() && findings.majority) {
    std::vector<std::string> members;
    for (const ReplicaId id : findings.majority->members) members.push_back(std::to_string(id));
    out << "majority: replicas " << listed(members) << " have the same state at slot " << findings.majority->at.seq
        << "\n";
  }
  print_pairs(findings, out);
  out << std::flush;
}

}  // namespace

std::shared_ptr<CLI::App> describe_diff() { return described<DiffOptions>(describe_arguments); }

int run_diff(const Arguments& arguments, const Streams& streams, const Program& /*program*/) {
  CLI::App app;
  DiffOptions options;
  describe_arguments(app, options);
  if (const auto status = parse_arguments(app, arguments, streams)) return *status;
  const auto file = open_cluster(options.directory, streams.program);
  if (!file) return fail(streams, "diff", file.reason());
  if (const auto wrong = check(options, file->membership)) return fail(streams, "diff", *wrong);
  AdminOptions admin;
  admin.cluster_file = cluster_file_path(options.directory);
  admin.identity_file = secret_path(options.directory, {PrincipalKind::admin, options.admin});
  admin.id = options.admin;
  admin.timeout = std::chrono::milliseconds(options.timeout_ms);
  const std::string who = "another tagma diff of administrator " + std::to_string(options.admin);
  const KeyLock lock(admin.identity_file, std::chrono::seconds(options.deadline_s),
                     [&] { streams.err << "tagma diff: waiting until " << who << " is done" << std::endl; });
  if (lock.taken_by_another()) {
    return fail(streams, "diff", who + " has been running for " + std::to_string(options.deadline_s) + " s; end it");
  }
  const auto client = AdminClient::open(admin);
  if (!client) return fail(streams, "diff", client.reason());
  const auto findings = Diff(options, **client, streams).run();
  const int status = exit_status(findings);
  if (options.json) {
    print_json(findings, status, streams.out);
  } else {
    print_text(findings, options, streams.out);
  }
  if (findings.silent.size() == findings.asked.size())
    fail(streams, "diff", no_replica_hint(streams.program, options.directory));
  return status;
}

}  // namespace tagma::cli
