#include "checkpoint/write_trace.h"

#include <utility>

#include "messages/assert.h"

namespace tagma {
namespace {

constexpr char gone_tag = '\x00';
constexpr char value_tag = '\x01';

void append_counted(Bytes& out, ByteView bytes) {
  const auto length = static_cast<std::uint32_t>(bytes.size());
  for (std::uint32_t at = 0; at < 4; ++at) out.push_back(static_cast<char>(length >> (8 * at) & 0xffU));
  out.append(bytes);
}

}  // namespace

WriteTrace::WriteTrace(HashFunction hash) : hash_(std::move(hash)), gathered_(Digest::size_bytes, '\0') {}

void WriteTrace::wrote(ByteView key, const std::optional<ByteView>& value) {
  append_counted(gathered_, key);
  gathered_.push_back(value ? value_tag : gone_tag);
  if (value) append_counted(gathered_, *value);
  if (!begun_at_) fold();
}

void WriteTrace::commit() {
  begun_at_.reset();
  fold();
}

void WriteTrace::rollback() {
  TAGMA_ASSERT(begun_at_.has_value(), "an operation is running");
  gathered_.resize(*begun_at_);
  begun_at_.reset();
}

void WriteTrace::fold() {
  if (gathered_.size() < fold_bytes) return;
  const Digest folded = hash_(gathered_);
  gathered_.assign(folded.view());
}

Digest WriteTrace::take() {
  TAGMA_ASSERT(!begun_at_, "no operation is running");
  const Digest taken = hash_(gathered_);
  gathered_.assign(Digest::size_bytes, '\0');
  return taken;
}

}  // namespace tagma
