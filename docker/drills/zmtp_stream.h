// Where the messages of a ZeroMQ connection begin and end in its bytes (ZMTP 3: rfc.zeromq.org/spec/23).
#pragma once

#include <cstddef>
#include <cstdint>

#include "tagma/bytes.h"

namespace tagma::drills {

/// A stretch of one direction's bytes that belongs together.
struct StreamPiece {
  enum class Kind : std::uint8_t {
    transport,  ///< of the greeting or of a command: the connection's own affairs
    message,    ///< of a message, headers of its frames included
    broken,     ///< not ZMTP 3, or a frame that is too large; nothing after it can be understood
  };
  Kind kind = Kind::broken;
  std::size_t bytes = 0;
  bool begins = false;          ///< the first byte of the message, command or greeting is in it
  bool inside_message = false;  ///< a command between the frames of a message that has not ended
};

/// Follows one direction of one connection.
class ZmtpStream {
 public:
  /// The longest piece at the beginning of `bytes`, which are not empty; it is followed by what comes with the next
  /// call. A piece ends with its message or command, or where the bytes end.
  [[nodiscard]] StreamPiece next(ByteView bytes);

  /// The greeting and the first command have passed: with security mechanism NULL, messages may follow.
  [[nodiscard]] bool shaken() const { return shaken_; }
  /// The frames so far do not make a whole message.
  [[nodiscard]] bool inside_message() const { return inside_message_; }

  static constexpr std::uint64_t frame_bytes_max = std::uint64_t{64} << 20;

 private:
  enum class Expected : std::uint8_t { flags, size, body };

  [[nodiscard]] StreamPiece greeting(ByteView bytes);
  [[nodiscard]] bool take_flags(std::uint8_t flags);
  [[nodiscard]] bool take_size(std::uint8_t byte);
  [[nodiscard]] bool in_command() const { return (flags_ & 4U) != 0; }
  [[nodiscard]] bool end_frame();

  std::size_t greeted_bytes_ = 0;
  Expected expected_ = Expected::flags;
  std::uint8_t flags_ = 0;
  std::uint8_t size_bytes_left_ = 0;
  std::uint64_t body_bytes_left_ = 0;
  bool inside_message_ = false;
  bool shaken_ = false;
};

}  // namespace tagma::drills
