// Bodies that somebody signed, as they stand inside of messages. Private to messages/wire.
#pragma once

#include "messages/messages.h"
#include "messages/wire/segment.h"
#include "tagma/result.h"

namespace tagma::wire {

// The parse functions check sizes and shape, but leave the rules of messages/validate.h to the caller, who validates
// the outermost value once: its validator covers what is nested in it.
[[nodiscard]] Result<SignedBundle> parse_signed_bundle(Bytes body, Bytes signature);
[[nodiscard]] Result<Batch> parse_batch(Bytes bytes);
[[nodiscard]] Result<CheckpointVote> parse_checkpoint_vote(Bytes body, Bytes signature);
[[nodiscard]] Result<Rejoin> parse_rejoin(Bytes body, Bytes signature);

/// Words of a SignedBody inside of a message, its own struct aside.
[[nodiscard]] inline std::size_t signed_body_words(ByteView body, ByteView signature) {
  return words(body.size()) + words(signature.size());
}

/// Reads a field of 32 bytes; false if it has another size.
[[nodiscard]] inline bool read_digest(kj::ArrayPtr<const kj::byte> data, Digest& out) {
  return digest_from_bytes(as_view(data), out);
}

}  // namespace tagma::wire
