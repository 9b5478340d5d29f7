// The one codec: the only place that knows the generated Cap'n Proto types. In: bytes that nobody vouches for. Out:
// validated value types, or the reason why not. Never throws, never allocates more than a small multiple of the input.
//
// Bytes that are signed or hashed (bodies of bundles, checkpoints, REJOINs, VIEW-CHANGEs and NEW-VIEWs, batches) are
// kept exactly as received: several Cap'n Proto encodings decode alike, so nothing is re-encoded to verify it (attacks:
// "Stack traps"). All functions are pure and safe from any thread.
#pragma once

#include "messages/messages.h"
#include "tagma/result.h"

namespace tagma::wire {

/// Encodes one message for a frame. The message must be valid (validate() has nothing to say).
[[nodiscard]] Bytes encode(const Message& message);

/// Decodes and validates one message: size, traversal and nesting limits first, then every rule of messages/validate.h.
[[nodiscard]] Result<Message> decode(ByteView bytes);

/// The bytes that a client signs (through bundle_statement) and that travel in SignedBundle::body.
[[nodiscard]] Bytes encode_bundle_body(const Bundle& bundle);

/// Decodes and validates a bundle from its exact body.
[[nodiscard]] Result<SignedBundle> decode_signed_bundle(Bytes body, Bytes signature);

/// Encodes a batch of at least one bundle or REJOIN; Batch::bytes of the result is the exact encoding, and what it was
/// made from is kept.
[[nodiscard]] Batch encode_batch(TimeUs proposed_time_us, std::vector<SignedBundle> bundles,
                                 std::vector<Rejoin> rejoins = {});

/// Decodes and validates a batch from its exact bytes; empty bytes are the null batch.
[[nodiscard]] Result<Batch> decode_batch(Bytes bytes);

/// The bytes that a replica signs (through checkpoint_statement) and that travel in CheckpointVote::body.
[[nodiscard]] Bytes encode_checkpoint_body(const CheckpointStatement& statement);

/// The bytes that a replica signs (through rejoin_statement) and that travel in Rejoin::body.
[[nodiscard]] Bytes encode_rejoin_body(const RejoinStatement& statement);

/// The bytes that a replica signs (through view_change_statement) and that travel in ViewChange::body. The claims keep
/// to their limits; with the certificate's votes as long as honest ones are, everything fits.
[[nodiscard]] Bytes encode_view_change_body(const ViewChangeStatement& statement);

/// The bytes that a primary signs (through new_view_statement) and that travel in NewView::body. Holds the bodies of
/// the VIEW-CHANGEs as they came.
[[nodiscard]] Bytes encode_new_view_body(const NewViewStatement& statement);

/// Decodes and validates a NEW-VIEW from its exact body: the durable log keeps it like this.
[[nodiscard]] Result<NewView> decode_new_view(Bytes body, Bytes signature);

/// What is put under the signature: a domain name that differs for every signed type, then the body, so that a
/// signature of one type is never valid as another (attacks B12; raijin 17).
[[nodiscard]] Bytes bundle_statement(ByteView body);
[[nodiscard]] Bytes checkpoint_statement(ByteView body);
[[nodiscard]] Bytes rejoin_statement(ByteView body);
[[nodiscard]] Bytes view_change_statement(ByteView body);
[[nodiscard]] Bytes new_view_statement(ByteView body);

}  // namespace tagma::wire
