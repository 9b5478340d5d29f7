// The codec towards bytes that nobody vouches for: messages, batches, signed bodies.
//
// The input is the bytes. Promises: nothing throws; the verdict does not depend on the address; what is allocated is a
// small multiple of the input; what was decoded is valid, and decodes to itself after it was encoded.
#include "messages/wire/codec.h"

#include <cstring>

#include "messages/assert.h"
#include "messages/validate.h"
#include "tagma/limits.h"
#include "test/fuzz/target.h"
#include "test/unit/messages/allocation_meter.h"
#include "test/unit/messages/samples.h"

namespace tagma::fuzz {
namespace {

constexpr std::size_t framing_bytes = 8;
constexpr std::size_t word_bytes = 8;

/// An element of a list may have one word on the wire and twenty times as much as a value; a signed body is copied at
/// each level that it is nested in.
constexpr std::size_t allocation_factor = 32;
constexpr std::size_t allocation_base_bytes = 4096;

/// Decodes with an eye on the heap.
template <typename Decode>
auto metered(const Decode& decode, std::size_t input_bytes) {
  const auto before = test::allocated_bytes();
  auto result = decode();
  const auto allocated = test::allocated_bytes() - before;
  TAGMA_ASSERT(allocated <= allocation_factor * input_bytes + allocation_base_bytes,
               "decoding allocates a small multiple of its input");
  TAGMA_ASSERT(result.ok() || !result.reason().empty(), "a refusal has a reason");
  return result;
}

void judge_message(ByteView input) {
  const auto decoded = metered([&] { return wire::decode(input); }, input.size());
  Bytes shifted(1, '\0');
  shifted.append(input);
  const auto elsewhere = wire::decode(ByteView(shifted).substr(1));
  TAGMA_ASSERT(decoded.ok() == elsewhere.ok(), "the verdict does not depend on the address");
  if (!decoded) {
    TAGMA_ASSERT(decoded.reason() == elsewhere.reason(), "the reason does not depend on the address");
    return;
  }
  TAGMA_ASSERT(samples::same(*decoded, *elsewhere), "the value does not depend on the address");
  TAGMA_ASSERT(!validate(*decoded), "what was decoded is valid");
  const auto encoded = wire::encode(*decoded);
  const auto again = wire::decode(encoded);
  TAGMA_ASSERT(again.ok(), "what was encoded can be decoded");
  TAGMA_ASSERT(samples::same(*decoded, *again), "a message decodes to itself");
  TAGMA_ASSERT(wire::encode(*again) == encoded, "equal messages have equal encodings");
}

void judge_bundle(ByteView input) {
  const auto decoded = metered([&] { return wire::decode_signed_bundle(Bytes(input), "signature"); }, input.size());
  if (!decoded) return;
  TAGMA_ASSERT(decoded->body == input, "signed bytes are kept as they came");
  TAGMA_ASSERT(!validate(*decoded), "what was decoded is valid");
  const auto again = wire::decode_signed_bundle(wire::encode_bundle_body(decoded->content), "signature");
  TAGMA_ASSERT(again.ok() && again->content == decoded->content, "a bundle decodes to itself");
}

void judge_batch(ByteView input) {
  const auto decoded = metered([&] { return wire::decode_batch(Bytes(input)); }, input.size());
  if (!decoded) return;
  TAGMA_ASSERT(decoded->bytes == input, "hashed bytes are kept as they came");
  TAGMA_ASSERT(!validate(*decoded), "what was decoded is valid");
  if (decoded->is_null() || input.size() > limits::batch_bytes_max - allocation_base_bytes) return;
  const auto encoded = wire::encode_batch(decoded->proposed_time_us, decoded->bundles);
  const auto again = wire::decode_batch(encoded.bytes);
  TAGMA_ASSERT(again.ok() && again->bundles == decoded->bundles && again->proposed_time_us == decoded->proposed_time_us,
               "a batch decodes to itself");
}

/// The body of a checkpoint vote has no decoder of its own outside of the codec: it travels in a message.
void judge_checkpoint(ByteView input) {
  if (input.empty() || input.size() > limits::statement_bytes_max) return;
  const auto decoded = wire::decode(wire::encode(CheckpointVote{{}, Bytes(input), "signature"}));
  if (!decoded) return;
  const auto& vote = std::get<CheckpointVote>(*decoded);
  TAGMA_ASSERT(vote.body == input, "signed bytes are kept as they came");
  const auto body = wire::encode_checkpoint_body(vote.content);
  const auto again = wire::decode(wire::encode(CheckpointVote{{}, body, "signature"}));
  TAGMA_ASSERT(again.ok() && std::get<CheckpointVote>(*again).content == vote.content,
               "a checkpoint statement decodes to itself");
}

/// A NEW-VIEW and the VIEW-CHANGEs in it, whose bodies have no decoder of their own either.
void judge_new_view(ByteView input) {
  const auto decoded = metered([&] { return wire::decode_new_view(Bytes(input), "signature"); }, input.size());
  if (!decoded) return;
  TAGMA_ASSERT(decoded->body == input, "signed bytes are kept as they came");
  TAGMA_ASSERT(!validate(*decoded), "what was decoded is valid");
  auto content = decoded->content;
  for (auto& view_change : content.view_changes) {
    if (view_change.body.size() > limits::view_change_bytes_max - allocation_base_bytes) return;
    view_change.body = wire::encode_view_change_body(view_change.content);
  }
  if (input.size() > limits::new_view_bytes_max - replicas_max * allocation_base_bytes) return;
  const auto again = wire::decode_new_view(wire::encode_new_view_body(content), "signature");
  TAGMA_ASSERT(again.ok() && again->content == content, "a NEW-VIEW decodes to itself");
}

}  // namespace

void judge(ByteView input) {
  judge_message(input);
  judge_bundle(input);
  judge_batch(input);
  judge_checkpoint(input);
  judge_new_view(input);
}

}  // namespace tagma::fuzz

#ifdef TAGMA_FUZZ
extern "C" {
// libFuzzer gives these names.
// NOLINTBEGIN(readability-identifier-naming)
std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

/// Mends the framing of most inputs: without it one changed size would be all that a decoder looks at.
std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  using namespace tagma::fuzz;
  size = LLVMFuzzerMutate(data, size, max_size);
  if (seed % 8 == 0 || max_size < 2 * framing_bytes) return size;
  auto whole = (size + word_bytes - 1) / word_bytes * word_bytes;
  if (whole > max_size) whole -= word_bytes;
  if (whole < 2 * framing_bytes) whole = 2 * framing_bytes;
  if (whole > size) std::memset(data + size, 0, whole - size);
  std::memset(data, 0, framing_bytes);
  const auto words = whole / word_bytes - 1;
  for (std::size_t at = 0; at < 4; ++at) data[4 + at] = static_cast<std::uint8_t>(words >> (8 * at));
  return whole;
}
// NOLINTEND(readability-identifier-naming)
}
#endif
