// A Byzantine replica: the real process, whose core is honest and whose words are not while it is told to attack.
//
// usage: byzantine_replica ATTACK[,ATTACK...] --cluster FILE --id N --data DIR [--identity FILE] [--log-level L]
//                          [--seed S] [--rate N] [--victim N] [--percent P] [--core-percent N]
// Honest until SIGUSR1, attacks until SIGUSR2 (and again after the next SIGUSR1). While it attacks, once a second and
// at its end: `fired ATTACK COUNT` on standard error. SIGTERM stops it like any replica. README.md tells the attacks.
#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>
#include <sstream>
#include <string>

#include "crypto/authenticator.h"
#include "messages/cluster_file/cluster_file.h"
#include "replica/runtime/hosted_services.h"
#include "replica/runtime/replica_process.h"
#include "replica/service/service_catalogue.h"
#include "test/end_to_end/double/misconduct.h"

namespace tagma::end_to_end {
namespace {

struct CommandLine {
  std::string attacks;
  ReplicaOptions replica;
  AttackOptions attack;
  std::uint32_t core_percent = 50;
};

void describe(CLI::App& app, CommandLine& line) {
  app.add_option("ATTACKS", line.attacks, "Names, with commas between")->required();
  app.add_option("--cluster", line.replica.cluster_file, "The cluster.toml")->required();
  app.add_option("--id", line.replica.id, "Which replica it is")->required();
  app.add_option("--data", line.replica.data_directory, "Its data")->required();
  app.add_option("--identity", line.replica.identity_file, "Its secret key (default: beside FILE)");
  app.add_option("--log-level", line.replica.log_level, "As of tagma");
  app.add_option("--seed", line.attack.seed, "What is not chosen is drawn from it");
  app.add_option("--rate", line.attack.rate, "flood: messages a second, each to all");
  app.add_option("--victim", line.attack.victim, "starve: a replica; censor: a client (default 0)");
  app.add_option("--percent", line.attack.percent, "slow: how much of the view change timeout")
      ->check(CLI::Range(0, 1'000));
  app.add_option("--core-percent", line.core_percent, "What it may take of a core before it ceases to act unasked")
      ->check(CLI::Range(1, 6'400));
  std::string names = "Attacks:";
  for (const auto name : replica_attack_names()) names.append(" ").append(name);
  app.footer(names);
}

void block_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGUSR1);
  ::sigaddset(&signals, SIGUSR2);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

int fail(const std::string& reason) {
  std::cerr << "byzantine_replica: " << reason << std::endl;
  return 2;
}

std::string secret_of(const ReplicaOptions& replica) {
  if (!replica.identity_file.empty()) return replica.identity_file;
  const auto slash = replica.cluster_file.rfind('/');
  const auto folder = slash == std::string::npos ? "." : replica.cluster_file.substr(0, slash);
  return secret_path(folder, {PrincipalKind::replica, replica.id});
}

int run(const CommandLine& line) {
  const auto file = read_cluster_file(line.replica.cluster_file);
  if (!file) return fail(file.reason());
  if (file->membership.find_replica(line.replica.id) == nullptr) return fail("--id: no replica has this number");
  const auto identity = crypto::Identity::load(secret_of(line.replica));
  if (!identity) return fail(identity.reason());

  crypto::OpensslAuthenticator authenticator(*identity);
  CoreConfig config = runtime::execution_config(*file);
  config.id = line.replica.id;
  Misconduct misconduct(config, authenticator, line.attack, line.core_percent);
  std::istringstream names(line.attacks);
  for (std::string name; std::getline(names, name, ',');) {
    if (!misconduct.add(name)) return fail("there is no attack " + name + "; --help lists them");
  }
  return run_replica(line.replica, bundled_services(), &misconduct);
}

}  // namespace
}  // namespace tagma::end_to_end

int main(int count, char** words) {
  tagma::end_to_end::block_signals();
  CLI::App app("A replica that misbehaves while it is told to.", "byzantine_replica");
  tagma::end_to_end::CommandLine line;
  tagma::end_to_end::describe(app, line);
  CLI11_PARSE(app, count, words);
  try {
    return tagma::end_to_end::run(line);
  } catch (const std::exception& problem) {
    std::cerr << "byzantine_replica: " << problem.what() << '\n';
    return 1;
  }
}
