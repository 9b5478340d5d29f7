/**
 * @file
 * @brief The bytes of an operation and of a reply: which service an operation is for, and how words are spelt.
 *
 * A client encodes an operation and hands it to tagma::Client; a service is given the payload. Every function is pure:
 * safe from any thread, and nothing throws but `std::bad_alloc`. The formats are part of the wire (FORMAT.md) and
 * change only with a note in the changelog.
 */
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "tagma/api.h"
#include "tagma/bytes.h"
#include "tagma/result.h"

namespace tagma {

/// How a service ended an operation; the command line turns it into an exit status.
enum class ReplyStatus : std::uint8_t {
  ok = 0,       ///< done; the text is the answer
  absent = 1,   ///< the thing asked for is not there
  refused = 2,  ///< the service said no; the text says why
};

/// A service's answer.
struct ServiceReply {
  ReplyStatus status = ReplyStatus::ok;  ///< how it ended
  Bytes text;                            ///< any bytes, at most limits::reply_bytes_max - 1

  /// Compares status, then text.
  auto operator<=>(const ServiceReply&) const = default;
};

/// The words of an operation: the verb and its arguments, any bytes each.
using Words = std::vector<Bytes>;

/**
 * Encodes an operation: `operation := name length (1 byte), name, payload`.
 *
 * @param service  the service's name, 1 to limits::service_name_bytes_max bytes; another size ends the process, since
 *                 the name is the program's own and not input
 * @param payload  any bytes; what the service makes of them is its own affair. The operation as a whole may have
 *                 limits::operation_bytes_max bytes, which the client checks
 * @return the operation, to be handed to tagma::Client
 */
[[nodiscard]] TAGMA_API Bytes encode_operation(ByteView service, ByteView payload);

/// The parts of an operation, borrowed from it.
struct OperationView {
  ByteView service;  ///< 1 to limits::service_name_bytes_max bytes
  ByteView payload;  ///< what lies behind the name; may be empty
};

/**
 * Takes an operation apart.
 *
 * @param operation  any bytes from anybody
 * @return its parts, valid as long as the bytes that `operation` borrows; or the first rule that it breaks
 */
[[nodiscard]] TAGMA_API Result<OperationView> decode_operation(ByteView operation);

/**
 * Encodes a payload of words, which is what the bundled services and `tagma call` use:
 * `words := (length (4 bytes, little endian), bytes)*`.
 *
 * @param words  at most limits::words_max, or no service can read them
 */
[[nodiscard]] TAGMA_API Bytes encode_words(const Words& words);

/**
 * The words of a payload.
 *
 * @param payload  any bytes from anybody; empty is no words
 * @return copies of the words; or a reason where there are more than limits::words_max, where a length reaches beyond
 *         the payload, or where bytes are left over
 */
[[nodiscard]] TAGMA_API Result<Words> decode_words(ByteView payload);

/// Encodes a reply: `reply := status (1 byte), text`. Clients compare these bytes, so equal replies encode alike.
[[nodiscard]] TAGMA_API Bytes encode_reply(const ServiceReply& reply);

/**
 * Takes a reply apart.
 *
 * @param bytes  any bytes from anybody
 * @return the reply; or a reason where it is empty or its status is none of ReplyStatus
 */
[[nodiscard]] TAGMA_API Result<ServiceReply> decode_reply(ByteView bytes);

}  // namespace tagma
