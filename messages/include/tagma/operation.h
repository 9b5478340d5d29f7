// How an operation names the service that it is for, how bundled services spell their arguments, and how a service's
// reply is packed. A service of one's own may use any bytes behind the service's name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tagma/api.h"
#include "tagma/bytes.h"
#include "tagma/result.h"

namespace tagma {

/// How a service ended an operation; the command line turns it into an exit status.
enum class ReplyStatus : std::uint8_t {
  ok = 0,
  absent = 1,   ///< the thing asked for is not there
  refused = 2,  ///< the service said no; the text says why
};

/// A service's answer.
struct ServiceReply {
  ReplyStatus status = ReplyStatus::ok;
  Bytes text;
  auto operator<=>(const ServiceReply&) const = default;
};

/// Words of a bundled service's operation: the verb and its arguments.
using Words = std::vector<Bytes>;

/// operation := name length (1 byte), name, payload. `service` has 1..64 bytes.
[[nodiscard]] TAGMA_API Bytes encode_operation(ByteView service, ByteView payload);

struct OperationView {
  ByteView service;
  ByteView payload;
};
/// The parts of an operation, borrowed from `operation`.
[[nodiscard]] TAGMA_API Result<OperationView> decode_operation(ByteView operation);

/// words := (length (4 bytes, little endian), bytes)*.
[[nodiscard]] TAGMA_API Bytes encode_words(const Words& words);
/// At most 64 words; refuses lengths that reach beyond the payload and trailing bytes.
[[nodiscard]] TAGMA_API Result<Words> decode_words(ByteView payload);

/// reply := status (1 byte), text.
[[nodiscard]] TAGMA_API Bytes encode_reply(const ServiceReply& reply);
[[nodiscard]] TAGMA_API Result<ServiceReply> decode_reply(ByteView bytes);

}  // namespace tagma
