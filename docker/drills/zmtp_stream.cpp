#include "docker/drills/zmtp_stream.h"

#include <algorithm>

namespace tagma::drills {
namespace {

constexpr std::size_t greeting_bytes = 64;
constexpr std::uint8_t more_flag = 1;
constexpr std::uint8_t long_flag = 2;
constexpr std::uint8_t command_flag = 4;
constexpr std::uint8_t flags_known = more_flag | long_flag | command_flag;

std::uint8_t byte_at(ByteView bytes, std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); }

/// What a greeting of version 3 must have here; the rest is the mechanism's.
bool may_greet(std::size_t at, std::uint8_t byte) {
  switch (at) {
    case 0: return byte == 0xff;
    case 9: return byte == 0x7f;
    case 10: return byte >= 3;
    default: return true;
  }
}

}  // namespace

StreamPiece ZmtpStream::greeting(ByteView bytes) {
  StreamPiece piece{.kind = StreamPiece::Kind::transport, .begins = greeted_bytes_ == 0};
  for (; piece.bytes < bytes.size() && greeted_bytes_ < greeting_bytes; ++piece.bytes, ++greeted_bytes_) {
    if (!may_greet(greeted_bytes_, byte_at(bytes, piece.bytes))) return {};
  }
  return piece;
}

bool ZmtpStream::take_flags(std::uint8_t flags) {
  flags_ = flags;
  size_bytes_left_ = (flags & long_flag) != 0 ? 8 : 1;
  body_bytes_left_ = 0;
  expected_ = Expected::size;
  return (flags & ~flags_known) == 0 && !(in_command() && (flags & more_flag) != 0);
}

bool ZmtpStream::take_size(std::uint8_t byte) {
  if (body_bytes_left_ > frame_bytes_max) return false;  // before it is shifted out
  body_bytes_left_ = body_bytes_left_ << 8 | byte;
  if (--size_bytes_left_ == 0) expected_ = Expected::body;
  return body_bytes_left_ <= frame_bytes_max;
}

/// Whether a message or command has ended with the frame.
bool ZmtpStream::end_frame() {
  expected_ = Expected::flags;
  if (in_command()) {
    shaken_ = true;
    return true;
  }
  inside_message_ = (flags_ & more_flag) != 0;
  return !inside_message_;
}

StreamPiece ZmtpStream::next(ByteView bytes) {
  if (greeted_bytes_ < greeting_bytes) return greeting(bytes);
  StreamPiece piece;
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (expected_ == Expected::flags) {
      const std::uint8_t flags = byte_at(bytes, at);
      // ZeroMQ sends its heartbeats between the frames of a message too.
      if (at > 0 && (flags & command_flag) != 0) break;
      if (!take_flags(flags)) return {};
      if (at == 0) piece.begins = in_command() || !inside_message_;
      if (!in_command()) inside_message_ = true;
      ++at;
    } else if (expected_ == Expected::size) {
      if (!take_size(byte_at(bytes, at))) return {};
      ++at;
    } else {
      const std::size_t taken = std::min<std::uint64_t>(body_bytes_left_, bytes.size() - at);
      body_bytes_left_ -= taken;
      at += taken;
    }
    piece.kind = in_command() ? StreamPiece::Kind::transport : StreamPiece::Kind::message;
    if (expected_ == Expected::body && body_bytes_left_ == 0 && end_frame()) break;
  }
  piece.bytes = at;
  piece.inside_message = in_command() && inside_message_;
  return piece;
}

}  // namespace tagma::drills
