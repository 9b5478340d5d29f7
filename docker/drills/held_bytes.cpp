#include "docker/drills/held_bytes.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>

namespace tagma::drills {
namespace {

/// Chunks that leave at the same time are joined up to here.
constexpr std::size_t joined_bytes_max = std::size_t{64} << 10;
/// How many chunks are sent with one system call.
constexpr std::size_t chunks_per_call_max = 64;

HeldBytes::Sent send_vector(int descriptor, iovec* parts, std::size_t count) {
  msghdr header{};
  header.msg_iov = parts;
  header.msg_iovlen = count;
  ssize_t sent = -1;
  do {
    sent = ::sendmsg(descriptor, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return {HeldBytes::Outcome::sent, static_cast<std::size_t>(sent)};
  const bool full = errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS;
  return {full ? HeldBytes::Outcome::blocked : HeldBytes::Outcome::broken, 0};
}

}  // namespace

HeldBytes::Sent send_now(int descriptor, ByteView bytes) {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  HeldBytes::Sent sent = send_vector(descriptor, &part, 1);
  if (sent.outcome == HeldBytes::Outcome::sent && sent.bytes < bytes.size()) sent.outcome = HeldBytes::Outcome::blocked;
  return sent;
}

std::size_t HeldBytes::cost_of(const Chunk& chunk) { return chunk.bytes.capacity() + sizeof(Chunk); }

void HeldBytes::add(ByteView bytes, MonotonicNs release_ns, bool begins_message) {
  if (bytes.empty()) return;
  const bool joins = !chunks_.empty() && chunks_.back().release_ns == release_ns &&
                     chunks_.back().bytes.size() + bytes.size() <= joined_bytes_max;
  if (!joins) {
    chunks_.push_back({Bytes(), release_ns, 0, begins_message});
  } else {
    cost_bytes_ -= cost_of(chunks_.back());
  }
  Chunk& chunk = chunks_.back();
  chunk.bytes.append(bytes);
  if (begins_message) ++chunk.messages;
  cost_bytes_ += cost_of(chunk);
}

void HeldBytes::drop_sent(std::size_t bytes) {
  bytes += first_sent_bytes_;
  while (!chunks_.empty() && bytes >= chunks_.front().bytes.size()) {
    bytes -= chunks_.front().bytes.size();
    cost_bytes_ -= cost_of(chunks_.front());
    chunks_.pop_front();
  }
  first_sent_bytes_ = bytes;
}

HeldBytes::Sent HeldBytes::send(int descriptor, MonotonicNs now_ns) {
  Sent all;
  while (!chunks_.empty() && chunks_.front().release_ns <= now_ns) {
    std::array<iovec, chunks_per_call_max> parts{};
    std::size_t count = 0;
    std::size_t offered_bytes = 0;
    for (auto chunk = chunks_.begin(); chunk != chunks_.end() && count < parts.size(); ++chunk, ++count) {
      if (chunk->release_ns > now_ns) break;
      const std::size_t skipped = count == 0 ? first_sent_bytes_ : 0;
      parts[count] = {chunk->bytes.data() + skipped, chunk->bytes.size() - skipped};
      offered_bytes += parts[count].iov_len;
    }
    const Sent sent = send_vector(descriptor, parts.data(), count);
    all.bytes += sent.bytes;
    drop_sent(sent.bytes);
    all.outcome = sent.outcome;
    if (sent.outcome == Outcome::sent && sent.bytes < offered_bytes) all.outcome = Outcome::blocked;
    if (all.outcome != Outcome::sent) break;
  }
  return all;
}

std::uint64_t HeldBytes::drop_messages() {
  auto first = chunks_.begin();
  if (first != chunks_.end() && first_sent_bytes_ > 0) ++first;
  while (first != chunks_.end() && !first->begins_message) ++first;
  std::uint64_t messages = 0;
  for (auto chunk = first; chunk != chunks_.end(); ++chunk) {
    messages += chunk->messages;
    cost_bytes_ -= cost_of(*chunk);
  }
  chunks_.erase(first, chunks_.end());
  return messages;
}

void HeldBytes::clear() {
  chunks_.clear();
  first_sent_bytes_ = 0;
  cost_bytes_ = 0;
}

std::optional<MonotonicNs> HeldBytes::due_ns() const {
  if (chunks_.empty()) return std::nullopt;
  return chunks_.front().release_ns;
}

}  // namespace tagma::drills
