#include "test/sim/observer_service.h"

#include <stdexcept>
#include <utility>

#include "test/sim/fake_authenticator.h"

namespace tagma::sim {
namespace {

constexpr std::size_t tag_bytes = 24;
constexpr std::uint64_t hash_seed = 17;

void append(Bytes& bytes, std::uint64_t value) {
  for (unsigned byte = 0; byte < 8; ++byte) bytes.push_back(static_cast<char>(value >> (8 * byte)));
}

std::uint64_t read(ByteView bytes) {
  std::uint64_t value = 0;
  for (unsigned byte = 0; byte < 8; ++byte) {
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[byte])) << (8 * byte);
  }
  return value;
}

}  // namespace

Bytes tagged(const checkers::RequestKey& request, ByteView payload) {
  Bytes bytes;
  bytes.reserve(tag_bytes + payload.size());
  append(bytes, request.client);
  append(bytes, request.session);
  append(bytes, request.number);
  bytes.append(payload);
  return bytes;
}

ServiceReply ObserverService::execute(ByteView payload, Context& context) {
  // What a group has voted is no client's, and has no tag.
  if (payload.size() < tag_bytes || context.voted() != nullptr) return inner_->execute(payload, context);
  checkers::Executed executed;
  executed.seq = context.seq();
  executed.request = {static_cast<ClientId>(read(payload)), read(payload.substr(8)), read(payload.substr(16))};
  executed.agreed_time_us = context.agreed_time_us();
  executed.operation_hash = fast_hash(hash_seed, payload);
  const auto content = payload.substr(tag_bytes);
  try {
    if (content.substr(0, throwing_payload.size()) == throwing_payload) {
      context.put(thrown_key, payload.substr(0, tag_bytes));
      throw std::runtime_error("the operation asked for it");
    }
    auto reply = inner_->execute(content, context);
    executed.reply_hash = fast_hash(hash_seed, encode_reply(reply));
    observe_(executed);
    return reply;
  } catch (const std::exception&) {
    executed.reply_hash = 0;  // the core makes the reply
    observe_(executed);
    throw;
  }
}

}  // namespace tagma::sim
