#include "replica/core/executor.h"

#include <algorithm>
#include <iterator>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "checkpoint/state_damaged.h"
#include "messages/mutant.h"

namespace tagma {
namespace {

// What stands in front of a service's key: its kind and the length of the name, then the name.
static_assert(2 + limits::service_name_bytes_max + limits::service_key_bytes_max <= limits::state_key_bytes_max);

/// A service's name as it stands if it is well formed, else in hexadecimal: it comes from a client.
std::string printable(ByteView name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
           letter == '-' || letter == '_';
  });
  return plain ? std::string(name) : to_hex(name.substr(0, 64));
}

/// One operation's sight of the state: the keys of its service only.
class ServiceContext final : public Context {
 public:
  ServiceContext(LayeredState& state, ByteView service, TimeUs agreed_time_us, ClientId client, Seq seq,
                 const VotedInput* voted)
      : state_(state), service_(service), agreed_time_us_(agreed_time_us), client_(client), seq_(seq), voted_(voted) {}

  [[nodiscard]] std::optional<Bytes> get(ByteView key) const override {
    return state_.get(state_key::service_data(service_, checked(key)));
  }

  void put(ByteView key, ByteView value) override {
    if (value.size() > limits::operation_bytes_max) {
      throw std::length_error("a value has more than " + std::to_string(limits::operation_bytes_max) + " bytes");
    }
    state_.put(state_key::service_data(service_, checked(key)), value);
  }

  bool erase(ByteView key) override { return state_.erase(state_key::service_data(service_, checked(key))); }

  void scan(ByteView from, ByteView to, const std::function<bool(ByteView key, ByteView value)>& visit) const override {
    const Bytes prefix = state_key::service_data(service_, {});
    // Without an end the scan stops at the first key behind this service's: the prefix with its last byte raised.
    Bytes end = prefix;
    if (to.empty()) {
      end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
    } else {
      end.append(to);
    }
    state_.scan(prefix + Bytes(from), end,
                [&](ByteView key, ByteView value) { return visit(key.substr(prefix.size()), value); });
  }

  [[nodiscard]] TimeUs agreed_time_us() const override { return agreed_time_us_; }
  [[nodiscard]] ClientId client() const override { return client_; }
  [[nodiscard]] const VotedInput* voted() const override { return voted_; }
  [[nodiscard]] Seq seq() const override { return seq_; }

 private:
  static ByteView checked(ByteView key) {
    if (key.empty()) throw std::length_error("a key is empty");
    if (key.size() > limits::service_key_bytes_max) {
      throw std::length_error("a key has more than " + std::to_string(limits::service_key_bytes_max) + " bytes");
    }
    return key;
  }

  LayeredState& state_;
  ByteView service_;
  TimeUs agreed_time_us_;
  ClientId client_;
  Seq seq_;
  const VotedInput* voted_;
};

}  // namespace

Executor::Executor(const CoreConfig& config, Authenticator& authenticator, const ServiceRegistry& services,
                   LayeredState& state)
    : config_(config),
      authenticator_(authenticator),
      services_(services),
      state_(state),
      sessions_(state, config.sessions_per_client_max),
      members_(state, config.checkpoint_interval, config.window),
      groups_(state, config.groups),
      administration_(state, config, groups_) {
  restart();
}

void Executor::restart() {
  const auto bytes = state_.get(state_key::agreed_time());
  agreed_time_us_ = bytes ? static_cast<TimeUs>(read_big_endian(*bytes)) : 0;
  groups_.restart();
  administration_.restart();
}

Execution Executor::execute(Seq seq, const Batch& batch, TimeUs own_wall_us) {
  Execution execution;
  if (batch.is_null()) return execution;  // leaves agreed time unchanged
  const TimeUs proposed_us = mutant(Mutant::clock_read_at_execution) ? own_wall_us : batch.proposed_time_us;
  const bool later = mutant(Mutant::agreed_time_goes_back) || proposed_us > agreed_time_us_;
  if (later) {
    agreed_time_us_ = proposed_us;
    Bytes bytes;
    append_big_endian(bytes, static_cast<std::uint64_t>(agreed_time_us_), sizeof(agreed_time_us_));
    state_.put(state_key::agreed_time(), bytes);
  }
  const auto expire = [&] {
    const TimeUs time_us = mutant(Mutant::group_time_by_own_clock) ? own_wall_us : agreed_time_us_;
    execution.expired = groups_.expire(time_us, run_voted(seq));
  };
  // What time brings about comes before what was asked for at that time.
  if (!mutant(Mutant::late_group_vote_counted)) expire();
  for (const auto& rejoin : batch.rejoins) execution.lives += members_.rejoin(rejoin.content, seq) ? 1U : 0U;
  for (const auto& bundle : batch.bundles) execute_bundle(seq, bundle.content, execution);
  if (mutant(Mutant::late_group_vote_counted)) expire();
  return execution;
}

void Executor::execute_bundle(Seq seq, const Bundle& bundle, Execution& execution) {
  if (administration_.find_key(bundle.client) == nullptr) return;
  auto& replies = execution.replies[{bundle.client, bundle.session}];
  auto session = sessions_.find(bundle.client, bundle.session);
  if (!session) {
    if (bundle.session <= sessions_.evicted_floor(bundle.client)) {
      ++execution.refused;
      for (std::size_t at = 0; at < bundle.operations.size(); ++at) {
        replies.push_back({.number = bundle.first + at,
                           .request_digest = authenticator_.digest(bundle.operations[at]),
                           .seq = 0,
                           .outcome = Outcome::session_evicted,
                           .result = {}});
      }
      return;
    }
    if (bundle.first != 1 && !mutant(Mutant::session_gap_executed)) {
      ++execution.gaps;
      return;
    }
    const auto opened = sessions_.open(bundle.client, bundle.session);
    execution.evictions += opened.evicted ? 1 : 0;
    session = opened.session;
  }
  sessions_.acknowledge(bundle.client, bundle.session, *session, bundle.acknowledged);
  std::vector<ReplyEntry> fresh;
  std::uint64_t reply_bytes = session->reply_bytes;
  for (std::size_t at = 0; at < bundle.operations.size(); ++at) {
    const RequestNumber number = bundle.first + at;
    if (number <= session->last_executed && !mutant(Mutant::duplicate_executed)) {
      ++execution.duplicates;
      continue;
    }
    if (number > session->last_executed + 1 && !mutant(Mutant::session_gap_executed)) {
      ++execution.gaps;
      break;
    }
    fresh.push_back(execute_operation(seq, bundle, number, bundle.operations[at], *session, reply_bytes));
    reply_bytes += fresh.back().result.size();
    if (fresh.back().outcome == Outcome::executed) {
      ++execution.operations;
    } else {
      ++execution.refused;
    }
  }
  if (!fresh.empty()) {
    sessions_.keep_replies(bundle.client, bundle.session, *session, fresh);
    std::move(fresh.begin(), fresh.end(), std::back_inserter(replies));
  }
  sessions_.store(bundle.client, bundle.session, *session);
}

ReplyEntry Executor::execute_operation(Seq seq, const Bundle& bundle, RequestNumber number, ByteView operation,
                                       Session& session, std::uint64_t reply_bytes) {
  ReplyEntry reply;
  reply.number = number;
  reply.request_digest = authenticator_.digest(operation);
  reply.seq = seq;
  // The number is consumed either way, so that the session can go on behind it.
  if (number > session.acknowledged + limits::session_window || reply_bytes > config_.session_reply_bytes_max) {
    reply.outcome = Outcome::outside_window;
  } else {
    reply.outcome = Outcome::executed;
    reply.result = encode_reply(run_service(seq, bundle.client, operation, nullptr));
  }
  session.last_executed = std::max(session.last_executed, number);
  session.last_seq = seq;
  return reply;
}

std::string Executor::no_such_service(ByteView name) const {
  std::string text = "no such service here: " + printable(name) + "; there are";
  for (const auto& hosted : services_.names()) text += " " + hosted;
  return text.substr(0, limits::text_bytes_max);
}

GroupTable::Run Executor::run_voted(Seq seq) {
  return [this, seq](const VotedInput& voted, ByteView operation) {
    return run_service(seq, Context::voted_client, operation, &voted);
  };
}

ServiceReply Executor::run_service(Seq seq, ClientId client, ByteView operation, const VotedInput* voted) {
  const auto parts = decode_operation(operation);
  if (!parts.ok()) return {ReplyStatus::refused, parts.reason()};
  if (voted != nullptr) {
    // A group's vote may not be a vote again, nor an administrator's.
    const bool hosted = parts->service != group_service && parts->service != admin_service;
    if (!hosted) return {ReplyStatus::refused, "a group does not vote in " + Bytes(parts->service)};
    return run_hosted(seq, client, *parts, voted);
  }
  if (const auto why = administration_.refusal(client, parts->service)) return {ReplyStatus::refused, *why};
  if (parts->service == admin_service) return administration_.execute(principal_of(client).id, parts->payload);
  if (parts->service == group_service) {
    return groups_.execute(client, parts->payload, agreed_time_us_, run_voted(seq));
  }
  return run_hosted(seq, client, *parts, voted);
}

ServiceReply Executor::run_hosted(Seq seq, ClientId client, const OperationView& parts, const VotedInput* voted) {
  Service* service = services_.find(parts.service);
  if (service == nullptr) return {ReplyStatus::refused, no_such_service(parts.service)};
  ServiceContext context(state_, service->name(), agreed_time_us_, client, seq, voted);
  std::string failure;
  state_.begin();
  try {
    auto reply = service->execute(parts.payload, context);
    if (reply.text.size() >= limits::reply_bytes_max) {
      failure = "the reply has more than " + std::to_string(limits::reply_bytes_max - 1) + " bytes";
    } else if (reply.status > ReplyStatus::refused) {
      failure = "the reply has a status that does not exist";
    } else {
      state_.commit();
      return reply;
    }
  } catch (const StateDamaged&) {
    throw;  // no property of the operation either
  } catch (const std::bad_alloc&) {
    throw;  // depends on this machine, not on the operation: stopping is safe, a reply of our own is not
  } catch (const std::exception& exception) {
    failure = exception.what();
  } catch (...) {
    failure = "the service failed";
  }
  state_.rollback();
  return {ReplyStatus::refused, failure.substr(0, limits::text_bytes_max)};
}

}  // namespace tagma
