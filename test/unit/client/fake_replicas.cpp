#include "test/unit/client/fake_replicas.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <deque>
#include <filesystem>
#include <future>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "crypto/authenticator.h"
#include "crypto/channel.h"
#include "crypto/identity.h"
#include "messages/cluster_file/cluster_file.h"
#include "messages/wire/codec.h"
#include "tagma/operation.h"

namespace tagma::test {
namespace {

ServiceReply answer_to(const Bytes& operation) {
  if (operation == "absent") return {ReplyStatus::absent, operation};
  if (operation == "refused") return {ReplyStatus::refused, operation};
  return {ReplyStatus::ok, "echo " + operation};
}

constexpr std::size_t channels_per_principal_max = 8;
constexpr ClientId client_id = 0;

template <typename Value>
Value must(Result<Value> result) {
  if (!result) throw std::runtime_error(result.reason());
  return std::move(*result);
}
void must(const std::optional<Refused>& refused) {
  if (refused) throw std::runtime_error(refused->reason);
}

std::string make_directory() {
  std::string path = (std::filesystem::temp_directory_path() / "tagma_client_test_XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
  return path;
}

struct FakeReplica {
  FakeReplica(ReplicaId own_id, crypto::Identity own_identity) : id(own_id), identity(std::move(own_identity)) {}

  ReplicaId id;
  crypto::Identity identity;
  std::string address;
  Behaviour behaviour = Behaviour::honest;
  std::unique_ptr<zmq::socket_t> socket;  ///< none while it is stopped
  std::unique_ptr<crypto::ChannelAcceptor> channels;
  std::map<crypto::ChannelId, std::string> routes;  ///< of channels that a valid frame came through
  std::atomic<std::uint64_t> acted{0};
};

struct Executed {
  Digest digest;
  Seq seq = 0;
  Bytes operation;
};

}  // namespace

class FakeReplicas::Implementation {
 public:
  explicit Implementation(std::uint32_t n)
      : directory_(make_directory()), wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    ClusterFile file;
    file.services = {"kv"};
    auto& membership = file.membership;
    membership.cluster.bytes.fill(42);
    membership.epoch = 1;
    membership.faults = faults_tolerated(n);
    for (ReplicaId id = 0; id < n; ++id) {
      auto& replica = replicas_.emplace_back(id, crypto::Identity::generate(KeyAlgorithm::ecdsa_p256));
      bind(replica, "tcp://127.0.0.1:*");
      // Nobody listens at the replicas' own addresses: there is no protocol between them here.
      const auto replica_address = "ipc://" + directory_ + "/replica-" + std::to_string(id);
      membership.replicas.push_back({id, 0, replica.identity.public_key(), replica_address, replica.address});
    }
    const auto client = crypto::Identity::generate(KeyAlgorithm::ecdsa_p256);
    membership.clients.push_back({client_id, client.public_key()});
    membership.clients.push_back({1, crypto::Identity::generate(KeyAlgorithm::ed25519).public_key()});
    membership_ = membership;
    identity_file_ = secret_path(directory_, {PrincipalKind::client, client_id});
    std::filesystem::create_directories(std::filesystem::path(identity_file_).parent_path());
    must(client.save(identity_file_));
    must(write_cluster_file(directory_ + "/cluster.toml", file));
    for (auto& replica : replicas_) open_channels(replica);
    thread_ = std::thread([this] { run(); });
  }

  ~Implementation() {
    command([this] { stopping_ = true; });
    thread_.join();
    ::close(wake_);
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  Implementation(const Implementation&) = delete;
  Implementation& operator=(const Implementation&) = delete;

  /// Runs a task on the replicas' thread and waits for it.
  void command(std::function<void()> task) {
    std::packaged_task<void()> packaged(std::move(task));
    auto done = packaged.get_future();
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(packaged));
    }
    const std::uint64_t one = 1;
    if (::write(wake_, &one, sizeof one) < 0) throw std::runtime_error("cannot wake the replicas");
    done.get();
  }

  FakeReplica& replica(ReplicaId id) { return replicas_.at(id); }

  void stop(FakeReplica& replica) {
    replica.socket.reset();
    replica.channels.reset();
    replica.routes.clear();
  }
  void start(FakeReplica& replica) {
    bind(replica, replica.address);
    open_channels(replica);
  }

  [[nodiscard]] ClientOptions options() const {
    ClientOptions options;
    options.cluster_file = directory_ + "/cluster.toml";
    options.identity_file = identity_file_;
    options.id = client_id;
    return options;
  }
  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] const std::vector<Bytes>& order() const { return order_; }
  [[nodiscard]] std::uint64_t bad_signatures() const { return bad_signatures_; }

 private:
  void bind(FakeReplica& replica, const std::string& address) {
    replica.socket = std::make_unique<zmq::socket_t>(context_, zmq::socket_type::router);
    replica.socket->set(zmq::sockopt::linger, 0);
    // A socket that was closed a moment ago may still hold the port.
    for (int attempt = 0;; ++attempt) {
      try {
        replica.socket->bind(address);
        break;
      } catch (const zmq::error_t&) {
        if (attempt == 1'000) throw;
        std::this_thread::yield();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
    replica.address = replica.socket->get(zmq::sockopt::last_endpoint);
  }

  void open_channels(FakeReplica& replica) {
    replica.channels = std::make_unique<crypto::ChannelAcceptor>(
        crypto::ChannelScope{membership_.cluster, membership_.epoch},
        crypto::ChannelEnd{{PrincipalKind::replica, replica.id}, 0}, replica.identity,
        [this](const Principal& principal) {
          return crypto::ChannelAcceptor::Known{membership_.find_key(principal), 0};
        },
        channels_per_principal_max);
  }

  void run() {
    while (!stopping_) {
      std::vector<zmq::pollitem_t> items{{nullptr, wake_, ZMQ_POLLIN, 0}};
      std::vector<FakeReplica*> polled;
      for (auto& replica : replicas_) {
        if (!replica.socket) continue;
        items.push_back({replica.socket->handle(), 0, ZMQ_POLLIN, 0});
        polled.push_back(&replica);
      }
      zmq::poll(items, std::chrono::milliseconds(-1));
      for (std::size_t at = 0; at < polled.size(); ++at) {
        if ((items[at + 1].revents & ZMQ_POLLIN) != 0) drain(*polled[at]);
      }
      run_tasks();
    }
    for (auto& replica : replicas_) stop(replica);
  }

  void run_tasks() {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto read = ::read(wake_, &count, sizeof count);
    std::deque<std::packaged_task<void()>> tasks;
    {
      const std::lock_guard lock(mutex_);
      tasks.swap(tasks_);
    }
    for (auto& task : tasks) task();
  }

  void drain(FakeReplica& replica) {
    zmq::message_t route;
    zmq::message_t record;
    while (replica.socket->recv(route, zmq::recv_flags::dontwait)) {
      if (!replica.socket->recv(record, zmq::recv_flags::dontwait)) return;
      on_record(replica, route.to_string(), record.to_string());
    }
  }

  static void send(FakeReplica& replica, const std::string& route, const Bytes& record) {
    if (!replica.socket->send(zmq::buffer(route), zmq::send_flags::sndmore | zmq::send_flags::dontwait)) return;
    std::ignore = replica.socket->send(zmq::buffer(record), zmq::send_flags::dontwait);
  }

  void on_record(FakeReplica& replica, const std::string& route, const Bytes& record) {
    const auto kind = crypto::record_kind(record);
    if (!kind) return;
    if (*kind == crypto::RecordKind::hello) {
      if (const auto accept = replica.channels->hello(record)) send(replica, route, *accept);
      return;
    }
    if (*kind != crypto::RecordKind::frame) return;
    const auto frame = replica.channels->open(record);
    if (!frame) {
      if (const auto reset = replica.channels->reset_for(record); !reset.empty()) send(replica, route, reset);
      return;
    }
    replica.routes[frame->channel] = route;
    for (const auto body : frame->bodies) {
      const auto message = wire::decode(body);
      if (!message) continue;
      if (const auto* submit = std::get_if<Submit>(&*message)) on_submit(replica, *submit->bundle);
      if (const auto* query = std::get_if<ReportQuery>(&*message)) on_query(replica, frame->channel, *query);
    }
  }

  void on_query(FakeReplica& replica, crypto::ChannelId channel, const ReportQuery& query) {
    if (replica.behaviour == Behaviour::silent) return;
    Report report;
    report.nonce = query.nonce;
    report.epoch = membership_.epoch;
    report.last_executed = order_.size();
    report.voting = true;
    send_on(replica, channel, report);
  }

  void on_submit(FakeReplica& replica, const SignedBundle& bundle) {
    if (!authenticator_.verify(*membership_.find_key({PrincipalKind::client, client_id}),
                               wire::bundle_statement(bundle.body), bundle.signature)) {
      ++bad_signatures_;
      return;
    }
    const auto& content = bundle.content;
    if (replica.behaviour == Behaviour::busy) {
      ++replica.acted;
      send_to_all_channels(replica, Refusal{content.session, content.first, RefusalReason::busy});
      return;
    }
    auto& session = sessions_[content.session];
    const bool is_new = content.end() > session.size() + 1;
    if (is_new) {
      waiting_[content.session][content.first] = bundle;
      execute_waiting(content.session);
    } else {
      reply(replica, content);  // again, as it was not heard
    }
  }

  /// Executes what has come in the order of the numbers, then lets the liars speak first.
  void execute_waiting(SessionId session_id) {
    auto& waiting = waiting_[session_id];
    auto& session = sessions_[session_id];
    while (!waiting.empty() && waiting.begin()->first <= session.size() + 1) {
      const Bundle content = waiting.begin()->second.content;
      waiting.erase(waiting.begin());
      for (RequestNumber number = content.first; number < content.end(); ++number) {
        if (number <= session.size()) continue;
        const auto& operation = content.operations[number - content.first];
        order_.push_back(operation);
        session.push_back({authenticator_.digest(operation), order_.size(), operation});
      }
      for (auto& replica : replicas_) {
        if (replica.behaviour != Behaviour::honest) reply(replica, content);
      }
      for (auto& replica : replicas_) {
        if (replica.behaviour == Behaviour::honest) reply(replica, content);
      }
    }
  }

  void reply(FakeReplica& replica, const Bundle& content) {
    if (!replica.socket || replica.behaviour == Behaviour::silent || replica.behaviour == Behaviour::busy) return;
    if (replica.behaviour != Behaviour::honest) ++replica.acted;
    if (replica.behaviour == Behaviour::garbage) return send_garbage(replica);
    Replies replies{membership_.epoch, 0, content.client, content.session, {}};
    for (RequestNumber number = content.first; number < content.end(); ++number) {
      const auto& executed = sessions_[content.session].at(number - 1);
      ReplyEntry entry{number, executed.digest, executed.seq, Outcome::executed,
                       encode_reply(answer_to(executed.operation))};
      if (replica.behaviour == Behaviour::lies) {
        entry.result = encode_reply({ReplyStatus::ok, "lie of " + std::to_string(replica.id)});
      } else if (replica.behaviour == Behaviour::wrong_digest) {
        entry.request_digest = authenticator_.digest("another operation");
      } else if (replica.behaviour == Behaviour::evicts) {
        entry.outcome = Outcome::session_evicted;
        entry.seq = 0;
        entry.result.clear();
      }
      replies.entries.push_back(std::move(entry));
    }
    send_to_all_channels(replica, replies);
  }

  void send_garbage(FakeReplica& replica) {
    for (const auto& [channel, route] : replica.routes) {
      send(replica, route, "");
      send(replica, route, crypto::random_bytes(500));
      const Bytes nonsense = crypto::random_bytes(100);
      const std::array bodies{crypto::Body{nonsense, authenticator_.digest(nonsense)}};
      const Bytes frame = replica.channels->seal(channel, bodies);
      if (frame.empty()) continue;
      Bytes damaged = frame;
      damaged.back() = static_cast<char>(damaged.back() ^ 1);
      send(replica, route, damaged);
      send(replica, route, frame.substr(0, frame.size() / 2));
      send(replica, route, frame);
      send(replica, route, frame);  // a replay
      const Bytes empty_body;
      const std::array empty{crypto::Body{empty_body, authenticator_.digest(empty_body)}};
      send(replica, route, replica.channels->seal(channel, empty));
      // Every other kind of record with this frame's content, and every damage of its head.
      for (std::size_t at = 0; at < 16; ++at) {
        for (const unsigned flip : {1U, 2U, 4U, 7U}) {
          Bytes record = frame;
          record[at] = static_cast<char>(static_cast<unsigned char>(record[at]) ^ flip);
          send(replica, route, record);
        }
      }
      // A message that a replica has no business to send to a client.
      send_on(replica, channel, Prepare{0, 1, {}});
    }
  }

  void send_to_all_channels(FakeReplica& replica, const Message& message) {
    std::vector<crypto::ChannelId> channels;
    for (const auto& [channel, route] : replica.routes) channels.push_back(channel);
    for (const auto channel : channels) send_on(replica, channel, message);
  }

  void send_on(FakeReplica& replica, crypto::ChannelId channel, const Message& message) {
    const Bytes bytes = wire::encode(message);
    const std::array bodies{crypto::Body{bytes, authenticator_.digest(bytes)}};
    const Bytes frame = replica.channels->seal(channel, bodies);
    if (frame.empty()) {
      replica.routes.erase(channel);
    } else {
      send(replica, replica.routes.at(channel), frame);
    }
  }

  const std::string directory_;
  const int wake_;
  Membership membership_;
  std::string identity_file_;
  zmq::context_t context_{1};
  std::deque<FakeReplica> replicas_;
  const crypto::Identity own_ = crypto::Identity::generate(KeyAlgorithm::ecdsa_p256);
  crypto::OpensslAuthenticator authenticator_{own_};

  std::mutex mutex_;
  std::deque<std::packaged_task<void()>> tasks_;
  bool stopping_ = false;  ///< this and all below belong to the replicas' thread

  std::map<SessionId, std::vector<Executed>> sessions_;  ///< number 1 is at 0
  std::map<SessionId, std::map<RequestNumber, SignedBundle>> waiting_;
  std::vector<Bytes> order_;
  std::uint64_t bad_signatures_ = 0;
  std::thread thread_;
};

FakeReplicas::FakeReplicas(std::uint32_t n) : implementation_(std::make_unique<Implementation>(n)) {}
FakeReplicas::~FakeReplicas() = default;

void FakeReplicas::behave(ReplicaId replica, Behaviour behaviour) {
  implementation_->command([&] { implementation_->replica(replica).behaviour = behaviour; });
}
void FakeReplicas::stop(ReplicaId replica) {
  implementation_->command([&] { implementation_->stop(implementation_->replica(replica)); });
}
void FakeReplicas::start(ReplicaId replica) {
  implementation_->command([&] { implementation_->start(implementation_->replica(replica)); });
}
std::uint64_t FakeReplicas::executed() const { return order().size(); }
std::vector<Bytes> FakeReplicas::order() const {
  std::vector<Bytes> order;
  implementation_->command([&] { order = implementation_->order(); });
  return order;
}
std::uint64_t FakeReplicas::acted(ReplicaId replica) const { return implementation_->replica(replica).acted; }
std::uint64_t FakeReplicas::bad_signatures() const {
  std::uint64_t count = 0;
  implementation_->command([&] { count = implementation_->bad_signatures(); });
  return count;
}
ClientOptions FakeReplicas::options() const { return implementation_->options(); }
const std::string& FakeReplicas::directory() const { return implementation_->directory(); }

}  // namespace tagma::test
