#include "tagma/operation.h"

#include "messages/assert.h"
#include "tagma/limits.h"

namespace tagma {
namespace {

constexpr std::size_t length_bytes = 4;

void append_length(Bytes& out, std::size_t length) {
  for (std::size_t at = 0; at < length_bytes; ++at) out.push_back(static_cast<char>(length >> (8 * at) & 0xffU));
}

std::size_t read_length(ByteView bytes) {
  std::size_t length = 0;
  for (std::size_t at = 0; at < length_bytes; ++at) {
    length |= std::size_t{static_cast<unsigned char>(bytes[at])} << (8 * at);
  }
  return length;
}

}  // namespace

Bytes encode_operation(ByteView service, ByteView payload) {
  TAGMA_ASSERT(!service.empty() && service.size() <= limits::service_name_bytes_max,
               "a service's name has 1..64 bytes");
  Bytes operation;
  operation.reserve(1 + service.size() + payload.size());
  operation.push_back(static_cast<char>(service.size()));
  operation.append(service);
  operation.append(payload);
  return operation;
}

Result<OperationView> decode_operation(ByteView operation) {
  if (operation.empty()) return Refused{"the operation is empty"};
  const std::size_t length = static_cast<unsigned char>(operation.front());
  if (length == 0) return Refused{"the operation names no service"};
  if (length > limits::service_name_bytes_max) return Refused{"the service's name has more than 64 bytes"};
  if (length > operation.size() - 1) return Refused{"the service's name reaches beyond the operation"};
  return OperationView{operation.substr(1, length), operation.substr(1 + length)};
}

Bytes encode_words(const Words& words) {
  Bytes payload;
  for (const auto& word : words) {
    append_length(payload, word.size());
    payload.append(word);
  }
  return payload;
}

Result<Words> decode_words(ByteView payload) {
  Words words;
  while (!payload.empty()) {
    if (words.size() == limits::words_max) return Refused{"the operation has more than 64 words"};
    if (payload.size() < length_bytes) return Refused{"there are trailing bytes behind the last word"};
    const auto length = read_length(payload);
    payload.remove_prefix(length_bytes);
    if (length > payload.size()) return Refused{"a word reaches beyond the operation"};
    words.emplace_back(payload.substr(0, length));
    payload.remove_prefix(length);
  }
  return words;
}

Bytes encode_reply(const ServiceReply& reply) {
  Bytes bytes;
  bytes.reserve(1 + reply.text.size());
  bytes.push_back(static_cast<char>(reply.status));
  bytes.append(reply.text);
  return bytes;
}

Result<ServiceReply> decode_reply(ByteView bytes) {
  if (bytes.empty()) return Refused{"the reply is empty"};
  const auto status = static_cast<unsigned char>(bytes.front());
  if (status > static_cast<unsigned char>(ReplyStatus::refused)) return Refused{"the reply's status is unknown"};
  return ServiceReply{static_cast<ReplyStatus>(status), Bytes(bytes.substr(1))};
}

}  // namespace tagma
