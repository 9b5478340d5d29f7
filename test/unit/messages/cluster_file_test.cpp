#include "messages/cluster_file/cluster_file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "test/fakes/temporary_folder.h"
#include "test/unit/messages/samples.h"

namespace tagma {
namespace {

namespace fs = std::filesystem;

using Folder = test::TemporaryFolder;

PublicKey p256(char tag) { return {KeyAlgorithm::ecdsa_p256, '\x02' + Bytes(32, tag)}; }
PublicKey ed25519(char tag) { return {KeyAlgorithm::ed25519, Bytes(32, tag)}; }

ClusterFile sample() {
  ClusterFile file;
  auto& membership = file.membership;
  membership.cluster = samples::digest(1);
  membership.epoch = 3;
  membership.faults = 1;
  for (ReplicaId id = 0; id < 4; ++id) {
    const auto port = std::to_string(7000 + 2 * id);
    membership.replicas.push_back({id, id + 1, p256(static_cast<char>('a' + id)),
                                   "tcp://host-" + std::to_string(id) + ":" + port,
                                   "ipc:///run/tagma/client " + port + ".sock"});
  }
  membership.clients = {{0, p256('k')}, {7, ed25519('l')}};
  membership.admins = {{2, p256('m')}};
  file.services = {"kv", "memory"};
  file.durability = Durability::async;
  file.checkpoint_interval = 64;
  file.genesis_slot = 1'283;
  file.genesis_root.bytes.fill(0xa7);
  file.window = 256;
  file.sessions_per_client_max = 5;
  return file;
}

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_text(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  REQUIRE(file.good());
}

void check_same(const ClusterFile& left, const ClusterFile& right) {
  const auto& one = left.membership;
  const auto& other = right.membership;
  CHECK(one.cluster == other.cluster);
  CHECK(one.epoch == other.epoch);
  CHECK(one.faults == other.faults);
  REQUIRE(one.replicas.size() == other.replicas.size());
  for (std::size_t at = 0; at < one.replicas.size(); ++at) {
    CHECK(one.replicas[at].id == other.replicas[at].id);
    CHECK(one.replicas[at].incarnation == other.replicas[at].incarnation);
    CHECK(one.replicas[at].key == other.replicas[at].key);
    CHECK(one.replicas[at].replica_address == other.replicas[at].replica_address);
    CHECK(one.replicas[at].client_address == other.replicas[at].client_address);
  }
  REQUIRE(one.clients.size() == other.clients.size());
  for (std::size_t at = 0; at < one.clients.size(); ++at) {
    CHECK(one.clients[at].id == other.clients[at].id);
    CHECK(one.clients[at].key == other.clients[at].key);
  }
  REQUIRE(one.admins.size() == other.admins.size());
  for (std::size_t at = 0; at < one.admins.size(); ++at) {
    CHECK(one.admins[at].id == other.admins[at].id);
    CHECK(one.admins[at].key == other.admins[at].key);
  }
  CHECK(left.services == right.services);
  CHECK(left.durability == right.durability);
  CHECK(left.checkpoint_interval == right.checkpoint_interval);
  CHECK(left.genesis_slot == right.genesis_slot);
  CHECK(left.genesis_root == right.genesis_root);
  CHECK(left.window == right.window);
  CHECK(left.sessions_per_client_max == right.sessions_per_client_max);
}

/// One line that begins with the file's path and has these words.
void check_line(const std::string& reason, const std::string& path, const std::string& words) {
  CAPTURE(reason);
  CAPTURE(words);
  CHECK(reason.starts_with(path + ": "));
  CHECK(reason.find('\n') == std::string::npos);
  CHECK(reason.find(words) != std::string::npos);
  CHECK(reason.find("; ") != std::string::npos);  // the mend
}

TEST_CASE("a cluster file survives a round trip") {
  const Folder folder;
  const auto path = folder.file("cluster.toml");
  REQUIRE_FALSE(write_cluster_file(path, sample()));
  const auto read = read_cluster_file(path);
  REQUIRE_MESSAGE(read.ok(), read.reason());
  check_same(*read, sample());

  const auto text = contents(path);
  CHECK(text.starts_with("# The public description of one tagma cluster"));
  CHECK(text.find("All replicas of the cluster must have exactly this file") != std::string::npos);
  struct stat information {};
  REQUIRE(::stat(path.c_str(), &information) == 0);
  CHECK((information.st_mode & 0777U) == 0644U);
  // Nothing else stays in the folder, and writing it again replaces it.
  auto other = sample();
  other.durability = Durability::memory;
  REQUIRE_FALSE(write_cluster_file(path, other));
  CHECK(read_cluster_file(path)->durability == Durability::memory);
  CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("limits may be left out") {
  const Folder folder;
  const auto path = folder.file("cluster.toml");
  REQUIRE_FALSE(write_cluster_file(path, sample()));
  auto text = contents(path);
  const auto from = text.find("[limits]");
  text.erase(from, text.find("[[replicas]]") - from);
  write_text(path, text);
  const auto read = read_cluster_file(path);
  REQUIRE_MESSAGE(read.ok(), read.reason());
  const ClusterFile defaults;
  CHECK(read->checkpoint_interval == defaults.checkpoint_interval);
  CHECK(read->window == defaults.window);
  CHECK(read->sessions_per_client_max == defaults.sessions_per_client_max);
}

struct Damage {
  std::string from, to, words;
};

/// A whole file with one text replaced by another is refused in these words.
void check_damages(const std::vector<Damage>& table) {
  const Folder folder;
  const auto path = folder.file("cluster.toml");
  REQUIRE_FALSE(write_cluster_file(path, sample()));
  const auto whole = contents(path);
  for (const auto& damage : table) {
    const auto& from = damage.from;
    CAPTURE(from);
    auto text = whole;
    // Replica 1 is meant where all replicas have the text.
    const auto start = from.starts_with("id = 1") ? text.find("[[replicas]]\nid = 1") : 0;
    const auto at = text.find(from, start);
    REQUIRE(at != std::string::npos);
    text.replace(at, from.size(), damage.to);
    write_text(path, text);
    const auto read = read_cluster_file(path);
    REQUIRE_FALSE(read.ok());
    check_line(read.reason(), path, damage.words);
  }
}

TEST_CASE("damaged files are refused in one line that names file, field and mend") {
  const std::vector<Damage> table{
      {"format = 1", "format = 2", "format: not a version that this program reads; it reads format = 1"},
      {"format = 1", "format = ", "line 3, column"},
      {"faults = 1", "faults = 1\nfaults = 1", "not TOML"},
      {"faults = 1", "", "faults: missing; add it"},
      {"faults = 1", "fault = 1", "fault: no such key; did you mean \"faults\"?"},
      {"faults = 1", "faults = \"1\"", "faults: not a number from 0 to 64"},
      {"faults = 1", "faults = -1", "faults: not a number from 0 to 64"},
      {"faults = 1", "faults = 2", "4 replicas cannot tolerate 2 faults: n >= 3f+1 is needed"},
      {"epoch = 3", "epoch = 3.5", "epoch: not a number"},
      {"cluster = \"01", "cluster = \"0g", "cluster: not 64 hexadecimal digits"},
      {"cluster = \"01", "cluster = \"", "cluster: not 64 hexadecimal digits"},
      {"cluster = \"", "clutser = \"", "clutser: no such key; did you mean \"cluster\"?"},
      {"durability = \"async\"", "durability = \"fast\"",
       "durability: not a durability; write \"sync\", \"async\" or \"memory\""},
      {"durability = \"async\"", "durability = 1", "durability: not a text; put it in quotation marks"},
      {"[\"kv\", \"memory\"]", "[]", "services: there is none; name at least one"},
      {"[\"kv\", \"memory\"]", "[\"kv\", \"kv\"]", "services[1]: the service stands twice"},
      {"[\"kv\", \"memory\"]", "[\"K V\"]", "services[0]: not a service's name; use"},
      {"[\"kv\", \"memory\"]", "[\"\"]", "services[0]: not a service's name; use"},
      {"[\"kv\", \"memory\"]", "[1]", "services: not a list of names"},
      {"[\"kv\", \"memory\"]", "\"kv\"", "services: not a list of names"},
      {"services = ", "service = ", "service: no such key; did you mean \"services\"?"},
      {"checkpoint_interval = 64", "checkpoint_interval = 0", "limits.checkpoint_interval: is 0; it is at least 1"},
      {"checkpoint_interval = 64", "checkpoint_interval = 129",
       "limits.window: is less than twice limits.checkpoint_interval"},
      {"checkpoint_interval = 64", "checkpoint_interval = 9223372036854775807",
       "limits.window: is less than twice limits.checkpoint_interval"},
      {"checkpoint_interval = 64", "checkpoint_intervall = 64",
       "limits.checkpoint_intervall: no such key; did you mean \"checkpoint_interval\"?"},
      {"window = 256", "window = 513", "limits.window: is above 512"},
      {"window = 256", "window = true", "limits.window: not a number"},
      {"sessions_per_client_max = 5", "sessions_per_client_max = 0", "limits.sessions_per_client_max: is 0"},
      {"sessions_per_client_max = 5", "sessions_per_client_max = 65537", "limits.sessions_per_client_max: is above"},
      {"id = 1\n", "id = 2\n", "replica ids are not 0..3 in order"},
      {"id = 1\n", "", "replicas[1].id: missing; add it"},
      {"id = 1\n", "id = 4294967296\n", "replicas[1].id: not a number from 0 to 4294967295"},
      {"id = 1\n", "id = 1\nadress = \"x\"\n", "replicas[1].adress: no such key; did you mean"},
      {"incarnation = 2", "incarnation = -2", "replicas[1].incarnation: not a number"},
      {"key = \"p256:02626262", "key = \"p255:02626262", "replicas[1].key: not a public key; write"},
      {"key = \"p256:02626262", "key = \"p256:04626262", "replicas[1].key: not a public key; write"},
      {"key = \"p256:02626262", "key = \"p256:0262626", "replicas[1].key: not a public key; write"},
      {"key = \"p256:02626262", "key = \"p256:02626262z", "replicas[1].key: not a public key; write"},
      {"key = \"p256:02626262", "key = \"ed25519:02626262", "replicas[1].key: not a public key; write"},
      {"key = \"p256:02626262", "key = \"02626262", "replicas[1].key: not a public key; write"},
      {"key = \"ed25519:6c", "key = \"ed25519:", "clients[1].key: not a public key; write"},
      {"key = \"p256:026d", "keys = \"p256:026d", "admins[0].keys: no such key; did you mean \"key\"?"},
      {"tcp://host-1:7002", "tcp://host-0:7000",
       "replicas[1].replica_address: the same address as replicas[0].replica_address"},
      {"tcp://host-1:7002", "tcp://host-1", "replicas[1].replica_address: the address has no port"},
      {"tcp://host-1:7002", "tcp://:7002", "replicas[1].replica_address: the address has no valid host"},
      {"tcp://host-1:7002", "tcp://*:7002", "replicas[1].replica_address: the address has no valid host"},
      {"tcp://host-1:7002", "tcp://a b:7002", "replicas[1].replica_address: the address has no valid host"},
      {"tcp://host-1:7002", "tcp://host-1:0", "replicas[1].replica_address: the port is not a number from 1 to 65535"},
      {"tcp://host-1:7002", "tcp://host-1:65536", "replicas[1].replica_address: the port is not a number"},
      {"tcp://host-1:7002", "tcp://host-1:70x2", "replicas[1].replica_address: the port is not a number"},
      {"tcp://host-1:7002", "tcp://host-1:", "replicas[1].replica_address: the port is not a number"},
      {"tcp://host-1:7002", "udp://host-1:7002",
       "replicas[1].replica_address: the address begins with neither tcp:// nor ipc://; write"},
      {"ipc:///run/tagma/client 7002.sock", "ipc://", "replicas[1].client_address: the address has no path"},
      {"ipc:///run/tagma/client 7002.sock", "ipc:///run/\\u0007", "the path has a control character"},
      {"ipc:///run/tagma/client 7002.sock", "ipc:///" + std::string(107, 'p'), "has more than 107 bytes"},
      {"id = 7\nkey = \"ed25519:" + to_hex(Bytes(32, 'l')), "id = 7\nkey = \"p256:" + to_hex(p256('a').bytes),
       "clients[1].key: the same key as replicas[0].key"},
      {"id = 7\nkey", "id = 0\nkey", "a client id stands twice or out of order"},
      {"[[clients]]\nid = 7", "[clients]\nid = 7", "not TOML"},
      {"[[admins]]", "[admins]", "admins: not a list of tables; write [[admins]]"},
      {"[[admins]]", "[[admin]]", "admin: no such key; did you mean \"admins\"?"},
      {"[limits]", "[limit]", "limit: no such key; did you mean \"limits\"?"},
      {"[limits]\n", "limits = 3\n[limitz]\n", "limitz: no such key; did you mean \"limits\"?"},
  };
  check_damages(table);
}

TEST_CASE("the state that a cluster begins with is named whole or not at all") {
  check_damages({
      {"genesis_slot = 1283", "genesis_slot = 0", "genesis_root: not 64 hexadecimal digits beside a genesis_slot"},
      {"genesis_slot = 1283\n", "", "genesis_slot: missing"},
      {"genesis_root = \"a7", "genesis_root = \"zz", "genesis_root: not 64 hexadecimal digits"},
  });
}

TEST_CASE("files that are none are refused") {
  const Folder folder;
  const auto path = folder.file("cluster.toml");
  check_line(read_cluster_file(path).reason(), path, "No such file or directory");
  check_line(read_cluster_file(path).reason(), path, "`tagma init`");
  check_line(read_cluster_file(folder.path()).reason(), folder.path(), "is not a file");
  const auto pipe = folder.file("pipe");
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  check_line(read_cluster_file(pipe).reason(), pipe, "is not a file");
  write_text(path, "");
  check_line(read_cluster_file(path).reason(), path, "format: missing; add it");
  write_text(path, std::string(4UL * 1024 * 1024 + 1, '#'));
  check_line(read_cluster_file(path).reason(), path, "has more than 4 MiB");
  write_text(path, std::string("\xff\xfe\0\n", 4));
  check_line(read_cluster_file(path).reason(), path, "not TOML");
  write_text(path, "x = " + std::string(100'000, '['));
  check_line(read_cluster_file(path).reason(), path, "not TOML");
  std::string parts;
  for (int part = 0; part < 100'000; ++part) parts += "a.";
  write_text(path, "format = 1\n[" + parts + "b]");
  check_line(read_cluster_file(path).reason(), path, "line 2: has more than 256 dots");
  write_text(path, parts + "b = 1");
  check_line(read_cluster_file(path).reason(), path, "line 1: has more than 256 dots");
  write_text(path, "\"" + std::string(100'000, 'x') + "\\n\" = 1");
  CHECK_FALSE(read_cluster_file(path).ok());
  CHECK(read_cluster_file(path).reason().find('\n') == std::string::npos);
}

TEST_CASE("every cut of a file is refused or reads as a smaller cluster file") {
  const Folder folder;
  const auto path = folder.file("cluster.toml");
  REQUIRE_FALSE(write_cluster_file(path, sample()));
  const auto whole = contents(path);
  const auto replicas_end = whole.find("[[clients]]");
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    write_text(path, whole.substr(0, size));
    const auto read = read_cluster_file(path);
    if (size < replicas_end - 4) CHECK_FALSE(read.ok());
    if (!read) CHECK(read.reason().find('\n') == std::string::npos);
  }
}

TEST_CASE("what could not be read again is not written") {
  const Folder folder;
  const auto path = folder.file("cluster.toml");
  const auto check_refused = [&](const std::function<void(ClusterFile&)>& change, const std::string& words) {
    auto file = sample();
    change(file);
    const auto refused = write_cluster_file(path, file);
    REQUIRE(refused);
    check_line(refused->reason, path, words);
    CHECK(fs::is_empty(folder.path()));
  };
  check_refused([](ClusterFile& f) { f.membership.faults = 2; }, "4 replicas cannot tolerate 2 faults");
  check_refused([](ClusterFile& f) { f.membership.epoch = ~Epoch{0}; }, "epoch: is above");
  check_refused([](ClusterFile& f) { f.membership.replicas[3].incarnation = ~Incarnation{0}; },
                "replicas[3].incarnation: is above");
  check_refused([](ClusterFile& f) { f.membership.replicas[3].key.bytes.pop_back(); },
                "replicas[3].key: not a public key");
  check_refused([](ClusterFile& f) { f.membership.admins[0].key = f.membership.clients[0].key; },
                "admins[0].key: the same key as clients[0].key");
  check_refused([](ClusterFile& f) { f.membership.replicas[0].client_address = "ipc:///\"quote"; },
                "the path has a control character, a quotation mark or a backslash");
  check_refused([](ClusterFile& f) { f.membership.replicas[0].client_address = "ipc:///\xff"; }, "not TOML");
  check_refused([](ClusterFile& f) { f.services = {"k\"v"}; }, "services[0]: not a service's name");
  check_refused([](ClusterFile& f) { f.window = 0; }, "limits.window: is less than twice");

  const auto nowhere = folder.file("no/such/folder/cluster.toml");
  const auto refused = write_cluster_file(nowhere, sample());
  REQUIRE(refused);
  check_line(refused->reason, nowhere, "cannot be written (No such file or directory)");
}

TEST_CASE("secrets lie beside the file, one folder per principal") {
  CHECK(secret_path("dir", {PrincipalKind::replica, 2}) == "dir/replica-2/identity.key");
  CHECK(secret_path("dir/", {PrincipalKind::client, 7}) == "dir/client-7/identity.key");
  CHECK(secret_path("/a/b", {PrincipalKind::admin, 0}) == "/a/b/admin-0/identity.key");
}

TEST_CASE("durabilities have names") {
  for (const auto durability : {Durability::sync, Durability::async, Durability::memory}) {
    const auto again = durability_from(to_string(durability));
    REQUIRE(again.ok());
    CHECK(*again == durability);
  }
  for (const auto* wrong : {"", "Sync", "syncs", "unknown"}) CHECK_FALSE(durability_from(wrong).ok());
}

}  // namespace
}  // namespace tagma
