// Whole replicas, four threads in one process, and a client that speaks the wire by hand.
#include <doctest/doctest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <set>
#include <thread>

#include "checkpoint/memory_state_store.h"
#include "replica/runtime/replica_loop.h"
#include "replica/service/service_catalogue.h"
#include "support.h"
#include "tagma/operation.h"

using namespace tagma;
using namespace tagma::runtime;
using namespace tagma::runtime_test;

namespace {

/// One replica's loop on a thread of its own, until destruction.
class RunningReplica {
 public:
  RunningReplica(const TestCluster& cluster, ReplicaId id)
      : log_("test", "off"),
        authenticator_(cluster.replicas[id]),
        store_([this](ByteView bytes) { return hasher_.digest(bytes); }),
        stop_(::eventfd(0, EFD_CLOEXEC)) {
    const auto catalogue = bundled_services();
    for (const auto& name : cluster.file.services) REQUIRE_FALSE(services_.add(catalogue.make(name)));
    auto transport =
        Transport::open(TransportConfig{id, cluster.file.membership, 64}, cluster.replicas[id], counters_, log_);
    REQUIRE(transport);
    transport_ = std::move(*transport);
    CoreConfig config;
    config.id = id;
    config.membership = cluster.file.membership;
    config.checkpoint_interval = 4;
    config.window = 16;
    loop_ = std::make_unique<ReplicaLoop>(config, authenticator_, services_, store_, std::vector<Record>(), storage_,
                                          *transport_, counters_, log_);
    thread_ = std::thread([this] { loop_->run(stop_); });
  }
  RunningReplica(const RunningReplica&) = delete;
  RunningReplica& operator=(const RunningReplica&) = delete;
  ~RunningReplica() {
    const std::uint64_t one = 1;
    static_cast<void>(::write(stop_, &one, sizeof one));
    thread_.join();
    ::close(stop_);
  }

 private:
  Counters counters_;
  Log log_;
  crypto::OpensslAuthenticator authenticator_;
  crypto::Hasher hasher_;
  MemoryStateStore store_;
  MemoryStorage storage_{store_};
  ServiceRegistry services_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<ReplicaLoop> loop_;
  int stop_;
  std::thread thread_;
};

struct RunningCluster {
  Folder folder;
  TestCluster cluster;
  std::vector<std::unique_ptr<RunningReplica>> replicas;
  zmq::context_t context{1};
  std::vector<std::unique_ptr<HandClient>> links;  ///< client 0's, one per replica

  explicit RunningCluster(std::uint32_t n) : cluster(make_cluster(folder, n, 2)) {}

  void start(ReplicaId id) { replicas.push_back(std::make_unique<RunningReplica>(cluster, id)); }

  [[nodiscard]] bool connect(const std::vector<ReplicaId>& ids) {
    for (const auto id : ids) links.push_back(std::make_unique<HandClient>(context, cluster, 0, id));
    return eventually([this] {
      for (auto& link : links) link->poll();
      return std::all_of(links.begin(), links.end(), [](const auto& link) { return link->established(); });
    });
  }

  /// Replicas that have answered request `number` of `session` with this reply.
  [[nodiscard]] std::size_t answers(SessionId session, RequestNumber number, const ServiceReply& reply) {
    std::size_t matching = 0;
    for (auto& link : links) {
      link->poll();
      bool found = false;
      for (const auto& message : link->received()) {
        const auto* replies = std::get_if<Replies>(&message);
        if (replies == nullptr || replies->session != session) continue;
        for (const auto& entry : replies->entries) {
          found = found || (entry.number == number && entry.result == encode_reply(reply));
        }
      }
      matching += found ? 1 : 0;
    }
    return matching;
  }
};

Bytes kv(const Words& words) { return encode_operation("kv", encode_words(words)); }

const Report* last_report(const std::vector<Message>& received) {
  const Report* found = nullptr;
  for (const auto& message : received) {
    if (const auto* report = std::get_if<Report>(&message)) found = report;
  }
  return found;
}

}  // namespace

TEST_CASE("four replicas order a client's requests, though only the primary was asked, and all answer") {
  RunningCluster running(4);
  for (const ReplicaId id : {3U, 1U, 0U, 2U}) running.start(id);
  REQUIRE(running.connect({0, 1, 2, 3}));
  // A client confirms its channels with a first frame: the backups then know where to answer.
  for (auto& link : running.links) link->send({ReportQuery{1}});
  running.links[0]->send({make_submit(running.cluster, 0, 1, 1, {kv({"put", "city", "Nicaea"})})});
  CHECK(eventually([&] {
    return running.answers(1, 1, ServiceReply{ReplyStatus::ok, "ok"}) == 4 || running.links[0]->received().size() > 100;
  }));
  running.links[0]->send({make_submit(running.cluster, 0, 1, 2, {kv({"get", "city"})})});
  CHECK(eventually([&] { return running.answers(1, 2, ServiceReply{ReplyStatus::ok, "Nicaea"}) == 4; }));
}

TEST_CASE("with one replica absent the others serve, checkpoint and report the same digest") {
  RunningCluster running(4);
  for (const ReplicaId id : {0U, 1U, 2U}) running.start(id);
  REQUIRE(running.connect({0, 1, 2}));
  for (auto& link : running.links) link->send({ReportQuery{1}});
  for (RequestNumber number = 1; number <= 20; ++number) {
    const auto key = std::to_string(number);
    running.links[0]->send({make_submit(running.cluster, 0, 5, number, {kv({"put", key, key})})});
    REQUIRE(eventually([&] { return running.answers(5, number, ServiceReply{ReplyStatus::ok, "ok"}) == 3; }));
  }
  std::set<std::pair<Seq, Digest>> digests;
  REQUIRE(eventually([&] {
    digests.clear();
    for (auto& link : running.links) {
      link->send({ReportQuery{2}});
      link->poll();
      const Report* report = last_report(link->received());
      if (report == nullptr || report->stable_checkpoint < 16) return false;
      digests.emplace(report->state_digest_seq, report->state_digest);
    }
    return digests.size() == 1;
  }));
}

TEST_CASE("a report carries the runtime's counters, and what was refused is among them") {
  RunningCluster running(4);
  for (const ReplicaId id : {0U, 1U, 2U, 3U}) running.start(id);
  REQUIRE(running.connect({0}));
  HandClient& link = *running.links[0];
  link.send_raw("garbage");
  link.send({make_submit(running.cluster, 1, 1, 1, {kv({"get", "a"})})});  // another client's bundle
  const auto counter = [&](const std::string& wanted) -> std::uint64_t {
    const Report* report = last_report(link.received());
    if (report == nullptr) return 0;
    for (const auto& [name, count] : report->counters) {
      if (name == wanted) return count;
    }
    return 0;
  };
  CHECK(eventually([&] {
    link.send({ReportQuery{7}});
    link.poll();
    return counter("message refused: bundle of another client") == 1 && counter("refused_total") >= 2 &&
           counter("frames_received") > 0 && counter("handshakes_done") == 3;
  }));
}

TEST_CASE("a client that asks about the state is refused and counted") {
  RunningCluster running(4);
  for (const ReplicaId id : {0U, 1U, 2U, 3U}) running.start(id);
  REQUIRE(running.connect({0}));
  HandClient& link = *running.links[0];
  link.send(
      {HistoryQuery{1, 1, 1}, StateNodesQuery{2, 4, {""}}, StateKeysQuery{3, 4, ""}, StateValuesQuery{4, 4, {"a"}}});
  CHECK(eventually([&] {
    link.send({ReportQuery{7}});
    link.poll();
    const Report* report = last_report(link.received());
    if (report == nullptr) return false;
    return std::count(report->counters.begin(), report->counters.end(),
                      std::pair<std::string, std::uint64_t>("message refused: not the sender's to send", 4)) == 1;
  }));
  const auto is_report = [](const Message& message) { return std::holds_alternative<Report>(message); };
  CHECK(std::all_of(link.received().begin(), link.received().end(), is_report));
}

TEST_CASE("an administrator's answers go to its own connection, and it gets nothing that is a client's") {
  RunningCluster running(4);
  const auto admin = crypto::Identity::generate(KeyAlgorithm::ecdsa_p256);
  running.cluster.file.membership.admins.push_back({0, admin.public_key()});
  for (const ReplicaId id : {0U, 1U, 2U, 3U}) running.start(id);
  HandClient link(running.context, running.cluster, Principal{PrincipalKind::admin, 0}, admin, 0);
  HandClient other(running.context, running.cluster, Principal{PrincipalKind::admin, 0}, admin, 0);
  REQUIRE(running.connect({0}));  // client 0, of the same number
  HandClient& client = *running.links[0];
  client.send({ReportQuery{1}});
  std::set<std::uint64_t> nonces;
  const auto nonce_of = [](const Message& message) {
    const auto* report = std::get_if<Report>(&message);
    return report != nullptr ? report->nonce : std::get<History>(message).nonce;
  };
  CHECK(eventually([&] {
    for (auto* each : {&link, &other}) each->poll();
    client.poll();
    if (link.established()) link.send({HistoryQuery{11, 1, 1}, ReportQuery{12}});
    if (other.established()) other.send({HistoryQuery{22, 1, 1}});
    for (const auto& message : link.received()) nonces.insert(nonce_of(message));
    for (const auto& message : other.received()) nonces.insert(1000 + nonce_of(message));
    return nonces.size() >= 3;
  }));
  CHECK(nonces == std::set<std::uint64_t>{11, 12, 1022});
  for (const auto& message : client.received()) CHECK(std::get<Report>(message).nonce == 1);
}

TEST_CASE("a lone replica serves: every slot is decided by its own votes") {
  RunningCluster running(1);
  running.start(0);
  REQUIRE(running.connect({0}));
  std::vector<Message> requests;
  for (RequestNumber number = 1; number <= 50; ++number) {
    requests.emplace_back(make_submit(running.cluster, 0, 3, number, {kv({"put", "k", std::to_string(number)})}));
  }
  running.links[0]->send(requests);
  CHECK(eventually([&] { return running.answers(3, 50, ServiceReply{ReplyStatus::ok, "ok"}) == 1; }));
}
