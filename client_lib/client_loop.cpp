#include "client_lib/client_loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "client_lib/session_id.h"
#include "messages/assert.h"
#include "messages/wire/codec.h"
#include "tagma/operation.h"

namespace tagma {
namespace {

/// Bytes of operations inside the library beyond which submit() waits, whatever their number.
constexpr std::size_t waiting_bytes_max = 64UL * 1024 * 1024;
/// Records taken from one replica before the next one's turn: one that floods does not starve the others.
constexpr int records_per_turn = 64;
constexpr std::int64_t report_resend_us = 250'000;

std::uint64_t random_number() {
  const Bytes bytes = crypto::random_bytes(sizeof(std::uint64_t));
  std::uint64_t number = 0;
  std::memcpy(&number, bytes.data(), sizeof number);
  return number;
}

Principal principal_in(const ClientOptions& options) {
  return {options.administrator ? PrincipalKind::admin : PrincipalKind::client, options.id};
}

ClientConfig core_config(const ClientOptions& options, const Membership& membership, SessionId session) {
  ClientConfig config;
  config.id = requester_of(principal_in(options));
  config.session = session;
  config.membership = membership;
  config.seed = random_number();
  config.window = options.window;
  config.first_retransmission_us = std::chrono::microseconds(options.first_retransmission).count();
  config.retransmission_max_us = std::max(config.retransmission_max_us, config.first_retransmission_us);
  return config;
}

}  // namespace

std::int64_t monotonic_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void deliver(CallEnd& end, const CallResult& result) {
  try {
    if (auto* promise = std::get_if<std::promise<CallResult>>(&end)) {
      promise->set_value(result);
    } else if (const auto& callback = std::get<Client::Callback>(end)) {
      callback(result);
    }
  } catch (...) {  // NOLINT(bugprone-empty-catch): see the declaration
  }
}

Mailbox::Mailbox(std::size_t operations_max)
    : operations_max_(operations_max), descriptor_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (descriptor_ < 0)
    throw std::runtime_error(std::string("cannot make an event descriptor: ") + std::strerror(errno));
}

Mailbox::~Mailbox() { ::close(descriptor_); }

bool Mailbox::has_room() const { return operations_ < operations_max_ && bytes_ < waiting_bytes_max; }

Mailbox::Put Mailbox::put(Submission& submission, std::int64_t wait_us) {
  std::unique_lock lock(mutex_);
  if (wait_us > 0 && !has_room() && !content_.closed) {
    ++callers_waiting_;
    const bool room =
        room_.wait_for(lock, std::chrono::microseconds(wait_us), [&] { return has_room() || content_.closed; });
    --callers_waiting_;
    if (!room) return Put::full;
  }
  if (content_.closed) return Put::closed;
  ++operations_;
  bytes_ += submission.operation.size();
  submission.submitted_us = monotonic_us();  // under the lock, so that it rises along the queue
  content_.submissions.push_back(std::move(submission));
  signal(lock);
  return Put::taken;
}

Mailbox::Put Mailbox::put(ReportRequest& request) {
  std::unique_lock lock(mutex_);
  if (content_.closed) return Put::closed;
  content_.requests.push_back(std::move(request));
  signal(lock);
  return Put::taken;
}

void Mailbox::close() {
  std::unique_lock lock(mutex_);
  content_.closed = true;
  room_.notify_all();
  signal(lock);
}

void Mailbox::signal(std::unique_lock<std::mutex>& lock) {
  const bool asleep = std::exchange(asleep_, false);
  lock.unlock();
  if (!asleep) return;
  const std::uint64_t one = 1;
  // It can only fail when the counter is at its end, and then the sleeper is being woken already.
  [[maybe_unused]] const auto written = ::write(descriptor_, &one, sizeof one);
}

void Mailbox::take(Content& content) {
  content.submissions.clear();
  content.requests.clear();
  const std::lock_guard lock(mutex_);
  content.submissions.swap(content_.submissions);
  content.requests.swap(content_.requests);
  content.closed = content_.closed;
}

void Mailbox::finished(std::size_t operations, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  TAGMA_ASSERT(operations_ >= operations && bytes_ >= bytes, "nothing is finished that was not taken");
  operations_ -= operations;
  bytes_ -= bytes;
  if (callers_waiting_ > 0) room_.notify_all();
}

bool Mailbox::fall_asleep() {
  const std::lock_guard lock(mutex_);
  if (content_.closed || !content_.submissions.empty() || !content_.requests.empty()) return false;
  asleep_ = true;
  return true;
}

void Mailbox::wake_up() {
  {
    const std::lock_guard lock(mutex_);
    // Still asleep by its own account: nobody has written to the descriptor.
    if (std::exchange(asleep_, false)) return;
  }
  std::uint64_t count = 0;
  [[maybe_unused]] const auto read = ::read(descriptor_, &count, sizeof count);
}

ClientLoop::ClientLoop(const ClientOptions& options, Membership membership, crypto::Identity identity,
                       SessionId session, Mailbox& mailbox)
    : options_(options),
      membership_(std::move(membership)),
      identity_(std::move(identity)),
      authenticator_(identity_),
      core_(core_config(options_, membership_, session), authenticator_),
      mailbox_(mailbox),
      context_(shared_context()),
      now_us_(monotonic_us()),
      next_nonce_(random_number() | 1U) {
  const crypto::ChannelEnd local{principal_in(options_), 0};
  for (const auto& replica : membership_.replicas) {
    links_.emplace_back(*context_, replica, crypto::ChannelScope{membership_.cluster, membership_.epoch}, local,
                        identity_);
  }
}

void ClientLoop::run() {
  while (true) {
    receive_all();
    take_submissions();
    if (taken_.closed) break;
    now_us_ = monotonic_us();
    if (wake_at_us_ && *wake_at_us_ <= now_us_) {
      wake_at_us_.reset();
      apply(core_.wake(now_us_));
    }
    apply(core_.flush(now_us_));
    expire_calls();
    drop_completed();
    tick_reports();
    for (auto& link : links_) {
      link.tick(now_us_);
      link.transmit(now_us_);
    }
    sleep();
  }
  fail_everything();
}

void ClientLoop::receive_all() {
  now_us_ = monotonic_us();
  for (ReplicaId replica = 0; replica < links_.size() && replica < poll_items_.size(); ++replica) {
    const auto events = poll_items_[replica].revents;
    if ((events & ZMQ_POLLOUT) != 0) links_[replica].on_writable(now_us_);
    if ((events & ZMQ_POLLIN) != 0) receive_from(replica);
  }
}

void ClientLoop::receive_from(ReplicaId replica) {
  for (int taken = 0; taken < records_per_turn; ++taken) {
    if (!links_[replica].receive(now_us_, input_)) return;
    if (input_.connected) on_connected(replica);
    for (const auto& message : input_.messages) {
      if (const auto* report = std::get_if<Report>(&message)) {
        on_report(replica, *report);
      } else {
        apply(core_.receive(now_us_, replica, message));
      }
    }
  }
}

void ClientLoop::take_submissions() {
  mailbox_.take(taken_);
  for (auto& submission : taken_.submissions) {
    Call call;
    call.end = std::move(submission.end);
    call.submitted_us = submission.submitted_us;
    call.bytes = submission.operation.size();
    const auto number = core_.submit(call.submitted_us, std::move(submission.operation));
    TAGMA_ASSERT(number == calls_base_ + calls_.size(), "the core counts without gaps");
    calls_.push_back(std::move(call));
  }
  for (auto& request : taken_.requests) {
    OpenReport report;
    report.request = std::move(request);
    report.nonce = next_nonce_++;
    report.started_us = now_us_;
    report.resend_us = now_us_ + report_resend_us;
    report.reports.resize(links_.size());
    report.sent_us.assign(links_.size(), now_us_);
    for (ReplicaId replica = 0; replica < links_.size(); ++replica) {
      report.reports[replica].id = replica;
      query(report, replica);
    }
    reports_.push_back(std::move(report));
  }
}

void ClientLoop::apply(ClientEffects effects) {
  for (auto& effect : effects) {
    if (auto* send = std::get_if<ClientSend>(&effect)) {
      post(send->to, send->message);
    } else if (const auto* completed = std::get_if<Completed>(&effect)) {
      on_completed(*completed);
    } else {
      wake_at_us_ = std::get<ClientWakeAt>(effect).at_us;
    }
  }
}

void ClientLoop::post(ReplicaId to, const Message& message) {
  // Without a channel it would only be dropped: not even encoded. on_connected() sends what still matters.
  if (!links_[to].established()) return;
  const auto* submit = std::get_if<Submit>(&message);
  if (submit == nullptr || submit->bundle != encoded_bundle_) {
    auto encoded = std::make_shared<EncodedMessage>();
    encoded->bytes = wire::encode(message);
    encoded->digest = authenticator_.digest(encoded->bytes);
    encoded_ = std::move(encoded);
    encoded_bundle_ = submit == nullptr ? nullptr : submit->bundle;
  }
  links_[to].post(encoded_);
}

void ClientLoop::on_completed(const Completed& completed) {
  const Call& call = calls_[completed.number - calls_base_];
  CallResult result;
  result.seq = completed.seq;
  result.view = completed.view;
  result.matching = completed.matching;
  result.latency_us = now_us_ - call.submitted_us;
  switch (completed.outcome) {
    case Outcome::executed:
      if (auto reply = decode_reply(completed.result)) {
        result.status = CallStatus::ok;
        result.reply = std::move(*reply);
      } else {
        result.error = "the replicas agreed on a reply that this client cannot read: " + reply.reason();
      }
      break;
    case Outcome::session_evicted:
      result.status = CallStatus::evicted;
      result.error =
          "the session was evicted: client " + std::to_string(options_.id) +
          " has opened too many sessions since, or this machine's clock was set back; whether the operation was "
          "executed is unknown; open a new client";
      break;
    case Outcome::outside_window:
      result.status = CallStatus::invalid;
      result.error =
          "not executed: the session's unacknowledged replies are too many or too large; use a smaller window";
      break;
  }
  calls_[completed.number - calls_base_].completed = true;
  ++finished_operations_;
  finished_bytes_ += call.bytes;
  end_call(completed.number, result);
}

void ClientLoop::on_connected(ReplicaId replica) {
  // The replica learns where to reply to from the first frame, and its answer shows that the channel works.
  post(replica, ReportQuery{next_nonce_++});
  for (auto& report : reports_) {
    if (!report.reports[replica].answered) query(report, replica);
  }
  apply(core_.connected(replica));
}

void ClientLoop::expire_calls() {
  const std::int64_t timeout_us = std::chrono::microseconds(options_.timeout).count();
  next_to_expire_ = std::max(next_to_expire_, calls_base_);
  while (next_to_expire_ - calls_base_ < calls_.size()) {
    Call& call = calls_[next_to_expire_ - calls_base_];
    if (call.end) {
      if (now_us_ - call.submitted_us < timeout_us) return;
      const std::string why = "no " + std::to_string(membership_.weak_quorum()) + " matching replies in " +
                              std::to_string(options_.timeout.count()) + " ms";
      end_call(next_to_expire_, unknown(next_to_expire_, call, why));
    }
    ++next_to_expire_;
  }
}

CallResult ClientLoop::unknown(RequestNumber number, const Call& call, const std::string& why) const {
  CallResult result;
  result.matching = core_.best_match(number);
  result.latency_us = now_us_ - call.submitted_us;
  result.error = why + ": outcome unknown (best agreement " + std::to_string(result.matching) + " of " +
                 std::to_string(membership_.n()) + " replicas";
  if (const auto refusal = core_.last_refusal()) result.error += "; last refusal: " + std::string(to_string(*refusal));
  result.error += ")";
  return result;
}

void ClientLoop::end_call(RequestNumber number, const CallResult& result) {
  auto& end = calls_[number - calls_base_].end;
  if (!end) return;
  CallEnd told = std::move(*end);
  end.reset();
  deliver(told, result);
}

void ClientLoop::drop_completed() {
  while (!calls_.empty() && calls_.front().completed) {
    calls_.pop_front();
    ++calls_base_;
  }
  if (finished_operations_ == 0) return;
  mailbox_.finished(std::exchange(finished_operations_, 0), std::exchange(finished_bytes_, 0));
}

void ClientLoop::query(OpenReport& report, ReplicaId to) {
  report.sent_us[to] = now_us_;
  post(to, ReportQuery{report.nonce});
}

void ClientLoop::on_report(ReplicaId from, const Report& report) {
  for (auto& open : reports_) {
    if (open.nonce != report.nonce || open.reports[from].answered) continue;
    auto& entry = open.reports[from];
    entry.answered = true;
    entry.report = report;
    entry.round_trip_us = now_us_ - open.sent_us[from];
    ++open.answers;
  }
}

void ClientLoop::tick_reports() {
  for (auto& open : reports_) {
    if (now_us_ < open.resend_us) continue;
    open.resend_us = now_us_ + report_resend_us;
    for (ReplicaId replica = 0; replica < links_.size(); ++replica) {
      if (!open.reports[replica].answered) query(open, replica);
    }
  }
  finish_reports();
}

void ClientLoop::finish_reports() {
  std::erase_if(reports_, [&](OpenReport& open) {
    const bool finished = open.answers == links_.size() || now_us_ - open.started_us >= open.request.timeout_us;
    if (finished) open.request.end.set_value(std::move(open.reports));
    return finished;
  });
}

void ClientLoop::fail_everything() {
  now_us_ = monotonic_us();
  for (RequestNumber number = calls_base_; number - calls_base_ < calls_.size(); ++number) {
    Call& call = calls_[number - calls_base_];
    if (call.end) end_call(number, unknown(number, call, "the client was closed"));
  }
  for (auto& open : reports_) open.request.end.set_value(std::move(open.reports));
  reports_.clear();
}

std::optional<std::int64_t> ClientLoop::next_due_us() const {
  std::optional<std::int64_t> due = wake_at_us_;
  const auto consider = [&](std::int64_t at_us) { due = std::min(due.value_or(at_us), at_us); };
  for (RequestNumber number = std::max(next_to_expire_, calls_base_); number - calls_base_ < calls_.size(); ++number) {
    const Call& call = calls_[number - calls_base_];
    if (!call.end) continue;
    consider(call.submitted_us + std::chrono::microseconds(options_.timeout).count());
    break;
  }
  for (const auto& open : reports_) {
    consider(std::min(open.resend_us, open.started_us + open.request.timeout_us));
  }
  for (const auto& link : links_) {
    if (const auto at_us = link.due_us()) consider(*at_us);
  }
  return due;
}

void ClientLoop::sleep() {
  constexpr std::int64_t sleep_max_ms = 60'000;
  poll_items_.clear();
  for (auto& link : links_) poll_items_.push_back(link.poll_item());
  poll_items_.push_back({nullptr, mailbox_.wake_descriptor(), ZMQ_POLLIN, 0});
  std::int64_t wait_ms = sleep_max_ms;
  if (const auto due = next_due_us()) {
    wait_ms = std::clamp<std::int64_t>((*due - monotonic_us() + 999) / 1000, 0, sleep_max_ms);
  }
  if (!mailbox_.fall_asleep()) wait_ms = 0;
  try {
    zmq::poll(poll_items_, std::chrono::milliseconds(wait_ms));
  } catch (const zmq::error_t& error) {
    // A signal that the application handles on this thread is no reason to stop.
    if (error.num() != EINTR) throw;
    for (auto& item : poll_items_) item.revents = 0;
  }
  mailbox_.wake_up();
}

}  // namespace tagma
