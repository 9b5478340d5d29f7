#include "tagma/client.h"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <thread>
#include <utility>

#include "client_lib/client_loop.h"
#include "client_lib/session_id.h"
#include "messages/assert.h"
#include "tagma/limits.h"

namespace tagma {
namespace {

/// Far above what anybody waits for, and far below where microseconds added to a clock overflow.
constexpr std::chrono::hours wait_max{24 * 365};

/// The first option that makes no sense.
std::optional<Refused> check(const ClientOptions& options) {
  if (options.timeout.count() <= 0) return Refused{"the client's timeout must be at least 1 ms"};
  if (options.timeout > wait_max) return Refused{"the client's timeout must be at most one year"};
  if (options.first_retransmission.count() <= 0) {
    return Refused{"the client's first retransmission must be after at least 1 ms"};
  }
  if (options.first_retransmission > wait_max) {
    return Refused{"the client's first retransmission must be after at most one year"};
  }
  if (options.window == 0 || options.window > limits::session_window) {
    return Refused{"the client's window must be 1.." + std::to_string(limits::session_window) + ", not " +
                   std::to_string(options.window)};
  }
  if (options.queued_max == 0) return Refused{"the client's queued_max must be at least 1"};
  return std::nullopt;
}

/// The key of whom the options name. Of a client that was added later the cluster file knows nothing; then it must be
/// nobody's who stands there.
Result<crypto::Identity> load_identity(const ClientOptions& options, const Membership& membership) {
  const Principal self{options.administrator ? PrincipalKind::admin : PrincipalKind::client, options.id};
  const auto* key = membership.find_key(self);
  const std::string who = (options.administrator ? "administrator " : "client ") + std::to_string(options.id);
  const std::string nobody = options.cluster_file + ": there is no " + who + " in it; ";
  if (key == nullptr && (options.administrator || options.id > client_id_max)) {
    return Refused{nobody + "choose one of those that are"};
  }
  auto identity = crypto::Identity::load(options.identity_file);
  if (!identity) return Refused{(key == nullptr ? nobody : "") + identity.reason()};
  const auto taken = [&identity](const ClientMember& member) { return member.key == identity->public_key(); };
  if (key == nullptr && std::any_of(membership.clients.begin(), membership.clients.end(), taken)) {
    return Refused{nobody + options.identity_file + " is the key of one that is"};
  }
  if (key != nullptr && identity->public_key() != *key) {
    return Refused{options.identity_file + ": this is not the key of " + who + " in " + options.cluster_file +
                   "; use the secret that was made with that file"};
  }
  return identity;
}

/// Starts a thread that gets none of the process's signals: they are the application's.
template <typename Body>
std::thread start_quiet_thread(Body body) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread thread(std::move(body));
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return thread;
  } catch (...) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
}

}  // namespace

class Client::Implementation {
 public:
  Implementation(const ClientOptions& options, Membership membership, crypto::Identity identity)
      : timeout_us_(std::chrono::microseconds(options.timeout).count()),
        timeout_ms_(options.timeout.count()),
        mailbox_(options.queued_max),
        loop_(options, std::move(membership), std::move(identity), next_session_id(), mailbox_),
        thread_(start_quiet_thread([this] { loop_.run(); })) {}

  void stop() { mailbox_.close(); }

  ~Implementation() {
    TAGMA_ASSERT(!on_library_thread(), "a client is not destroyed by its own callback");
    mailbox_.close();
    thread_.join();
  }
  Implementation(const Implementation&) = delete;
  Implementation& operator=(const Implementation&) = delete;

  void submit(ByteView operation, CallEnd end) {
    const auto refuse = [&](std::string error) {
      CallResult result;
      result.status = CallStatus::invalid;
      result.error = std::move(error);
      deliver(end, result);
    };
    if (operation.empty()) return refuse("the operation is empty; nothing was sent");
    if (operation.size() > limits::operation_bytes_max) {
      return refuse("the operation has " + std::to_string(operation.size()) + " bytes, at most " +
                    std::to_string(limits::operation_bytes_max) + " are allowed; nothing was sent");
    }
    Submission submission{Bytes(operation), std::move(end), 0};
    const auto put = mailbox_.put(submission, on_library_thread() ? 0 : timeout_us_);
    if (put == Mailbox::Put::taken) return;
    end = std::move(submission.end);
    refuse(put == Mailbox::Put::full
               ? "the client's queue stayed full for " + std::to_string(timeout_ms_) + " ms; nothing was sent"
               : std::string("the client is closed; nothing was sent"));
  }

  void assert_may_wait() const {
    TAGMA_ASSERT(!on_library_thread(), "a callback does not wait: what it waits for comes on its own thread");
  }

  std::vector<ReplicaReport> reports(std::chrono::milliseconds timeout) {
    assert_may_wait();
    ReportRequest request;
    request.timeout_us = std::chrono::microseconds(timeout < wait_max ? timeout : wait_max).count();
    auto answer = request.end.get_future();
    if (mailbox_.put(request) != Mailbox::Put::taken) return {};
    return answer.get();
  }

 private:
  [[nodiscard]] bool on_library_thread() const { return std::this_thread::get_id() == thread_.get_id(); }

  const std::int64_t timeout_us_;
  const std::int64_t timeout_ms_;
  Mailbox mailbox_;
  ClientLoop loop_;
  std::thread thread_;
};

Client::Client(std::unique_ptr<Implementation> implementation) : implementation_(std::move(implementation)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::open(const ClientOptions& options) {
  if (auto refused = check(options)) return *refused;
  auto file = read_cluster_file(options.cluster_file);
  if (!file) return Refused{file.reason()};
  auto identity = load_identity(options, file->membership);
  if (!identity) return Refused{identity.reason()};
  try {
    return std::unique_ptr<Client>(
        new Client(std::make_unique<Implementation>(options, std::move(file->membership), std::move(*identity))));
  } catch (const std::exception& error) {
    return Refused{options.cluster_file + ": cannot connect to the replicas' client addresses: " + error.what()};
  }
}

CallResult Client::call(ByteView operation) {
  implementation_->assert_may_wait();
  return submit(operation).get();
}

std::future<CallResult> Client::submit(ByteView operation) {
  std::promise<CallResult> promise;
  auto future = promise.get_future();
  implementation_->submit(operation, std::move(promise));
  return future;
}

void Client::submit(ByteView operation, Callback callback) { implementation_->submit(operation, std::move(callback)); }

void Client::stop() { implementation_->stop(); }

std::vector<ReplicaReport> Client::reports(std::chrono::milliseconds timeout) {
  return implementation_->reports(timeout);
}

}  // namespace tagma
