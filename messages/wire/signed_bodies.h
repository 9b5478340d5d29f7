// Bodies that somebody signed, as they stand inside of messages. Private to messages/wire.
#pragma once

#include <tagma.capnp.h>

#include <vector>

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
[[nodiscard]] Result<ViewChange> parse_view_change(Bytes body, Bytes signature);
[[nodiscard]] Result<NewView> parse_new_view(Bytes body, Bytes signature);

/// The same where the body still stands inside of a message: a long one is refused before it is copied.
[[nodiscard]] Result<ViewChange> read_view_change(schema::SignedBody::Reader in);
[[nodiscard]] Result<NewView> read_new_view(schema::SignedBody::Reader in);

inline constexpr std::size_t root_words = 1;      // the root pointer
inline constexpr std::size_t list_tag_words = 1;  // the tag in front of a list of structs
inline constexpr std::size_t digest_words = Digest::size_bytes / 8;

/// Words of a SignedBody inside of a message, its own struct aside.
[[nodiscard]] inline std::size_t signed_body_words(ByteView body, ByteView signature) {
  return words(body.size()) + words(signature.size());
}

/// Reads a field of 32 bytes; false if it has another size.
[[nodiscard]] inline bool read_digest(kj::ArrayPtr<const kj::byte> data, Digest& out) {
  return digest_from_bytes(as_view(data), out);
}

/// Words of a list of what was signed.
template <typename Signed>
[[nodiscard]] std::size_t signed_list_words(const std::vector<Signed>& list) {
  std::size_t size = list_tag_words;
  for (const auto& entry : list) {
    size += capnp::sizeInWords<schema::SignedBody>() + signed_body_words(entry.body, entry.signature);
  }
  return size;
}

/// Writes a list of what was signed, of the builder's size.
template <typename Signed>
void write_signed_list(capnp::List<schema::SignedBody>::Builder out, const std::vector<Signed>& list) {
  for (unsigned at = 0; at < out.size(); ++at) {
    auto entry = out[at];
    entry.setBody(as_data(list[at].body));
    entry.setSignature(as_data(list[at].signature));
  }
}

/// Reads the votes of a certificate; their number is checked before room is made for them.
[[nodiscard]] Result<CheckpointCertificate> read_votes(capnp::List<schema::SignedBody>::Reader in);

}  // namespace tagma::wire
