#include "replica/core/session_table.h"

#include <algorithm>

#include "messages/assert.h"

namespace tagma {
namespace {

constexpr char service_prefix = '\x10';
constexpr char session_prefix = '\x20';
constexpr char reply_prefix = '\x21';
constexpr char floor_prefix = '\x22';
constexpr char agreed_time_prefix = '\x30';

constexpr std::size_t number_bytes = sizeof(std::uint64_t);
constexpr std::size_t client_bytes = sizeof(ClientId);

Bytes encode_session(const Session& session) {
  Bytes bytes;
  bytes.reserve(4 * number_bytes);
  append_big_endian(bytes, session.last_executed, number_bytes);
  append_big_endian(bytes, session.acknowledged, number_bytes);
  append_big_endian(bytes, session.last_seq, number_bytes);
  append_big_endian(bytes, session.reply_bytes, number_bytes);
  return bytes;
}

Session decode_session(ByteView bytes) {
  TAGMA_ASSERT(bytes.size() == 4 * number_bytes, "a session record has its own layout");
  return {.last_executed = read_big_endian(bytes.substr(0, number_bytes)),
          .acknowledged = read_big_endian(bytes.substr(number_bytes, number_bytes)),
          .last_seq = read_big_endian(bytes.substr(2 * number_bytes, number_bytes)),
          .reply_bytes = read_big_endian(bytes.substr(3 * number_bytes, number_bytes))};
}

Bytes encode_kept_reply(const ReplyEntry& reply) {
  Bytes bytes;
  bytes.reserve(number_bytes + 1 + Digest::size_bytes + reply.result.size());
  append_big_endian(bytes, reply.seq, number_bytes);
  bytes.push_back(static_cast<char>(reply.outcome));
  bytes.append(reply.request_digest.view());
  bytes.append(reply.result);
  return bytes;
}

ReplyEntry decode_kept_reply(RequestNumber number, ByteView bytes) {
  constexpr std::size_t head_bytes = number_bytes + 1 + Digest::size_bytes;
  TAGMA_ASSERT(bytes.size() >= head_bytes, "a kept reply has its own layout");
  ReplyEntry reply;
  reply.number = number;
  reply.seq = read_big_endian(bytes.substr(0, number_bytes));
  reply.outcome = static_cast<Outcome>(bytes[number_bytes]);
  const bool whole = digest_from_bytes(bytes.substr(number_bytes + 1, Digest::size_bytes), reply.request_digest);
  TAGMA_ASSERT(whole, "a digest has 32 bytes");
  reply.result = bytes.substr(head_bytes);
  return reply;
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

Bytes reply(ClientId client, SessionId session, RequestNumber number) {
  Bytes bytes;
  bytes.reserve(1 + client_bytes + 2 * number_bytes);
  bytes.push_back(reply_prefix);
  append_big_endian(bytes, client, client_bytes);
  append_big_endian(bytes, session, number_bytes);
  append_big_endian(bytes, number, number_bytes);
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
  for (auto number = record.acknowledged + 1; number <= record.last_executed; ++number) {
    state_.erase(state_key::reply(client, session, number));
  }
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

void SessionTable::keep_reply(ClientId client, SessionId session, Session& record, const ReplyEntry& reply) {
  state_.put(state_key::reply(client, session, reply.number), encode_kept_reply(reply));
  record.reply_bytes += reply.result.size();
}

std::optional<ReplyEntry> SessionTable::find_reply(ClientId client, SessionId session, RequestNumber number) const {
  const auto bytes = state_.get(state_key::reply(client, session, number));
  if (!bytes) return std::nullopt;
  return decode_kept_reply(number, *bytes);
}

void SessionTable::acknowledge(ClientId client, SessionId session, Session& record, RequestNumber acknowledged) {
  const auto up_to = std::min(acknowledged, record.last_executed);
  for (auto number = record.acknowledged + 1; number <= up_to; ++number) {
    const auto key = state_key::reply(client, session, number);
    if (const auto kept = find_reply(client, session, number)) {
      TAGMA_ASSERT(record.reply_bytes >= kept->result.size(), "kept replies are accounted for");
      record.reply_bytes -= std::min<std::uint64_t>(record.reply_bytes, kept->result.size());
    }
    state_.erase(key);
  }
  record.acknowledged = std::max(record.acknowledged, up_to);
}

}  // namespace tagma
