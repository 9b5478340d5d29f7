#include "client_lib/cli/cluster_folder.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "crypto/identity.h"
#include "messages/cluster_file/genesis.h"
#include "test/unit/cli/support.h"

using namespace tagma;
using namespace tagma::cli;
using tagma::cli::test::contains;
using tagma::cli::test::TemporaryFolder;

namespace {

ClusterPlan small_plan() {
  InitOptions options;
  options.clients = 2;
  options.admins = 1;
  options.base_port = 20'000;
  options.durability = "memory";
  const auto plan = plan_cluster(options, bundled_services());
  REQUIRE(plan);
  return *plan;
}

ClusterFile create(const std::string& directory) {
  auto created = create_cluster(directory, small_plan(), {});
  REQUIRE_MESSAGE(created, created.reason());
  return created->file;
}

unsigned mode_of(const std::string& path) {
  struct stat information {};
  REQUIRE(stat(path.c_str(), &information) == 0);
  return information.st_mode & 0777U;
}

void mark_started(const std::string& directory, ReplicaId id, const ClusterId& cluster) {
  std::filesystem::create_directories(data_path(directory, id));
  std::ofstream(data_path(directory, id) + "/started") << to_hex(cluster.view()) << "\n";
}

/// Holds a replica's data folder as a running replica does.
class RunningReplica {
 public:
  RunningReplica(const std::string& directory, ReplicaId id) {
    std::filesystem::create_directories(data_path(directory, id));
    descriptor_ = open((data_path(directory, id) + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(flock(descriptor_, LOCK_EX | LOCK_NB) == 0);
  }
  RunningReplica(const RunningReplica&) = delete;
  RunningReplica& operator=(const RunningReplica&) = delete;
  ~RunningReplica() { close(descriptor_); }

 private:
  int descriptor_ = -1;
};

}  // namespace

TEST_CASE("a new cluster has keys for all, secret ones for their owner only") {
  const TemporaryFolder folder;
  const std::string directory = folder / "c";
  const auto file = create(directory);
  CHECK(file.membership.n() == 4);
  CHECK(file.membership.faults == 1);
  CHECK(file.membership.replicas[3].replica_address == "tcp://127.0.0.1:20006");
  CHECK(file.membership.replicas[3].client_address == "tcp://127.0.0.1:20007");
  std::vector<Principal> all;
  for (std::uint32_t id = 0; id < 4; ++id) all.push_back({PrincipalKind::replica, id});
  for (std::uint32_t id = 0; id < 2; ++id) all.push_back({PrincipalKind::client, id});
  all.push_back({PrincipalKind::admin, 0});
  for (const auto& principal : all) {
    const std::string path = secret_path(directory, principal);
    CHECK(mode_of(path) == 0600);
    CHECK(mode_of(std::filesystem::path(path).parent_path()) == 0700);
    const auto identity = crypto::Identity::load(path);
    REQUIRE_MESSAGE(identity, identity.reason());
    CHECK(identity->public_key() == *file.membership.find_key(principal));
  }
  const auto read = open_cluster(directory, {});
  REQUIRE_MESSAGE(read, read.reason());
  CHECK(read->membership.cluster == file.membership.cluster);
  CHECK(read->services == file.services);
}

TEST_CASE("two clusters have different ids and keys") {
  const TemporaryFolder folder;
  const auto one = create(folder / "one");
  const auto two = create(folder / "two");
  CHECK(one.membership.cluster != two.membership.cluster);
  CHECK(one.membership.replicas[0].key != two.membership.replicas[0].key);
}

TEST_CASE("an existing cluster is never overwritten") {
  const TemporaryFolder folder;
  const auto file = create(folder / "c");
  const auto again = create_cluster(folder / "c", small_plan(), {});
  REQUIRE_FALSE(again);
  CHECK(contains(again.reason(), "has a cluster already"));
  CHECK(open_cluster(folder / "c", {})->membership.cluster == file.membership.cluster);
}

TEST_CASE("a failed init takes back what it made and leaves the rest") {
  const TemporaryFolder folder;
  const std::string directory = folder / "c";
  std::filesystem::create_directories(directory + "/client-1");
  std::ofstream(directory + "/client-1/mine") << "x";
  const auto created = create_cluster(directory, small_plan(), {});
  REQUIRE_FALSE(created);
  CHECK(contains(created.reason(), "client-1: exists"));
  CHECK_FALSE(std::filesystem::exists(directory + "/replica-0"));
  CHECK_FALSE(std::filesystem::exists(directory + "/cluster.toml"));
  CHECK(std::filesystem::exists(directory + "/client-1/mine"));
}

TEST_CASE("ports that are taken are passed over, and it is said") {
  const TemporaryFolder folder;
  auto plan = small_plan();
  plan.base_port.reset();
  const auto created = create_cluster(folder / "c", plan, {});
  REQUIRE_MESSAGE(created, created.reason());
  const bool usual = created->file.membership.replicas[0].replica_address == "tcp://127.0.0.1:4600";
  CHECK(usual == created->note.empty());
}

TEST_CASE("the state of a folder") {
  const TemporaryFolder folder;
  CHECK(folder_state(folder / "absent") == FolderState::absent);
  CHECK(folder_state(folder.path()) == FolderState::absent);
  create(folder / "c");
  CHECK(folder_state(folder / "c") == FolderState::cluster);
  CHECK(folder_state(folder.path()) == FolderState::foreign);
  CHECK(folder_state(folder / "c/cluster.toml") == FolderState::foreign);
  std::ofstream(folder / "c/cluster.toml") << "damaged = ";
  CHECK(folder_state(folder / "c") == FolderState::cluster);
  std::filesystem::create_directories(folder / "other");
  std::ofstream(folder / "other/cluster.toml") << "someone = \"else\"\n";
  CHECK(folder_state(folder / "other") == FolderState::foreign);
}

TEST_CASE("emptying removes a cluster and nothing else") {
  const TemporaryFolder folder;
  const std::string directory = folder / "c";
  create(directory);
  mark_started(directory, 0, ClusterId{});
  std::ofstream(directory + "/notes.txt") << "mine";
  std::ofstream(directory + "/replica-x") << "mine too";
  CHECK_FALSE(empty_cluster_folder(directory));
  CHECK_FALSE(std::filesystem::exists(directory + "/cluster.toml"));
  CHECK_FALSE(std::filesystem::exists(directory + "/replica-0"));
  CHECK_FALSE(std::filesystem::exists(directory + "/client-0"));
  CHECK(std::filesystem::exists(directory + "/notes.txt"));
  CHECK(std::filesystem::exists(directory + "/replica-x"));
}

TEST_CASE("a folder that is not ours is not emptied") {
  const TemporaryFolder folder;
  std::ofstream(folder / "precious") << "data";
  const auto refused = empty_cluster_folder(folder.path());
  REQUIRE(refused);
  CHECK(contains(refused->reason, "is not a cluster folder"));
  CHECK(std::filesystem::exists(folder / "precious"));
}

TEST_CASE("what a replica runs on is not inspected, and nobody is told to give an option that inspect has not") {
  const TemporaryFolder folder;
  const auto file = create(folder / "c");
  mark_started(folder / "c", 1, file.membership.cluster);
  const RunningReplica running(folder / "c", 1);
  const auto inspected = cli::test::run({"inspect", data_path(folder / "c", 1)});
  CHECK(inspected.status == exit_usage);
  CHECK(contains(inspected.err, "locked by another process; stop the replica that runs on it"));
  CHECK_FALSE(contains(inspected.err, "--data"));
  CHECK_FALSE(data_in_use(data_path(folder / "c", 0)));
}

TEST_CASE("a folder that cannot be looked into is not one without a cluster, nor of a replica that has not started") {
  const TemporaryFolder folder;
  std::filesystem::create_symlink("loop", folder / "loop");  // to root too
  const auto inspected = cli::test::run({"inspect", folder / "loop"});
  CHECK(inspected.status == exit_usage);
  CHECK(contains(inspected.err, "loop: cannot be looked into: "));
  const auto asked = cli::test::run({"status", "--dir", folder / "loop"});
  CHECK(asked.status == exit_usage);
  CHECK(contains(asked.err, "loop: cannot be looked into: "));
  const auto loaded = cli::test::run({"load", folder / "loop", "--dir", folder / "loop"});
  CHECK(loaded.status == exit_usage);
  CHECK(contains(loaded.err, "loop: cannot be looked at: "));
}

TEST_CASE("a running cluster is not emptied") {
  const TemporaryFolder folder;
  const std::string directory = folder / "c";
  create(directory);
  CHECK_FALSE(replica_runs(directory, 2));
  {
    const RunningReplica replica(directory, 2);
    CHECK(replica_runs(directory, 2));
    CHECK_FALSE(replica_runs(directory, 1));
    const auto refused = empty_cluster_folder(directory);
    REQUIRE(refused);
    CHECK(contains(refused->reason, "replica-2 is running"));
    CHECK(std::filesystem::exists(directory + "/cluster.toml"));
  }
  CHECK_FALSE(replica_runs(directory, 2));
}

TEST_CASE("memory durability: a genesis that started gets a successor with the same keys") {
  const TemporaryFolder folder;
  const std::string directory = folder / "c";
  auto file = create(directory);
  const ClusterId first = file.membership.cluster;

  auto renewed = renew_genesis_if_started(directory, file);
  REQUIRE(renewed);
  CHECK_FALSE(*renewed);
  CHECK(file.membership.cluster == first);

  mark_started(directory, 3, first);
  renewed = renew_genesis_if_started(directory, file);
  REQUIRE(renewed);
  CHECK(*renewed);
  CHECK(file.membership.cluster != first);
  const auto read = open_cluster(directory, {});
  REQUIRE(read);
  CHECK(read->membership.cluster == file.membership.cluster);
  CHECK(read->membership.replicas[0].key == file.membership.replicas[0].key);

  // The old mark is of another genesis now.
  renewed = renew_genesis_if_started(directory, file);
  REQUIRE(renewed);
  CHECK_FALSE(*renewed);

  // What is on a disk goes on where it was.
  mark_started(directory, 3, file.membership.cluster);
  file.durability = Durability::sync;
  renewed = renew_genesis_if_started(directory, file);
  REQUIRE(renewed);
  CHECK_FALSE(*renewed);
}

TEST_CASE("a new cluster permits each replica to begin, once") {
  const TemporaryFolder folder;
  const std::string directory = folder / "c";
  const auto file = create(directory);
  const auto& cluster = file.membership.cluster;
  CHECK_FALSE(too_few_remember(directory, file, {}));
  for (const auto& replica : file.membership.replicas) {
    const std::string secrets = directory + "/replica-" + std::to_string(replica.id);
    CHECK(*has_genesis(secrets, cluster));
    REQUIRE_FALSE(remove_genesis(secrets));
  }
  auto refused = too_few_remember(directory, file, {});
  REQUIRE(refused);
  CHECK(contains(refused->reason, "no replica remembers what it promised"));
  CHECK(contains(refused->reason, "up --fresh"));
  mark_started(directory, 2, cluster);
  mark_started(directory, 0, cluster);
  refused = too_few_remember(directory, file, {});
  REQUIRE(refused);
  CHECK(
      contains(refused->reason, "only 2 of 4 replicas remember what they promised in this cluster, and 3 are needed"));
  mark_started(directory, 1, cluster);
  CHECK_FALSE(too_few_remember(directory, file, {}));
}

TEST_CASE("memory durability: a genesis whose data was removed gets a successor, for nobody may begin in it") {
  const TemporaryFolder folder;
  const std::string directory = folder / "c";
  auto file = create(directory);
  REQUIRE_FALSE(remove_genesis(directory + "/replica-1"));
  const auto renewed = renew_genesis_if_started(directory, file);
  REQUIRE(renewed);
  CHECK(*renewed);
  CHECK(*has_genesis(directory + "/replica-1", file.membership.cluster));
}

TEST_CASE("where fewer than a quorum remember it is said what to do") {
  const TemporaryFolder folder;
  const auto file = create(folder / "c");
  CHECK_FALSE(too_few_remember("c", file.membership, 3, {}));
  const auto two = too_few_remember("c", file.membership, 2, {});
  REQUIRE(two);
  CHECK(contains(two->reason, "only 2 of 4 replicas remember what they promised in this cluster, and 3 are needed"));
  CHECK(contains(two->reason, " recover --dir c begins a new cluster with what is left"));
  const auto none = too_few_remember("c", file.membership, 0, {});
  REQUIRE(none);
  CHECK(contains(none->reason, "no replica remembers"));
}

TEST_CASE("a mark tells of the first life only, and not of one that was ahead of its disk") {
  const TemporaryFolder folder;
  const auto file = create(folder / "c");
  const auto& cluster = file.membership.cluster;
  CHECK_FALSE(is_in_first_life(folder / "c", 0, cluster));
  mark_started(folder / "c", 0, cluster);
  CHECK(is_in_first_life(folder / "c", 0, cluster));
  CHECK_FALSE(is_in_later_life(folder / "c", 0, cluster));
  CHECK_FALSE(is_in_first_life(folder / "c", 0, ClusterId{}));
  for (const std::string more : {" ahead", " 00ff", " 00ff ahead"}) {
    std::ofstream(data_path(folder / "c", 0) + "/started") << to_hex(cluster.view()) << more << "\n";
    CHECK_FALSE(is_in_first_life(folder / "c", 0, cluster));
    CHECK(is_in_later_life(folder / "c", 0, cluster) == (more == " 00ff"));
    CHECK_FALSE(is_in_later_life(folder / "c", 0, ClusterId{}));
  }
}

TEST_CASE("one process at a time starts a folder's replicas") {
  const TemporaryFolder folder;
  {
    const auto first = FolderLock::acquire(folder / "c");
    REQUIRE(first);
    const auto second = FolderLock::acquire(folder / "c");
    REQUIRE_FALSE(second);
    CHECK(contains(second.reason(), "an `up` runs this cluster"));
    CHECK(folder_state(folder / "c") == FolderState::absent);
  }
  CHECK(FolderLock::acquire(folder / "c"));
}

TEST_CASE("a folder made for the lock goes with it, unless a cluster came into it or it was there") {
  const TemporaryFolder folder;
  {
    auto lock = FolderLock::acquire(folder / "c");
    REQUIRE(lock);
    const FolderLock moved = std::move(*lock);
    CHECK(std::filesystem::exists(folder / "c"));
  }
  CHECK_FALSE(std::filesystem::exists(folder / "c"));
  {
    const auto lock = FolderLock::acquire(folder / "c");
    create(folder / "c");
  }
  CHECK(folder_state(folder / "c") == FolderState::cluster);
  std::filesystem::create_directory(folder / "mine");
  { CHECK(FolderLock::acquire(folder / "mine")); }
  CHECK(std::filesystem::exists(folder / "mine"));
}

TEST_CASE("options that contradict an existing cluster are found, those that agree pass") {
  const TemporaryFolder folder;
  const auto file = create(folder / "c");
  InitOptions same;
  same.replicas = 4;
  same.clients = 2;
  same.admins = 1;
  same.base_port = 20'000;
  same.durability = "memory";
  same.key_algorithm = "p256";
  same.hosts = {"127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1"};
  same.services = file.services;
  CHECK_FALSE(contradiction({}, file));
  CHECK_FALSE(contradiction(same, file));
  const auto contradicts = [&](auto change) {
    InitOptions options = same;
    change(options);
    return contradiction(options, file).has_value();
  };
  CHECK(contradicts([](InitOptions& options) { options.replicas = 7; }));
  CHECK(contradicts([](InitOptions& options) { options.clients = 3; }));
  CHECK(contradicts([](InitOptions& options) { options.admins = 0; }));
  CHECK(contradicts([](InitOptions& options) { options.base_port = 20'001; }));
  CHECK(contradicts([](InitOptions& options) { options.key_algorithm = "ed25519"; }));
  CHECK(contradicts([](InitOptions& options) { options.durability = "sync"; }));
  CHECK(contradicts([](InitOptions& options) { options.hosts[2] = "10.0.0.1"; }));
  CHECK(contradicts([](InitOptions& options) { options.hosts.pop_back(); }));
  CHECK(contradicts([](InitOptions& options) { options.services = {"kv"}; }));
  CHECK(contradicts([](InitOptions& options) { options.clock_window_ms = 250; }));
  std::ofstream(folder / "groups.toml") << "[[groups]]\nname = \"g\"\nrule = \"exact\"\nvalue = \"bytes\"\n"
                                        << "members = [0]\nfaulty_max = 0\n";
  CHECK(contradicts([&](InitOptions& options) { options.groups_file = folder / "groups.toml"; }));
}
