#include "replica/core/session_table.h"

#include <algorithm>

#include "messages/assert.h"
#include "messages/state_key.h"

namespace tagma {
namespace {

constexpr std::size_t number_bytes = sizeof(std::uint64_t);
constexpr std::size_t client_bytes = sizeof(ClientId);
constexpr std::size_t session_bytes = 5 * number_bytes;

Bytes encode_session(const Session& session) {
  Bytes bytes;
  bytes.reserve(session_bytes);
  append_big_endian(bytes, session.last_executed, number_bytes);
  append_big_endian(bytes, session.acknowledged, number_bytes);
  append_big_endian(bytes, session.oldest_kept, number_bytes);
  append_big_endian(bytes, session.last_seq, number_bytes);
  append_big_endian(bytes, session.reply_bytes, number_bytes);
  return bytes;
}

Session decode_session(ByteView bytes) {
  TAGMA_ASSERT(bytes.size() == session_bytes, "a session record has its own layout");
  return {.last_executed = read_big_endian(bytes.substr(0, number_bytes)),
          .acknowledged = read_big_endian(bytes.substr(number_bytes, number_bytes)),
          .oldest_kept = read_big_endian(bytes.substr(2 * number_bytes, number_bytes)),
          .last_seq = read_big_endian(bytes.substr(3 * number_bytes, number_bytes)),
          .reply_bytes = read_big_endian(bytes.substr(4 * number_bytes, number_bytes))};
}

// run := count (4), seq (8), bytes of all results (8), reply*; reply := outcome (1), digest (32), length (4), result.
constexpr std::size_t count_bytes = 4;
/// Results of one run together, the first one aside.
constexpr std::size_t run_bytes_max = 256UL * 1024;
constexpr std::size_t run_head_bytes = count_bytes + 2 * number_bytes;
constexpr std::size_t reply_head_bytes = 1 + Digest::size_bytes + count_bytes;

std::uint64_t result_bytes(const std::vector<ReplyEntry>& replies) {
  std::uint64_t bytes = 0;
  for (const auto& reply : replies) bytes += reply.result.size();
  return bytes;
}

Bytes encode_run(const std::vector<ReplyEntry>& replies) {
  Bytes bytes;
  bytes.reserve(run_head_bytes + replies.size() * reply_head_bytes + result_bytes(replies));
  append_big_endian(bytes, replies.size(), count_bytes);
  append_big_endian(bytes, replies.front().seq, number_bytes);
  append_big_endian(bytes, result_bytes(replies), number_bytes);
  for (const auto& reply : replies) {
    bytes.push_back(static_cast<char>(reply.outcome));
    bytes.append(reply.request_digest.view());
    append_big_endian(bytes, reply.result.size(), count_bytes);
    bytes.append(reply.result);
  }
  return bytes;
}

struct RunHead {
  std::uint64_t count = 0;
  Seq seq = 0;
  std::uint64_t result_bytes = 0;
};

RunHead decode_run_head(ByteView run) {
  TAGMA_ASSERT(run.size() >= run_head_bytes, "a run of replies has its own layout");
  return {.count = read_big_endian(run.substr(0, count_bytes)),
          .seq = read_big_endian(run.substr(count_bytes, number_bytes)),
          .result_bytes = read_big_endian(run.substr(count_bytes + number_bytes, number_bytes))};
}

std::vector<ReplyEntry> decode_run(RequestNumber first, ByteView run) {
  const auto head = decode_run_head(run);
  std::vector<ReplyEntry> replies;
  replies.reserve(head.count);
  std::size_t at = run_head_bytes;
  for (std::uint64_t index = 0; index < head.count; ++index) {
    TAGMA_ASSERT(run.size() - at >= reply_head_bytes, "a run of replies has its own layout");
    ReplyEntry reply;
    reply.number = first + index;
    reply.seq = head.seq;
    reply.outcome = static_cast<Outcome>(run[at]);
    const bool whole = digest_from_bytes(run.substr(at + 1, Digest::size_bytes), reply.request_digest);
    TAGMA_ASSERT(whole, "a digest has 32 bytes");
    const auto length = read_big_endian(run.substr(at + 1 + Digest::size_bytes, count_bytes));
    at += reply_head_bytes;
    reply.result = run.substr(at, length);
    at += length;
    replies.push_back(std::move(reply));
  }
  return replies;
}

}  // namespace

void append_big_endian(Bytes& bytes, std::uint64_t value, std::size_t width_bytes) {
  for (std::size_t at = width_bytes; at > 0; --at) {
    bytes.push_back(static_cast<char>((value >> (8 * (at - 1))) & 0xffU));
  }
}

std::uint64_t read_big_endian(ByteView bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = (value << 8U) | static_cast<unsigned char>(byte);
  return value;
}

namespace state_key {

Bytes service_data(ByteView service, ByteView key) {
  Bytes bytes;
  bytes.reserve(2 + service.size() + key.size());
  bytes.push_back(service_prefix);
  append_big_endian(bytes, service.size(), 1);
  bytes.append(service).append(key);
  return bytes;
}

Bytes session(ClientId client, SessionId session) {
  Bytes bytes(1, session_prefix);
  append_big_endian(bytes, client, client_bytes);
  append_big_endian(bytes, session, number_bytes);
  return bytes;
}

Bytes replies(ClientId client, SessionId session, RequestNumber first) {
  Bytes bytes;
  bytes.reserve(1 + client_bytes + 2 * number_bytes);
  bytes.push_back(reply_prefix);
  append_big_endian(bytes, client, client_bytes);
  append_big_endian(bytes, session, number_bytes);
  append_big_endian(bytes, first, number_bytes);
  return bytes;
}

Bytes evicted_floor(ClientId client) {
  Bytes bytes(1, floor_prefix);
  append_big_endian(bytes, client, client_bytes);
  return bytes;
}

Bytes agreed_time() { return Bytes(1, agreed_time_prefix); }

}  // namespace state_key

std::optional<Session> SessionTable::find(ClientId client, SessionId session) const {
  const auto bytes = state_.get(state_key::session(client, session));
  if (!bytes) return std::nullopt;
  return decode_session(*bytes);
}

SessionId SessionTable::evicted_floor(ClientId client) const {
  const auto bytes = state_.get(state_key::evicted_floor(client));
  return bytes ? read_big_endian(*bytes) : 0;
}

SessionTable::Opened SessionTable::open(ClientId client, SessionId session) {
  struct Idle {
    SessionId id = 0;
    Session record;
  };
  std::optional<Idle> idlest;
  std::size_t open_sessions = 0;
  const Bytes from = state_key::session(client, 0);
  Bytes to = state_key::session(client, ~SessionId{0});
  to.push_back('\0');
  state_.scan(from, to, [&](ByteView key, ByteView value) {
    ++open_sessions;
    const auto id = read_big_endian(key.substr(key.size() - number_bytes));
    const auto record = decode_session(value);
    if (!idlest || record.last_seq < idlest->record.last_seq) idlest = Idle{id, record};
    return true;
  });
  Opened opened;
  if (open_sessions >= sessions_per_client_max_ && idlest) {
    evict(client, idlest->id, idlest->record);
    opened.evicted = true;
  }
  store(client, session, opened.session);
  return opened;
}

void SessionTable::evict(ClientId client, SessionId session, const Session& record) {
  Session gone = record;
  acknowledge(client, session, gone, record.last_executed);
  state_.erase(state_key::session(client, session));
  const auto floor = std::max(evicted_floor(client), session);
  Bytes bytes;
  append_big_endian(bytes, floor, number_bytes);
  state_.put(state_key::evicted_floor(client), bytes);
}

void SessionTable::store(ClientId client, SessionId session, const Session& record) {
  TAGMA_ASSERT(record.acknowledged <= record.last_executed, "only executed numbers are acknowledged");
  state_.put(state_key::session(client, session), encode_session(record));
}

void SessionTable::keep_replies(ClientId client, SessionId session, Session& record,
                                const std::vector<ReplyEntry>& replies) {
  TAGMA_ASSERT(!replies.empty() && replies.back().number == record.last_executed,
               "a run ends with what was executed last");
  // A run is one value of the state, and a value must fit into a message of state transfer.
  std::vector<ReplyEntry> run;
  std::uint64_t bytes = 0;
  const auto keep = [&] {
    state_.put(state_key::replies(client, session, run.front().number), encode_run(run));
    run.clear();
    bytes = 0;
  };
  for (const auto& reply : replies) {
    if (!run.empty() && bytes + reply.result.size() > run_bytes_max) keep();
    bytes += reply.result.size();
    run.push_back(reply);
  }
  keep();
  record.reply_bytes += result_bytes(replies);
}

std::vector<ReplyEntry> SessionTable::find_replies(ClientId client, SessionId session, const Session& record,
                                                   RequestNumber first, RequestNumber end) const {
  std::vector<ReplyEntry> found;
  for (auto run_first = record.oldest_kept; run_first < end;) {
    const auto run = state_.get(state_key::replies(client, session, run_first));
    if (!run) break;
    const auto run_end = run_first + decode_run_head(*run).count;
    if (run_end > first) {
      for (auto& reply : decode_run(run_first, *run)) {
        if (reply.number >= first && reply.number < end) found.push_back(std::move(reply));
      }
    }
    run_first = run_end;
  }
  return found;
}

void SessionTable::acknowledge(ClientId client, SessionId session, Session& record, RequestNumber acknowledged) {
  record.acknowledged = std::max(record.acknowledged, std::min(acknowledged, record.last_executed));
  while (record.oldest_kept <= record.acknowledged) {
    const auto key = state_key::replies(client, session, record.oldest_kept);
    const auto run = state_.get(key);
    if (!run) break;
    const auto head = decode_run_head(*run);
    if (record.oldest_kept + head.count > record.acknowledged + 1) break;
    record.reply_bytes -= std::min(record.reply_bytes, head.result_bytes);
    record.oldest_kept += head.count;
    state_.erase(key);
  }
}

}  // namespace tagma
