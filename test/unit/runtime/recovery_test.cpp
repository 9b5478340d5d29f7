// recover() where the state that it chose proves to be damaged after it was read.
#include "replica/runtime/recovery.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "checkpoint/lmdb_state_store.h"
#include "replica/runtime/data_directory.h"
#include "replica/runtime/hosted_services.h"
#include "replica/runtime/replica_process.h"
#include "replica/runtime/state_check.h"
#include "support.h"

using namespace tagma;
using namespace tagma::runtime_test;

namespace {

/// Zeroes the first page of LMDB's list of free pages, which a write meets and a read does not.
void damage_free_list(const std::string& state) {
  constexpr std::size_t page_bytes = 4096;
  std::fstream file(state + "/data.mdb", std::ios::binary | std::ios::in | std::ios::out);
  const auto word_at = [&file](std::size_t at) {
    std::uint64_t word = 0;
    char bytes[sizeof word];
    file.seekg(static_cast<std::streamoff>(at)).read(bytes, sizeof bytes);
    std::memcpy(&word, bytes, sizeof word);
    return word;
  };
  // The newer of two meta pages, which end with the number of their transaction.
  const std::size_t meta = word_at(144) > word_at(page_bytes + 144) ? 0 : page_bytes;
  const std::uint64_t root = word_at(meta + 80);
  REQUIRE(root > 1);
  file.seekp(static_cast<std::streamoff>(root * page_bytes)) << std::string(page_bytes, '\0');
  REQUIRE(file.good());
}

/// Stopped replicas of one cluster, each with a state and without a log.
struct Stopped {
  Folder folder;
  TestCluster cluster = make_cluster(folder, 4, 1);
  std::vector<std::string> warnings;

  Stopped() {
    cluster.file.durability = Durability::sync;
    static_cast<void>(write_cluster(folder, cluster));
  }
  [[nodiscard]] std::string data(ReplicaId id) const { return folder.file("replica-" + std::to_string(id) + "/data"); }
  [[nodiscard]] std::string aside(ReplicaId id) const {
    return data_set_aside(folder.path(), id, cluster.file.membership.cluster);
  }
  [[nodiscard]] std::string genesis(ReplicaId id) const {
    return folder.file("replica-" + std::to_string(id) + "/genesis");
  }
  /// It cannot be given the permission to begin.
  void hinder(ReplicaId id) const {
    std::filesystem::remove(genesis(id));
    std::filesystem::create_directories(genesis(id) + "/in the way");
  }
  void hinder_no_more(ReplicaId id) const { std::filesystem::remove_all(genesis(id)); }
  void give_state(ReplicaId id, Seq checkpoints) const {
    LmdbOptions options;
    options.mode = LmdbOptions::Mode::create;
    options.folder = data(id) + "/state";
    options.owner = runtime::owner_of(cluster.file, cluster.replicas[id].public_key());
    options.make_hash = runtime::make_state_hash;
    std::filesystem::create_directories(options.folder);
    auto opened = LmdbStateStore::open(options);
    auto& store = *std::get<std::unique_ptr<LmdbStateStore>>(opened);
    for (Seq seq = 1; seq <= checkpoints; ++seq) {
      const Overlay overlay{{"key " + std::to_string(seq), Bytes(100, 'v')}};
      REQUIRE(std::holds_alternative<Digest>(store.write(seq, overlay)));
    }
  }
  /// Damages those of `damaged` once the state of replica `once_read` is being read: those before it were whole.
  [[nodiscard]] Result<ClusterFile> recover_damaging(const std::vector<ReplicaId>& damaged, ReplicaId once_read) {
    bool done = false;
    const auto progress = [&](const std::string& what) {
      if (done || !what.starts_with("replica " + std::to_string(once_read) + ": verified")) return;
      done = true;
      for (const ReplicaId id : damaged) damage_free_list(data(id) + "/state");
    };
    auto recovered = recover({folder.path(), progress, [this](const std::string& what) { warnings.push_back(what); }},
                             bundled_services());
    REQUIRE(done);
    return recovered;
  }
};

}  // namespace

TEST_CASE("recover: where the chosen state is damaged, another replica's that is the same takes its place") {
  Stopped stopped;
  for (const ReplicaId id : {0U, 1U, 2U}) stopped.give_state(id, 8);
  const auto recovered = stopped.recover_damaging({0}, 2);
  REQUIRE_MESSAGE(recovered, recovered.reason());
  CHECK(recovered->genesis_slot == 9);
  REQUIRE(stopped.warnings.size() == 1);
  CHECK(stopped.warnings[0].find("the state of replica 0 cannot be gone on with") == 0);
  CHECK(stopped.warnings[0].find("MDB_CORRUPTED") != std::string::npos);
  for (const ReplicaId id : {0U, 1U, 2U, 3U}) {
    const auto checked =
        runtime::check_state(stopped.data(id) + "/state", [](std::uint64_t, std::uint64_t) { return true; });
    REQUIRE(std::holds_alternative<runtime::CheckedState>(checked));
    CHECK(std::get<runtime::CheckedState>(checked).root == recovered->genesis_root);
  }
  CHECK_FALSE(std::filesystem::exists(stopped.folder.file("recovered-state")));
}

TEST_CASE(
    "recover: where nobody else has the chosen state it fails, names all, and leaves the folders where they are") {
  Stopped stopped;
  for (const ReplicaId id : {0U, 1U}) stopped.give_state(id, 8);
  stopped.give_state(2, 4);
  const auto recovered = stopped.recover_damaging({0, 1}, 2);
  REQUIRE_FALSE(recovered);
  CHECK(stopped.warnings.size() == 2);
  for (const std::string words :
       {"replica 0", "replica 1", "MDB_CORRUPTED", "no other replica has the same state", "no folder was moved"}) {
    CHECK_MESSAGE(recovered.reason().find(words) != std::string::npos, recovered.reason());
  }
  for (const ReplicaId id : {0U, 1U, 2U}) {
    CHECK(std::filesystem::exists(stopped.data(id) + "/state/data.mdb"));
    CHECK_FALSE(std::filesystem::exists(stopped.aside(id)));
  }
  CHECK_FALSE(std::filesystem::exists(stopped.folder.file("recovered-state")));
  // What is found when the states are read is not chosen: begun with is what is left.
  const auto again =
      recover({stopped.folder.path(), [](const std::string&) {}, [](const std::string&) {}}, bundled_services());
  REQUIRE(again);
  CHECK(again->genesis_slot == 5);
}

TEST_CASE("recover: what fails once folders are moved says where they are, and may be run again") {
  Stopped stopped;
  for (const ReplicaId id : {0U, 1U}) stopped.give_state(id, 8);
  // A folder where a file has to be.
  stopped.hinder(3);
  const RecoveryOptions options{stopped.folder.path(), [](const std::string&) {}, [](const std::string&) {}};
  const auto failed = recover(options, bundled_services());
  REQUIRE_FALSE(failed);
  CHECK(failed.reason().find(std::filesystem::path(stopped.aside(0)).filename()) != std::string::npos);
  CHECK(std::filesystem::exists(stopped.aside(0) + "/state/data.mdb"));
  stopped.hinder_no_more(3);
  const auto again = recover(options, bundled_services());
  REQUIRE_MESSAGE(again, again.reason());
  CHECK(again->genesis_slot == 9);
}

TEST_CASE("recover: what a recovery of before had set aside is not taken for what this cluster has") {
  Stopped stopped;
  for (const ReplicaId id : {0U, 1U}) stopped.give_state(id, 8);
  const RecoveryOptions options{stopped.folder.path(), [](const std::string&) {}, [](const std::string&) {}};
  REQUIRE(recover(options, bundled_services()));
  // As one leaves them that ended right after it had written cluster.toml.
  for (const ReplicaId id : {0U, 1U, 2U, 3U}) {
    std::filesystem::copy(stopped.aside(id), stopped.data(id) + ".before-recovery",
                          std::filesystem::copy_options::recursive);
  }
  const auto again = recover(options, bundled_services());
  REQUIRE_MESSAGE(again, again.reason());
  CHECK(again->genesis_slot == 10);
}

TEST_CASE("recover: the empty state of replicas that have lost theirs proves nothing") {
  Stopped stopped;
  for (const ReplicaId id : {0U, 1U}) stopped.give_state(id, 0);
  stopped.give_state(2, 8);
  stopped.give_state(3, 4);
  const auto recovered =
      recover({stopped.folder.path(), [](const std::string&) {}, [](const std::string&) {}}, bundled_services());
  REQUIRE_MESSAGE(recovered, recovered.reason());
  CHECK(recovered->genesis_slot == 9);
}

TEST_CASE("recover: a state that a write found damaged is not handed to all") {
  Stopped stopped;
  for (const ReplicaId id : {0U, 1U}) stopped.give_state(id, 8);
  stopped.give_state(2, 4);
  std::ofstream(stopped.data(0) + "/damage-found") << "table leaves: a page is not what it was\n";
  const RecoveryOptions options{stopped.folder.path(), [](const std::string&) {}, [](const std::string&) {}};
  const auto plan = plan_recovery(options, bundled_services());
  REQUIRE_MESSAGE(plan, plan.reason());
  CHECK(plan->base == 8);
  CHECK(plan->base_of == 1);
  CHECK_FALSE(plan->replicas[0].state);
  CHECK(plan->replicas[0].remark.find("a page is not what it was") != std::string::npos);
}

TEST_CASE("recover: run again, it does not take what it has handed out for what was there") {
  Stopped stopped;
  stopped.give_state(2, 8);
  // Replica 3 cannot be given the permission to begin, after 0 to 2 were, of which two had nothing.
  stopped.hinder(3);
  const RecoveryOptions options{stopped.folder.path(), [](const std::string&) {}, [](const std::string&) {}};
  REQUIRE_FALSE(recover(options, bundled_services()));
  REQUIRE(std::filesystem::exists(stopped.data(1) + "/state/data.mdb"));
  stopped.hinder_no_more(3);
  const auto again = recover(options, bundled_services());
  REQUIRE_MESSAGE(again, again.reason());
  CHECK(again->genesis_slot == 9);
}

TEST_CASE("recover: no replica begins in the middle of it, and none that runs is moved") {
  Stopped stopped;
  for (const ReplicaId id : {0U, 1U}) stopped.give_state(id, 8);
  std::string begun;
  const auto begin = [&](const std::string& what) {
    if (!what.starts_with("giving the state to replica 0")) return;
    for (const ReplicaId id : {0U, 1U, 2U, 3U}) {
      if (runtime::DataDirectory::open(stopped.data(id))) begun += std::to_string(id);
    }
  };
  const RecoveryOptions options{stopped.folder.path(), begin, [](const std::string&) {}};
  {
    const auto running = runtime::DataDirectory::open(stopped.data(3));
    REQUIRE(running);
    const auto refused = recover(options, bundled_services());
    REQUIRE_FALSE(refused);
    CHECK(refused.reason().find("replica-3/data/lock: locked by another process") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(stopped.aside(0)));
  }
  REQUIRE(recover(options, bundled_services()));
  CHECK(begun.empty());
}
