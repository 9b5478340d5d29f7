// The library's thread: takes submissions from the callers' threads, drives the pure core, moves frames, ends calls.
// Private to client_lib.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "client_lib/client_core.h"
#include "client_lib/replica_link.h"
#include "crypto/authenticator.h"
#include "crypto/identity.h"
#include "messages/cluster_file/cluster_file.h"
#include "tagma/client.h"

namespace tagma {

/// Microseconds of the monotonic clock.
[[nodiscard]] std::int64_t monotonic_us();

/// How the caller learns of the end.
using CallEnd = std::variant<std::promise<CallResult>, Client::Callback>;

/// Tells the caller. A callback's exception stays here: it is the caller's own, and must not end the library's thread.
void deliver(CallEnd& end, const CallResult& result);

struct Submission {
  Bytes operation;
  CallEnd end;
  std::int64_t submitted_us = 0;
};

struct ReportRequest {
  std::promise<std::vector<ReplicaReport>> end;
  std::int64_t timeout_us = 0;
};

/// What callers' threads hand to the library's thread. Wakes it by an eventfd, and only while it sleeps: many
/// submissions cost few system calls. All members are safe from many threads.
class Mailbox {
 public:
  explicit Mailbox(std::size_t operations_max);
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  enum class Put : std::uint8_t { taken, full, closed };
  /// Takes a submission. Where there is no room waits for some, at most `wait_us`; 0 takes it in any case, which is for
  /// callbacks: the library's thread cannot wait for itself.
  Put put(Submission& submission, std::int64_t wait_us);
  Put put(ReportRequest& request);
  /// Refuses all that comes from now on, and wakes both sides.
  void close();

  struct Content {
    std::vector<Submission> submissions;
    std::vector<ReportRequest> requests;
    bool closed = false;
  };
  /// Everything that has come since the last call. `content` comes back cleared and filled.
  void take(Content& content);
  /// This much of what was taken is finished and makes room.
  void finished(std::size_t operations, std::size_t bytes);

  /// Announces that the library's thread goes to sleep on wake_descriptor(). False where it must not: there is work.
  [[nodiscard]] bool fall_asleep();
  void wake_up();
  [[nodiscard]] int wake_descriptor() const { return descriptor_; }

 private:
  [[nodiscard]] bool has_room() const;
  void signal(std::unique_lock<std::mutex>& lock);

  const std::size_t operations_max_;
  const int descriptor_;

  std::mutex mutex_;
  std::condition_variable room_;
  Content content_;
  std::size_t operations_ = 0;  ///< taken by put() and not finished
  std::size_t bytes_ = 0;       ///< of those
  std::size_t callers_waiting_ = 0;
  bool asleep_ = false;
};

/// Everything behind tagma::Client that belongs to its thread.
class ClientLoop {
 public:
  /// Connects in the background. Throws zmq::error_t where a socket cannot be made.
  ClientLoop(const ClientOptions& options, Membership membership, crypto::Identity identity, SessionId session,
             Mailbox& mailbox);

  /// Runs until the mailbox is closed, then ends every call that is left as unknown.
  void run();

 private:
  /// A submitted operation, from its submission until the core has completed it.
  struct Call {
    std::optional<CallEnd> end;  ///< none once the caller has been told
    std::int64_t submitted_us = 0;
    std::size_t bytes = 0;
    bool completed = false;
  };
  struct OpenReport {
    ReportRequest request;
    std::uint64_t nonce = 0;
    std::int64_t started_us = 0;
    std::int64_t resend_us = 0;
    std::vector<ReplicaReport> reports;
    std::vector<std::int64_t> sent_us;  ///< by replica
    std::size_t answers = 0;
  };

  void receive_all();
  void receive_from(ReplicaId replica);
  void take_submissions();
  void apply(ClientEffects effects);
  void on_completed(const Completed& completed);
  void on_connected(ReplicaId replica);
  void expire_calls();
  void end_call(RequestNumber number, const CallResult& result);
  [[nodiscard]] CallResult unknown(RequestNumber number, const Call& call, const std::string& why) const;
  void drop_completed();
  void post(ReplicaId to, const Message& message);
  void query(OpenReport& report, ReplicaId to);
  void on_report(ReplicaId from, const Report& report);
  void tick_reports();
  void finish_reports();
  void fail_everything();
  void sleep();
  [[nodiscard]] std::optional<std::int64_t> next_due_us() const;

  const ClientOptions options_;
  const Membership membership_;
  const crypto::Identity identity_;
  crypto::OpensslAuthenticator authenticator_;
  ClientCore core_;
  Mailbox& mailbox_;

  std::shared_ptr<zmq::context_t> context_;
  std::deque<ReplicaLink> links_;  ///< by replica
  std::vector<zmq::pollitem_t> poll_items_;

  std::int64_t now_us_ = 0;  ///< read once per step of a turn
  std::optional<std::int64_t> wake_at_us_;
  Mailbox::Content taken_;

  /// Calls calls_base_, calls_base_+1, ... by request number. Deadlines rise with the number.
  std::deque<Call> calls_;
  RequestNumber calls_base_ = 1;
  RequestNumber next_to_expire_ = 1;  ///< every call below has been told its end
  std::size_t finished_operations_ = 0;
  std::size_t finished_bytes_ = 0;

  std::vector<OpenReport> reports_;
  std::uint64_t next_nonce_;

  /// The bundle encoded last: a retransmission sends it to every replica in turn.
  std::shared_ptr<const SignedBundle> encoded_bundle_;
  SharedEncodedMessage encoded_;
  LinkInput input_;
};

}  // namespace tagma
