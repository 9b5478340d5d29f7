// run_replica() as a process of its own: exit statuses, the line that a person reads, the marks it leaves.
#include "replica/runtime/replica_process.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "checkpoint/log.h"
#include "checkpoint/posix_disk.h"
#include "replica/core/record_codec.h"
#include "replica/runtime/data_directory.h"
#include "replica/runtime/data_inspection.h"
#include "support.h"

using namespace tagma;
using namespace tagma::runtime_test;

namespace {

/// A replica in a child process; killed at the end if it still runs.
class Child {
 public:
  Child(const ReplicaOptions& options, std::string output) : output_(std::move(output)) {
    process_ = ::fork();
    REQUIRE(process_ >= 0);
    if (process_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int file = ::open(output_.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(file, STDERR_FILENO);
    ::_exit(run_replica(options, bundled_services()));
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }

  void signal(int number) const { ::kill(process_, number); }
  /// The exit status; -1 if it ended otherwise.
  int wait() {
    int status = 0;
    ::waitpid(process_, &status, 0);
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  [[nodiscard]] std::string text() const {
    std::ostringstream text;
    text << std::ifstream(output_).rdbuf();
    return text.str();
  }
  [[nodiscard]] bool says(const std::string& words) const { return text().find(words) != std::string::npos; }

 private:
  std::string output_;
  pid_t process_ = -1;
};

/// A port of this host that is in use until destruction. A plain socket: ZeroMQ's threads must not exist when a child
/// is forked.
class ListeningPort {
 public:
  ListeningPort() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(socket_, plain, length) == 0);
    REQUIRE(::listen(socket_, 1) == 0);
    REQUIRE(::getsockname(socket_, plain, &length) == 0);
    port_ = ntohs(address.sin_port);
  }
  ListeningPort(const ListeningPort&) = delete;
  ListeningPort& operator=(const ListeningPort&) = delete;
  ~ListeningPort() { ::close(socket_); }
  [[nodiscard]] std::string address() const { return "tcp://127.0.0.1:" + std::to_string(port_); }

 private:
  int socket_;
  std::uint16_t port_ = 0;
};

struct Setting {
  explicit Setting(Durability durability = Durability::memory) {
    cluster.file.durability = durability;
    file = write_cluster(folder, cluster);
  }

  Folder folder;
  TestCluster cluster = make_cluster(folder, 4, 1);
  std::string file;

  [[nodiscard]] ReplicaOptions options(ReplicaId id) const {
    ReplicaOptions made;
    made.cluster_file = file;
    made.id = id;
    made.data_directory = folder.file("data-" + std::to_string(id));
    return made;
  }
  [[nodiscard]] std::string output(ReplicaId id) const { return folder.file("log-" + std::to_string(id)); }

  /// Starts a replica and kills it.
  void start_once(ReplicaId id) const {
    Child child(options(id), folder.file("log-once"));
    CHECK(eventually([&] { return child.says("starting: cluster "); }));
    child.signal(SIGKILL);
    child.wait();
    std::filesystem::remove(folder.file("log-once"));
  }

  /// Runs a replica that must refuse its input, and returns its one line.
  [[nodiscard]] std::string refusal(const ReplicaOptions& options) const {
    Child child(options, folder.file("refusal"));
    CHECK(child.wait() == 2);
    std::string text = child.text();
    CHECK_MESSAGE(std::count(text.begin(), text.end(), '\n') == 1, text);
    return text;
  }
};

void check_contains(const std::string& text, const std::string& words) {
  CHECK_MESSAGE(text.find(words) != std::string::npos, text);
}

}  // namespace

TEST_CASE("replicas started in any order become ready, and stop at once when told") {
  const Setting setting;
  std::vector<std::unique_ptr<Child>> children;
  for (const ReplicaId id : {2U, 0U, 3U}) {
    children.push_back(std::make_unique<Child>(setting.options(id), setting.output(id)));
  }
  for (auto& child : children) {
    CHECK(eventually([&] { return child->says("ready"); }));
    CHECK(child->says("starting: cluster "));
  }
  const auto begin_us = monotonic_us();
  children[0]->signal(SIGTERM);
  children[1]->signal(SIGINT);
  CHECK(children[0]->wait() == 0);
  CHECK(children[1]->wait() == 0);
  CHECK_MESSAGE(monotonic_us() - begin_us < 2'000'000, "the goal is 200 ms; a loaded machine gets more");
  CHECK(children[0]->says("stopped after "));
  CHECK_FALSE(children[2]->says("stopped after "));
}

TEST_CASE("fewer peers than a quorum needs: started, not ready, and still stops") {
  const Setting setting;
  Child child(setting.options(1), setting.output(1));
  CHECK(eventually([&] { return child.says("starting: cluster "); }));
  child.signal(SIGTERM);
  CHECK(child.wait() == 0);
  CHECK_FALSE(child.says("ready"));
}

TEST_CASE("with durability memory a replica that returns is another life, and the next one too") {
  const Setting setting;
  setting.start_once(0);
  std::set<std::string> lives;
  for (int round = 0; round < 2; ++round) {
    Child child(setting.options(0), setting.output(static_cast<ReplicaId>(round)));
    CHECK(eventually([&] { return child.says("of this replica, without memory of what it promised before"); }));
    const std::string text = child.text();
    lives.insert(text.substr(text.find("begins as life "), 31));
    child.signal(SIGKILL);
    child.wait();
  }
  CHECK(lives.size() == 2);
}

TEST_CASE("a mark of another cluster is replaced") {
  const Setting setting;
  {
    auto data = runtime::DataDirectory::open(setting.folder.file("data-0"));
    REQUIRE(data);
    REQUIRE_FALSE(data->write_mark({}));
  }
  Child child(setting.options(0), setting.output(0));
  CHECK(eventually([&] { return child.says("starting: cluster "); }));
  child.signal(SIGTERM);
  CHECK(child.wait() == 0);
  auto data = runtime::DataDirectory::open(setting.folder.file("data-0"));
  REQUIRE(data);
  CHECK(*data->mark() == runtime::StartMark{setting.cluster.file.membership.cluster, {}, false});
}

TEST_CASE("a replica with a disk returns, and says what it found there") {
  const Setting setting(Durability::sync);
  for (const bool first : {true, false}) {
    Child child(setting.options(0), setting.output(first ? 0 : 1));
    CHECK(eventually([&] { return child.says("starting: cluster "); }));
    CHECK(child.says("durability sync"));
    CHECK(child.says("found on disk: the state after slot 0 with 0 keys") != first);
    child.signal(first ? SIGKILL : SIGTERM);
    CHECK(child.wait() == (first ? -1 : 0));
  }
}

TEST_CASE("a replica whose log is gone or damaged begins another life, once") {
  for (const bool gone : {true, false}) {
    const Setting setting(Durability::sync);
    setting.start_once(0);
    for (const auto& file : std::filesystem::directory_iterator(setting.folder.file("data-0/log"))) {
      std::filesystem::resize_file(file.path(), 100);
    }
    if (gone) std::filesystem::remove_all(setting.folder.file("data-0/log"));
    std::string life;
    for (const bool first : {true, false}) {
      Child child(setting.options(0), setting.output(first ? 0 : 1));
      const std::string line = first ? "begins as life " : "goes on as life ";
      CHECK(eventually([&] { return child.says(line); }));
      CHECK(child.says("damaged: " + setting.folder.file("data-0/log")) == first);
      if (gone) CHECK(child.says(": the log is missing") == first);
      CHECK(child.says("what this replica promised is lost") == first);
      const std::string text = child.text();
      const std::string name = text.substr(text.find(line) + line.size(), 16);
      if (first) life = name;
      CHECK(name == life);
      child.signal(SIGTERM);
      CHECK(child.wait() == 0);
    }
    CHECK(std::filesystem::exists(setting.folder.file("data-0/damaged-log")) != gone);
  }
}

TEST_CASE("a replica whose state is gone keeps its promises and fetches the state") {
  const Setting setting(Durability::sync);
  setting.start_once(0);
  std::filesystem::remove_all(setting.folder.file("data-0/state"));
  Child child(setting.options(0), setting.output(0));
  CHECK(eventually([&] { return child.says("starting: cluster "); }));
  CHECK(child.says("data-0/state: the state is missing"));
  CHECK(child.says("it is fetched from the others"));
  CHECK_FALSE(child.says("as life"));
  child.signal(SIGTERM);
  CHECK(child.wait() == 0);
}

TEST_CASE("a state that a write found damaged is set aside by the next start, once, though reading finds it whole") {
  const Setting setting(Durability::sync);
  setting.start_once(0);
  const std::string data_path = setting.folder.file("data-0");
  {
    auto data = runtime::DataDirectory::open(data_path);
    REQUIRE(data);
    REQUIRE_FALSE(data->write_damage_found("state: mdb_put: MDB_CORRUPTED"));
  }
  const auto inspected = inspect_data(data_path, [](std::uint64_t, std::uint64_t) {});
  REQUIRE(inspected);
  CHECK(inspected->damage == "a write found state: mdb_put: MDB_CORRUPTED");
  CHECK_FALSE(inspected->state);
  for (const bool first : {true, false}) {
    Child child(setting.options(0), setting.output(first ? 0 : 1));
    CHECK(eventually([&] { return child.says("starting: cluster "); }));
    CHECK(child.says("damaged: a write found state: mdb_put: MDB_CORRUPTED. Set aside as damaged-state") == first);
    CHECK_FALSE(child.says("as life"));
    child.signal(SIGTERM);
    CHECK(child.wait() == 0);
    CHECK_FALSE(std::filesystem::exists(data_path + "/damage-found"));
    CHECK(std::filesystem::exists(data_path + "/damaged-state/data.mdb"));
    CHECK_FALSE(std::filesystem::exists(data_path + "/damaged-state-2"));
  }
}

TEST_CASE("inspect says what the next start makes of a disk that is whole, and of a life that is over") {
  const Setting setting(Durability::async);
  const std::string path = setting.options(0).data_directory;
  {
    Child killed(setting.options(0), setting.folder.file("0.log"));
    REQUIRE(eventually([&] { return killed.says("starting: "); }));
  }
  const auto look = [&path] { return inspect_data(path, [](std::uint64_t, std::uint64_t) {}); };
  auto found = look();
  REQUIRE_MESSAGE(found, found.reason());
  CHECK(found->ahead_of_disk);
  CHECK_FALSE(found->damage);
  {
    const auto data = runtime::DataDirectory::open(path);
    REQUIRE(data);
    LifeNonce later;
    later.bytes.fill(7);
    REQUIRE_FALSE(data->write_mark({.cluster = found->cluster, .life = later}));
  }
  found = look();
  REQUIRE_MESSAGE(found, found.reason());
  CHECK_FALSE(found->ahead_of_disk);
  REQUIRE(found->damage);
  CHECK(found->damage->find("the log is of another life") != std::string::npos);
}

TEST_CASE("every step of setting a state aside may be the last one of the process") {
  const Setting setting(Durability::sync);
  setting.start_once(0);
  const std::string data_path = setting.folder.file("data-0");
  {
    auto data = runtime::DataDirectory::open(data_path);
    REQUIRE(data);
    REQUIRE_FALSE(data->write_damage_found("state: mdb_put: MDB_CORRUPTED"));
    REQUIRE_FALSE(data->set_aside("state"));
  }
  Child child(setting.options(0), setting.output(0));
  CHECK(eventually([&] { return child.says("starting: cluster "); }));
  child.signal(SIGTERM);
  CHECK(child.wait() == 0);
  CHECK_FALSE(std::filesystem::exists(data_path + "/damage-found"));
  CHECK_FALSE(std::filesystem::exists(data_path + "/damaged-state-2"));
}

TEST_CASE("without mark and permission a disk is that of a life without memory, whatever lies there") {
  const Setting setting(Durability::sync);
  setting.start_once(0);
  {
    PosixFolder folder(setting.folder.file("data-0/log"));
    auto opened = Log::open(folder, {.draw_tag = [] { return std::uint64_t{7}; }});
    REQUIRE(std::holds_alternative<Log::Opened>(opened));
    REQUIRE_FALSE(
        std::get<Log::Opened>(opened).log.commit({encode_record(RecordDecided{.seq = 1, .digest = {}, .batch = {}})}));
  }
  std::filesystem::remove(setting.folder.file("data-0/started"));
  Child child(setting.options(0), setting.output(0));
  CHECK(eventually([&] { return child.says("begins as life "); }));
  child.signal(SIGTERM);
  CHECK(child.wait() == 0);
  CHECK(std::filesystem::exists(setting.folder.file("data-0/damaged-log")));
}

TEST_CASE("every step of beginning another life may be the last one of the process") {
  // The mark names the new life; the log is still the old one's, or set aside, or new and empty.
  for (const int step : {0, 1, 2}) {
    CAPTURE(step);
    const Setting setting(Durability::sync);
    setting.start_once(0);
    {
      auto data = runtime::DataDirectory::open(setting.folder.file("data-0"));
      REQUIRE(data);
      ClusterId life;
      life.bytes.fill(9);
      REQUIRE_FALSE(data->write_mark({setting.cluster.file.membership.cluster, life, false}));
      if (step >= 1) REQUIRE_FALSE(data->set_aside("log"));
      if (step >= 2) std::filesystem::create_directory(setting.folder.file("data-0/log"));
    }
    Child child(setting.options(0), setting.output(0));
    CHECK(eventually([&] { return child.says("begins as life "); }));
    CHECK_FALSE(child.says("begins as life 0909"));
    child.signal(SIGTERM);
    CHECK(child.wait() == 0);
    CHECK(std::filesystem::exists(setting.folder.file("data-0/damaged-log")));
    CHECK_FALSE(std::filesystem::exists(setting.folder.file("data-0/damaged-log-2")));
  }
}

TEST_CASE("a disk that was made with other limits is refused") {
  Setting setting(Durability::sync);
  setting.start_once(0);
  setting.cluster.file.checkpoint_interval = 128;
  REQUIRE_FALSE(write_cluster_file(setting.file, setting.cluster.file));
  check_contains(setting.refusal(setting.options(0)), "was made with other limits or groups in cluster.toml");
}

TEST_CASE("a disk that was made with other groups is refused, and nothing is taken for damage") {
  Setting setting(Durability::sync);
  GroupDefinition group;
  group.name = "heat";
  group.members = {0};
  SUBCASE("added") {
    setting.start_once(0);
    setting.cluster.file.groups = {group};
  }
  SUBCASE("taken away") {
    setting.cluster.file.groups = {group};
    REQUIRE_FALSE(write_cluster_file(setting.file, setting.cluster.file));
    setting.start_once(0);
    setting.cluster.file.groups.clear();
  }
  REQUIRE_FALSE(write_cluster_file(setting.file, setting.cluster.file));
  check_contains(setting.refusal(setting.options(0)), "was made with other limits or groups in cluster.toml");
  CHECK_FALSE(std::filesystem::exists(setting.folder.file("data-0/damaged-log")));
}

TEST_CASE("the disk of another cluster or another replica is refused") {
  const Setting setting(Durability::sync);
  const Setting other(Durability::sync);
  setting.start_once(0);
  other.start_once(0);
  auto options = other.options(0);
  options.data_directory = setting.options(0).data_directory;
  check_contains(setting.refusal(options), "holds the data of another cluster; give --data another directory");
  options = setting.options(1);
  options.data_directory = setting.options(0).data_directory;
  check_contains(setting.refusal(options), "the log belongs to another replica or another cluster");
}

TEST_CASE("a port in use is named, and leaves no mark, so that the next start is a first one") {
  Setting setting;
  const ListeningPort taken;
  setting.cluster.file.membership.replicas[1].client_address = taken.address();
  REQUIRE_FALSE(write_cluster_file(setting.file, setting.cluster.file));
  const std::string text = setting.refusal(setting.options(1));
  check_contains(text, setting.file + ": replicas[1].client_address " + taken.address());
  check_contains(text, "stop the program that listens there");
  CHECK_FALSE(std::filesystem::exists(setting.folder.file("data-1/started")));
  CHECK(std::filesystem::exists(setting.folder.file("replica-1/genesis")));
}

TEST_CASE("where the mark of a start cannot be written, a later start may fare better") {
  const Setting setting(Durability::async);
  std::filesystem::create_directories(setting.options(0).data_directory + "/started.new");
  Child replica(setting.options(0), setting.folder.file("0.log"));
  CHECK(replica.wait() == 1);
  CHECK(replica.says("REFUSED: "));
  CHECK(replica.says("/started.new: cannot be written"));
}

TEST_CASE("secrets: a missing one, and one of another replica") {
  const Setting setting;
  auto options = setting.options(0);
  options.identity_file = setting.folder.file("no-such.key");
  check_contains(setting.refusal(options), "no-such.key");
  options.identity_file = secret_path(setting.folder.path(), Principal{PrincipalKind::replica, 1});
  const std::string text = setting.refusal(options);
  check_contains(text, options.identity_file);
  check_contains(text, "not the secret of replica 0");
  check_contains(text, "replicas[0].key in " + setting.file);
}

TEST_CASE("an unknown id, an unknown service, an unknown log level, a missing file") {
  Setting setting;
  check_contains(setting.refusal(setting.options(4)), "there is no replica 4; give --id a number from 0 to 3");
  auto options = setting.options(0);
  options.log_level = "loud";
  check_contains(setting.refusal(options), "--log-level: \"loud\"");
  options = setting.options(0);
  options.cluster_file = setting.folder.file("absent.toml");
  check_contains(setting.refusal(options), "absent.toml");
  setting.cluster.file.services = {"kv", "no-such-service"};
  REQUIRE_FALSE(write_cluster_file(setting.file, setting.cluster.file));
  const std::string text = setting.refusal(setting.options(0));
  check_contains(text, setting.file + ": services: \"no-such-service\"");
  check_contains(text, "kv");
}

TEST_CASE("a data directory in use by another process is refused") {
  const Setting setting;
  auto data = runtime::DataDirectory::open(setting.folder.file("data-0"));
  REQUIRE(data);
  check_contains(setting.refusal(setting.options(0)), "locked by another process");
}
