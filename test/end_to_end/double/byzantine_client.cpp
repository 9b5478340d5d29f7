// A Byzantine client: a process of its own with a real client's key, which does what the library never would.
//
// usage: byzantine_client ATTACK --cluster FILE --id N --identity FILE [--rate N] [--core-percent N] [--seconds S]
//                         [--seed S]
// Says on standard error `serves` once it is connected to n-f replicas, then once a second and at its end
// `fired ATTACK COUNT`, with `counted ATTACK_DETAIL COUNT` for what some attacks count beside. Ends on SIGTERM or after
// S seconds, with status 0. README.md tells the attacks.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <optional>
#include <string>

#include "crypto/authenticator.h"
#include "messages/cluster_file/cluster_file.h"
#include "test/end_to_end/double/client_attack.h"
#include "test/end_to_end/double/fired_lines.h"

namespace tagma::end_to_end {
namespace {

volatile std::sig_atomic_t stop_asked = 0;

struct CommandLine {
  std::string attack;
  std::string cluster_file;
  std::string identity_file;
  ClientId id = 0;
  std::optional<std::uint32_t> rate;
  std::uint32_t core_percent = 50;
  std::optional<std::uint32_t> seconds;
  std::uint64_t seed = 1;
};

void describe(CLI::App& app, CommandLine& line) {
  app.add_option("ATTACK", line.attack, "What it does")->required();
  app.add_option("--cluster", line.cluster_file, "The cluster.toml")->required();
  app.add_option("--id", line.id, "Which client it is")->required();
  app.add_option("--identity", line.identity_file, "Its secret key")->required();
  app.add_option("--rate", line.rate, "Deeds a second at most (default: by attack)");
  app.add_option("--core-percent", line.core_percent, "What it may take of a core")->check(CLI::Range(1, 6'400));
  app.add_option("--seconds", line.seconds, "Ends after so many (default: on SIGTERM)");
  app.add_option("--seed", line.seed, "What is drawn is drawn from it");
  std::string names = "Attacks:";
  for (const auto name : client_attack_names()) names.append(" ").append(name);
  app.footer(names);
}

void tell(const std::string& name, const ClientAttack& attack) {
  FiredLines::print(name, attack.fired());
  for (const auto& [detail, count] : attack.details()) {
    std::fprintf(stderr, "counted %s_%s %llu\n", name.c_str(), detail.c_str(), static_cast<unsigned long long>(count));
  }
}

/// How many deeds are due, at a steady rate.
class Pace {
 public:
  explicit Pace(std::uint64_t rate) : rate_(rate) {}
  [[nodiscard]] std::uint64_t due(std::int64_t now_us) {
    const auto passed_us = last_us_ == 0 ? std::int64_t{0} : std::min(now_us - last_us_, burst_us_max);
    last_us_ = now_us;
    owed_millionths_ += static_cast<std::uint64_t>(passed_us) * rate_;
    const auto due = owed_millionths_ / 1'000'000;
    owed_millionths_ %= 1'000'000;
    return due;
  }

 private:
  static constexpr std::int64_t burst_us_max = 100'000;
  std::uint64_t rate_;
  std::int64_t last_us_ = 0;
  std::uint64_t owed_millionths_ = 0;
};

void attack_until_stopped(const CommandLine& line, ClientLinks& links, Progress& progress, ClientAttack& attack,
                          std::uint32_t connected_min) {
  constexpr std::int64_t turn_us = 2'000;
  const auto end_us = line.seconds ? monotonic_us() + std::int64_t{*line.seconds} * 1'000'000 : 0;
  CoreShare core_share(line.core_percent);
  FiredLines fired_lines;
  Pace pace(line.rate.value_or(usual_rate(line.attack)));
  bool serves = false;
  while (stop_asked == 0) {
    const auto now_us = monotonic_us();
    if (end_us != 0 && now_us >= end_us) break;
    for (const auto& heard : links.turn(now_us, turn_us)) progress.heard(heard);
    if (!serves) {
      if (links.established() < connected_min) continue;
      serves = true;
      std::fprintf(stderr, "serves\n");
    }
    for (auto due = pace.due(now_us); due > 0 && !core_share.exceeded(now_us); --due) attack.act(now_us);
    if (fired_lines.due(now_us)) tell(line.attack, attack);
  }
  tell(line.attack, attack);
}

int fail(const std::string& reason) {
  std::cerr << "byzantine_client: " << reason << std::endl;
  return 2;
}

int run(const CommandLine& line) {
  const auto file = read_cluster_file(line.cluster_file);
  if (!file) return fail(file.reason());
  const auto identity = crypto::Identity::load(line.identity_file);
  if (!identity) return fail(identity.reason());
  const Membership& membership = file->membership;
  crypto::OpensslAuthenticator authenticator(*identity);
  zmq::context_t context(1);
  ClientLinks links(context, membership, {PrincipalKind::client, line.id}, *identity);
  Progress progress(membership);
  const auto attack = make_client_attack(
      line.attack, {context, membership, line.id, *identity, authenticator, links, progress, line.seed});
  if (attack == nullptr) return fail("there is no attack " + line.attack + "; --help lists them");
  attack_until_stopped(line, links, progress, *attack, membership.n() - membership.faults);
  return 0;
}

}  // namespace
}  // namespace tagma::end_to_end

int main(int count, char** words) {
  for (const int number : {SIGTERM, SIGINT}) std::signal(number, [](int) { tagma::end_to_end::stop_asked = 1; });
  CLI::App app("A client that misbehaves.", "byzantine_client");
  tagma::end_to_end::CommandLine line;
  tagma::end_to_end::describe(app, line);
  CLI11_PARSE(app, count, words);
  try {
    return tagma::end_to_end::run(line);
  } catch (const std::exception& problem) {
    std::cerr << "byzantine_client: " << problem.what() << '\n';
    return 1;
  }
}
